"""Which format each file has, and whose relationships those are that do not say it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import click

from streams.sources import Lines
from streams.sources.history import guess


def formats_of(files: Sequence[str], form: str | None) -> dict[str, str]:
    """The format of each file: the one that is said, or a guess.

    Raises:
        UnreadableFile: one of them cannot be read.
    """
    return {name: form or guess(name, next(iter(Lines(name)), b"")) for name in files}


def accounts_of(formats: Mapping[str, str], accounts: Sequence[str]) -> Mapping[str, str]:
    """Accounts, each with what the URLs of its notes begin with; ends the command if unfit."""
    needing = [name for name, form in formats.items() if form in {"jetstream", "activitystreams"}]
    if accounts and not needing:
        raise click.UsageError(
            "--account goes with files of Jetstream or ActivityStreams; in the others every event "
            "names its account"
        )
    if needing and not accounts:
        raise click.UsageError(
            f"{needing[0]} is read as {formats[needing[0]]}, which needs --account: whose audience "
            "is it? --format says another"
        )
    parted = dict(_parted(account) for account in accounts)
    _check(set(formats.values()), parted)
    return parted


def _parted(account: str) -> tuple[str, str]:
    actor, _, prefix = account.partition("=")
    return actor, prefix or f"{actor.rstrip('/')}/"


def _check(formats: Collection[str], accounts: Mapping[str, str]) -> None:
    dids = {account for account in accounts if account.startswith("did:")}
    urls = {account for account in accounts if "://" in account}
    if wrong := accounts.keys() - dids - urls:
        raise click.BadParameter(
            f"{min(wrong)!r} is neither a DID (did:plc:…) nor the URL of an actor",
            param_hint="--account",
        )
    if "jetstream" in formats and not dids:
        raise click.BadParameter("Jetstream needs a DID", param_hint="--account")
    if "activitystreams" in formats and not urls:
        raise click.BadParameter(
            "ActivityStreams needs the URL of an actor", param_hint="--account"
        )
