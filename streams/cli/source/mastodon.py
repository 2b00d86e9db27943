"""`closeknit source mastodon`."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
from yarl import URL

from streams.cli.running import read_settings
from streams.cli.source.parameters import SourceName, is_loopback
from streams.cli.source.starting import start
from streams.sources.live.mastodon import Mastodon, Pace
from streams.sources.live.meters import Meters
from streams.sources.live.process import pump

TOKEN = "CLOSEKNIT_MASTODON_TOKEN"  # noqa: S105  the name of a variable

_EXAMPLES = """\b
Examples:
  closeknit source mastodon --instance https://mastodon.example --backfill
  closeknit source mastodon --instance mastodon.example --token-file token
"""


class _Instance(click.ParamType):
    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            url = URL(value if "://" in value else f"https://{value}")
            host = url.host or ""
        except ValueError:
            host = ""
        if not host or url.scheme not in {"https", "http"}:
            self.fail(
                f"{value!r} is no address: give one like https://mastodon.example", param, ctx
            )
        if url.scheme == "http" and not is_loopback(host):
            self.fail(
                f"{value!r} would send the token where everybody can read it: use https://",
                param,
                ctx,
            )
        return str(url.origin())


@click.command(epilog=_EXAMPLES)
@click.option(
    "--instance",
    required=True,
    type=_Instance(),
    metavar="URL",
    help="The instance on which the account is.",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"File with the account's access token. Default: the variable {TOKEN}.",
)
@click.option(
    "--backfill",
    is_flag=True,
    help="Begin with those who follow now, and with what the instance still has of the past.",
)
@click.option(
    "--lists-every",
    type=click.IntRange(min=60),
    default=round(Pace().lists),
    show_default=True,
    metavar="SECONDS",
    help="How often to compare who follows: the only way to see that somebody left.",
)
@click.option(
    "--name",
    type=SourceName(),
    default="mastodon",
    show_default=True,
    help="Of this source: two at the same time need two.",
)
@click.pass_context
def mastodon(
    ctx: click.Context,
    *,
    instance: str,
    token_file: Path | None,
    backfill: bool,
    lists_every: int,
    name: str,
) -> None:
    """Feed what happens around an account on Mastodon.

    Favourites, replies, boosts and follows, what others do to the account and what it does to
    them, and most of what is taken back. The account is the one whose token it is; accounts and
    members are named user@host. The token needs the scope read.
    """
    settings = read_settings()
    meters = Meters(name)
    source = Mastodon(
        instance,
        _token(token_file),
        meters,
        name=name,
        backfill=backfill,
        pace=Pace(lists=lists_every),
    )
    start(ctx, settings, name, meters, pump(source))


def _token(file: Path | None) -> str:
    where = TOKEN if file is None else str(file)
    try:
        token = os.environ.get(TOKEN, "") if file is None else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise click.UsageError(f"the token cannot be read from {where}: {reason}") from None
    token = token.strip()
    if not token:
        raise click.UsageError(
            f"there is no token in {where}: make one in the account's preferences, under "
            f"Development, with the scope read; give it in {TOKEN} or in a file with --token-file"
        )
    if not re.fullmatch(r"[!-~]+", token):
        raise click.UsageError(
            f"what is in {where} is no token: it has spaces, or more than one line"
        )
    return token
