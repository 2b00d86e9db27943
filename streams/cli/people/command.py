"""`closeknit people`: the lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import click
from rich.cells import cell_len, set_cell_size

from streams import export
from streams.cli.audience import Audience, read_audience
from streams.cli.groups import Group
from streams.cli.parameters import Id, Time
from streams.cli.people.show import show
from streams.cli.running import plain_errors, read_settings
from streams.cli.screen import glyphs, print_table
from streams.core.time import HOUR_MS, format_ms
from streams.core.words import visible
from streams.people import (
    LISTINGS,
    Listing,
    Person,
    by_account,
    strength_when_last_heard,
    waiting,
    why,
)

_MOST_PRESSING: Final = ("awaiting", "promising", "cooling")
_FEW, _SOME = 3, 20
# As long as an id of Bluesky, of which nothing must be lost on the way to `people show`.
_ID_WIDTH = 32


def _a_flag_per_list(command: Callable[..., Any]) -> Callable[..., Any]:
    for listing in reversed([*LISTINGS.values()]):
        command = click.option(f"--{listing.name}", is_flag=True, help=listing.meaning)(command)
    return command


@click.group(cls=Group, invoke_without_command=True)
@_a_flag_per_list
@click.option("--account", type=Id(), help="Only this account.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help="At most so many of a list and account; default: 20 in a table, else all.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "jsonl"]),
    default="table",
    show_default=True,
    help="csv, jsonl: with all that is known of each.",
)
@click.option(
    "--as-of",
    type=Time(),
    help="Age everything to this RFC 3339 time; default: the greatest stored clock.",
)
@click.pass_context
def people(
    ctx: click.Context,
    /,
    *,
    account: str | None,
    limit: int | None,
    form: str,
    as_of: int | None,
    **wanted: bool,
) -> None:
    """Name whom to answer, to welcome and to win back, and why.

    Ask for one list or several; without any, you see the first few of the three most pressing.
    Reads what the workers have written down so far; no worker needs to run.
    """
    if ctx.invoked_subcommand is not None:
        _refuse_options(ctx)
        return
    chosen = [listing for name, listing in LISTINGS.items() if wanted[name]]
    listings = chosen or [LISTINGS[name] for name in _MOST_PRESSING]
    settings = read_settings()
    with plain_errors(settings):
        audience = read_audience(settings, as_of)
        covered = audience.covered(account)
        found = {
            listing: by_account(
                listing.find(audience.changelog, audience.clock, account, audience.ignored)
            )
            for listing in listings
        }
        if form == "table":
            _print_lists(audience, covered, found, limit or (_SOME if chosen else _FEW))
            if not chosen:
                click.echo("All of a list: closeknit people --awaiting. One of them in full:")
                click.echo("closeknit people show MEMBER. Other lists: --connections, --hollow.")
        else:
            rows = _documents(audience, covered, found, limit)
            _write(export.as_csv(rows, _COLUMNS) if form == "csv" else export.as_jsonl(rows))
        if account is None and (others := audience.others()):
            click.echo(others, err=True)


people.add_command(show)


def _refuse_options(ctx: click.Context) -> None:
    for option in ctx.command.params:
        source = ctx.get_parameter_source(option.name or "")
        if source is click.core.ParameterSource.COMMANDLINE:
            name = ctx.invoked_subcommand
            raise click.UsageError(
                f"{option.opts[0]} stands before `{name}`: options of `people {name}` come after it"
            )


Found = Mapping[Listing, Mapping[str, list[Person]]]
"""Who is on each list, by account."""


def _print_lists(audience: Audience, covered: Sequence[str], found: Found, limit: int) -> None:
    for account in covered:
        click.echo(f"{audience.title(account)}, {why.minute(audience.clock * HOUR_MS)}")
        for listing, people in found.items():
            everybody = people.get(account, [])
            few = everybody[:limit]
            size = f"{len(few):,} of {len(everybody):,}"
            size = size if len(few) < len(everybody) else f"{len(few):,}"
            click.echo(f"\n{listing.name} ({size}): {listing.meaning}")
            if few:
                print_table(*((f"  {_elided(person.member)}", person.why) for person in few))
        click.echo()


def _elided(id: str) -> str:
    """Return an id as a table shows it: what is long loses its middle."""
    shown = visible(id)
    if cell_len(shown) <= _ID_WIDTH:
        return shown
    ellipsis = glyphs().ellipsis
    tail = set_cell_size(shown[::-1], 8)[::-1].strip()
    return set_cell_size(shown, _ID_WIDTH - 8 - len(ellipsis)).strip() + ellipsis + tail


_OURS: Final = ("list", "rank", "account", "name", "member", "why")
_FACTS: Final = ("waiting_since", "unanswered", "strength_when_last_heard")
_COLUMNS: Final = list(dict.fromkeys((*_OURS, *_FACTS, *export.relationship_columns())))
"""The columns of lists as CSV: nested fields become `inbound_like_7`."""


def _documents(
    audience: Audience, covered: Sequence[str], found: Found, limit: int | None
) -> Iterator[dict[str, Any]]:
    clock, strength = audience.clock, audience.changelog.strength
    for account in covered:
        for listing, people in found.items():
            for rank, person in enumerate(islice(people.get(account, ()), limit), 1):
                wait = waiting(person.relationship, clock)
                ours = (listing.name, rank, account, audience.name(account), person.member)
                facts = (
                    format_ms(wait.since) if wait else None,
                    wait.replies if wait else 0,
                    strength_when_last_heard(person.relationship, clock, strength),
                )
                yield {
                    **dict(zip(_OURS, (*ours, person.why), strict=True)),
                    **dict(zip(_FACTS, facts, strict=True)),
                    **export.document(account, person.member, person.relationship, clock, strength),
                }


def _write(lines: Iterator[bytes]) -> None:
    out = click.get_binary_stream("stdout")
    for line in lines:
        out.write(line)
    out.flush()
