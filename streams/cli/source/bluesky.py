"""`closeknit source bluesky`."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from streams.cli.running import read_settings
from streams.cli.source.parameters import SourceName
from streams.cli.source.starting import start
from streams.settings import Settings
from streams.sources.live.bluesky import API, Bluesky
from streams.sources.live.jetstream import Protocol
from streams.sources.live.meters import Meters
from streams.sources.live.process import pump

_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]+")
_HANDLE = re.compile(r"@?([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]{2,63}")

_EXAMPLES = """\b
Examples:
  closeknit source bluesky --account yourbrand.bsky.social --backfill
  closeknit source bluesky --account did:plc:... --protocol v1
  closeknit source bluesky --account did:plc:... --host ws://jetstream:6008
"""


class _Account(click.ParamType):
    name = "account"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not (_DID.fullmatch(value) or _HANDLE.fullmatch(value)):
            self.fail(
                f"{value!r} is neither a DID (did:plc:…) nor a handle (name.bsky.social)",
                param,
                ctx,
            )
        return value


def _urls(*schemes: str) -> click.ParamType:
    class Url(click.ParamType):
        name = "url"

        def convert(
            self, value: str, param: click.Parameter | None, ctx: click.Context | None
        ) -> str:
            scheme, _, rest = value.partition("://")
            if scheme not in schemes or not rest:
                self.fail(f"{value!r} does not begin with {schemes[0]}://", param, ctx)
            return value

    return Url()


@click.command(epilog=_EXAMPLES)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    type=_Account(),
    metavar="HANDLE|DID",
    help="An account to watch; may be repeated. Default: every DID in the accounts file.",
)
@click.option(
    "--backfill",
    is_flag=True,
    help="Begin with those who follow now, and with what Jetstream still has (36 hours).",
)
@click.option(
    "--protocol",
    type=click.Choice(["v1", "v2"]),
    default="v2",
    show_default=True,
    help="v2 refuses a place in the stream that it no longer has; v1 passes over it.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    type=_urls("wss", "ws", "https", "http"),
    metavar="URL",
    help="A Jetstream, and the next to try when it fails; may be repeated. Default: Bluesky's.",
)
@click.option(
    "--api",
    type=_urls("https", "http"),
    metavar="URL",
    default=API,
    show_default=True,
    help="Who resolves handles and knows followers.",
)
@click.option(
    "--name",
    type=SourceName(),
    default="bluesky",
    show_default=True,
    help="Of this source: two at the same time need two.",
)
@click.pass_context
def bluesky(
    ctx: click.Context,
    *,
    accounts: tuple[str, ...],
    backfill: bool,
    protocol: Protocol,
    hosts: tuple[str, ...],
    api: str,
    name: str,
) -> None:
    """Feed what happens around accounts on Bluesky.

    Likes, replies, reposts and follows, what others do to an account and what it does to them, and
    what is taken back. Events name accounts and members by their DIDs.
    """
    settings = read_settings()
    meters = Meters(name)
    source = Bluesky(
        _watched(accounts, settings),
        meters,
        name=name,
        protocol=protocol,
        hosts=hosts,
        api=api,
        backfill=backfill,
    )
    start(ctx, settings, name, meters, pump(source))


def _watched(accounts: Sequence[str], settings: Settings) -> Sequence[str]:
    listed = [entry.id for entry in settings.accounts.entries if _DID.fullmatch(entry.id)]
    if not (watched := list(dict.fromkeys(accounts or listed))):
        raise click.UsageError(
            "which accounts? Give --account a handle or a DID, or list DIDs in the accounts file "
            "(CLOSEKNIT_ACCOUNTS)"
        )
    return watched
