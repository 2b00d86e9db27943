"""What commands about people read: the changelog, and the settings that say who is meant."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Collection
from functools import cached_property
from itertools import islice
from typing import Final

import click

from streams.changelog import Changelog, read_changelog
from streams.cli.running import Failure, counted, existing_topics
from streams.core.placement import account_of
from streams.core.words import visible
from streams.export import TooEarly, clock_at
from streams.settings import Settings

_MANY: Final = 50_000
"""Ids among which close ones are looked for: a second's work."""


class Audience:
    """Everybody in the changelog at one clock, and what the settings say of accounts and members.

    Attributes:
        changelog: all relationships.
        clock: the hour that now is.
        ignored: members who are on no list.
    """

    def __init__(self, changelog: Changelog, clock: int, settings: Settings) -> None:
        self.changelog = changelog
        self.clock = clock
        self.ignored = settings.ignore.members
        self._file = settings.accounts.path
        self._names = {account.id: account.name for account in settings.accounts.entries}

    @cached_property
    def accounts(self) -> frozenset[str]:
        """The accounts of which anything is known."""
        return frozenset(map(account_of, self.changelog.values))

    def covered(self, account: str | None) -> list[str]:
        """The account asked for; else those of the accounts file, in its order; else all.

        Raises:
            Failure: nobody knows the account.
        """
        if account is None:
            return list(self._names) or sorted(self.accounts)
        if account not in self.accounts and account not in self._names:
            known = sorted(self.accounts | self._names.keys())
            raise Failure(f"no account {visible(account)} is known{similar(account, known)}")
        return [account]

    def others(self) -> str | None:
        """Say how many accounts the accounts file leaves out, if there are any."""
        if not self._names or not (left_out := len(self.accounts - self._names.keys())):
            return None
        are = "is" if left_out == 1 else "are"
        return (
            f"{counted(left_out, 'other account')} {are} not in {self._file}: "
            "--account ID names any."
        )

    def name(self, account: str) -> str:
        """What people call it: its id, if the accounts file has no other name."""
        return self._names.get(account, account)

    def title(self, account: str) -> str:
        """Its name and its id, to be printed."""
        name = self.name(account)
        return visible(account) if name == account else f"{visible(name)} ({visible(account)})"


def read_audience(settings: Settings, as_of: int | None) -> Audience:
    """Read the changelog, or end the command: nothing is there yet, or `as_of` (ms) is too early.

    Raises:
        Failure: it lies before the stored clock; or what `existing_topics` raises.
    """
    topic = settings.changelog
    found = existing_topics(settings, [topic])
    reading = read_changelog(settings.connection(), topic, found[topic].partitions)
    changelog = asyncio.run(reading)
    if not changelog.values:
        click.echo("Nothing was written down yet: has a worker run?", err=True)
        raise click.exceptions.Exit(0)
    try:
        return Audience(changelog, clock_at(changelog, as_of), settings)
    except TooEarly as error:
        raise Failure(str(error)) from None


def similar(id: str, known: Collection[str]) -> str:
    """Return how a sentence goes on that says an id is unknown: close ones, or where all are."""
    # A table may have left out the middle of it.
    parts = id.casefold().replace("...", "…").split("…")
    holding = (other for other in known if all(part in other.casefold() for part in parts))
    close = list(islice(holding, 3))
    close = close or difflib.get_close_matches(id, islice(known, _MANY), n=3)
    if not close:
        return ": `closeknit export` writes all that are"
    return f": did you mean {' or '.join(map(visible, close))}?"
