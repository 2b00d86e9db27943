"""`closeknit source webhooks`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial

import click
from pydantic import SecretStr

from streams.cli.running import read_settings
from streams.cli.source.mappings import MappingFile
from streams.cli.source.parameters import SourceName, is_loopback
from streams.cli.source.starting import start
from streams.settings import Settings
from streams.sources.live.authentication import SIGNATURE_HEADER, TOLERANCE, Authentication
from streams.sources.live.meters import Meters
from streams.sources.live.webhooks import Gateway, Limits
from streams.sources.mapping import Mapped

_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_LINGER = 0.01
"""Seconds to wait for company: a sender waits for the commit of what it sent."""

_EXAMPLES = """\b
Examples:
  CLOSEKNIT_WEBHOOK_TOKEN_FILE=token closeknit source webhooks
  closeknit source webhooks --mapping segment=segment.toml
  closeknit source webhooks --account https://social.example/users/acme
"""


class _Address(click.ParamType):
    name = "host:port"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if not isinstance(value, str):
            return value
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is not of the form HOST:PORT", param, ctx)
        return host.removeprefix("[").removesuffix("]"), int(port)


class _Header(click.ParamType):
    name = "header"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not _HEADER.fullmatch(value):
            self.fail(f"{value!r} is no name of a header", param, ctx)
        return value


class _NamedMapping(click.ParamType):
    name = "name=file"

    def convert(
        self,
        value: str | tuple[str, Mapped],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, Mapped]:
        if not isinstance(value, str):
            return value
        name, _, file = value.partition("=")
        if not _NAME.fullmatch(name) or not file:
            self.fail(
                f"{value!r} is not of the form NAME=FILE; a name has letters, digits, dots, "
                "hyphens and underscores",
                param,
                ctx,
            )
        return name, MappingFile().convert(file, param, ctx)


class _Account(click.ParamType):
    name = "account"

    def convert(
        self,
        value: str | tuple[str, str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        if not isinstance(value, str):
            return value
        account, _, prefix = value.partition("=")
        if not account or account != "".join(account.split()):
            self.fail(f"{value!r} is no id of an actor", param, ctx)
        return account, prefix or f"{account.rstrip('/')}/"


@click.command(epilog=_EXAMPLES)
@click.option(
    "--listen",
    type=_Address(),
    default="127.0.0.1:8080",
    show_default=True,
    help="Where to listen; port 0 is any free one.",
)
@click.option(
    "--name",
    type=SourceName(),
    default="webhooks",
    show_default=True,
    help="Of this source; a second process of the same name shuts the first out.",
)
@click.option(
    "--mapping",
    "mappings",
    type=_NamedMapping(),
    multiple=True,
    help="Take what FILE maps at /mapped/NAME; may be repeated.",
)
@click.option(
    "--account",
    "accounts",
    type=_Account(),
    multiple=True,
    metavar="ACTOR[=PREFIX]",
    help="Take ActivityStreams 2 about this actor (its id, with what the URLs of its notes begin "
    "with; default: ACTOR/) at /activitystreams; may be repeated.",
)
@click.option(
    "--signature-header",
    type=_Header(),
    default=SIGNATURE_HEADER,
    show_default=True,
    help="Where the HMAC-SHA256 of the body is, in hex or base64.",
)
@click.option(
    "--timestamp-header",
    type=_Header(),
    help="Where the seconds since 1970 are that are signed too: TIME.BODY.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=1),
    default=TOLERANCE,
    show_default=True,
    help="Seconds that a signed time may differ from ours.",
)
@click.option(
    "--max-body",
    type=click.IntRange(1024, 32 << 20),
    default=1 << 20,
    show_default=True,
    help="Bytes of a request.",
)
@click.option(
    "--max-items",
    type=click.IntRange(1, 5000),
    default=1000,
    show_default=True,
    help="Items of a request.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Items a second, of all senders; 0 is without limit.",
)
@click.option(
    "--insecure-no-auth",
    "open_to_all",
    is_flag=True,
    help="Take from everybody; on loopback only.",
)
@click.pass_context
def webhooks(
    ctx: click.Context,
    *,
    listen: tuple[str, int],
    name: str,
    mappings: tuple[tuple[str, Mapped], ...],
    accounts: tuple[tuple[str, str], ...],
    signature_header: str,
    timestamp_header: str | None,
    tolerance: float,
    max_body: int,
    max_items: int,
    rate: float,
    open_to_all: bool,
) -> None:
    """Take events over HTTP, from whatever pushes.

    POST /events takes our own, /activitystreams ActivityStreams 2, /mapped/NAME anything through
    a mapping. 202 means committed to Kafka. Senders sign with CLOSEKNIT_WEBHOOK_SECRET or show
    CLOSEKNIT_WEBHOOK_TOKEN: see docs/webhooks.md.
    """
    settings = read_settings()
    authentication = _authentication(settings)._replace(
        signature_header=signature_header,
        timestamp_header=timestamp_header or "",
        tolerance=tolerance,
    )
    host, port = listen
    if not authentication.required and not (open_to_all and is_loopback(host)):
        raise click.UsageError(
            "anybody could push: set CLOSEKNIT_WEBHOOK_SECRET or CLOSEKNIT_WEBHOOK_TOKEN (or "
            "either with _FILE and a file); to try it out on loopback, --insecure-no-auth"
        )
    meters = Meters(name)
    gateway = Gateway(
        authentication,
        Limits(
            max_body,
            max_items,
            rate,
            settings.max_value_bytes,
            round(settings.max_ahead * 1000),
        ),
        dict(mappings),
        dict(accounts),
        meters,
    )
    start(ctx, settings, name, meters, partial(gateway.feed, host, port), linger=_LINGER)


def _authentication(settings: Settings) -> Authentication:
    return Authentication(
        secrets=_revealed([settings.webhook_secret, settings.webhook_secret_old]),
        tokens=_revealed([settings.webhook_token, settings.webhook_token_old]),
    )


def _revealed(secrets: Iterable[SecretStr | None]) -> list[bytes]:
    return [one.get_secret_value().encode() for one in secrets if one is not None]
