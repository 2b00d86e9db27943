"""`closeknit dead-letters list|show|redrive`."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import Any

import click
import orjson

from schemas.events import Reason
from streams import dead_letters as letters
from streams.cli.groups import Group
from streams.cli.running import Failure, existing_topics, plain_errors, read_settings
from streams.cli.screen import print_table
from streams.core.words import visible
from streams.dead_letters import Address, Box, DeadLetter
from streams.settings import Settings


class _Address(click.ParamType):
    name = "topic/partition/offset"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        try:
            return value if isinstance(value, Address) else Address.parse(value)
        except ValueError:
            self.fail(f"{value!r} is not of the form topic/partition/offset", param, ctx)


_reasons = click.option(
    "--reason",
    "reasons",
    type=click.Choice([str(reason) for reason in Reason]),
    multiple=True,
    metavar="REASON",
    help="Only this reason, as `dead-letters list` names it; may be repeated.",
)


@click.group(cls=Group)
def dead_letters() -> None:
    """List, show and redrive records that could not be applied.

    Each is kept as it came, with the reason and where it lay, for 90 days.
    """


@dead_letters.command("list")
@_reasons
@click.option("--rows", is_flag=True, help="Each dead letter instead of counts by reason.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many rows.")
@click.option("--redriven", is_flag=True, help="Also those that were redriven.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "jsonl"]),
    default="table",
    show_default=True,
    help="jsonl: each dead letter with key, value and headers.",
)
def list_letters(
    *, reasons: tuple[str, ...], rows: bool, limit: int | None, redriven: bool, form: str
) -> None:
    """Count the dead letters by reason, or list them."""
    settings = read_settings()
    with plain_errors(settings):
        box = _box(settings)
        if form == "table" and not (rows or limit):
            _print_counts(asyncio.run(_count(box, reasons, redriven=redriven)))
            return
        found = asyncio.run(_collect(box, reasons, (), limit, redriven=redriven))
    if form == "jsonl":
        for letter in found:
            click.echo(orjson.dumps(letter.document()))
        return
    print_table(
        ("Origin", "Reason", "Detail"),
        *((str(letter.origin), letter.reason, visible(letter.detail)) for letter in found),
    )


@dead_letters.command()
@click.argument("address", type=_Address())
@click.option(
    "--format", "form", type=click.Choice(["text", "jsonl"]), default="text", show_default=True
)
def show(*, address: Address, form: str) -> None:
    """Show one dead letter.

    ADDRESS, as topic/partition/offset, is where it lies, or where the record lay that it was:
    likes/3/17, as `dead-letters list --rows` prints it.
    """
    settings = read_settings()
    with plain_errors(settings):
        found = asyncio.run(_collect(_box(settings), (), (address,), 1, redriven=True))
    if not found:
        raise Failure(f"no dead letter lies at {address} or came from there")
    if form == "jsonl":
        click.echo(orjson.dumps(found[0].document()))
    else:
        _print_letter(found[0])


@dead_letters.command()
@click.argument("addresses", nargs=-1, type=_Address())
@_reasons
@click.option("--limit", type=click.IntRange(min=1), help="At most so many.")
@click.option("--dry-run", is_flag=True, help="Only say which would be sent.")
def redrive(
    *, addresses: tuple[Address, ...], reasons: tuple[str, ...], limit: int | None, dry_run: bool
) -> None:
    """Send dead letters to where they came from.

    All, or those at ADDRESSES (topic/partition/offset), and each only once. They go as they were,
    with their old timestamps, under the canonical key where the value tells it. Do this after the
    cause is gone: what is refused again becomes a new dead letter.
    """
    settings = read_settings()
    with plain_errors(settings):
        box = _box(settings)
        if dry_run:
            found = asyncio.run(_collect(box, reasons, addresses, limit, redriven=False))
            for letter in found:
                click.echo(f"{letter.origin} {letter.reason}")
            if not found:
                click.echo("There is nothing to redrive.", err=True)
            return
        result = asyncio.run(
            letters.redrive(box, f"{settings.app}-redrive", reasons, addresses, limit)
        )
    for reason, n in result.sent.most_common():
        click.echo(f"redriven {n:,} {reason}")
    if result.hopeless:
        click.echo(f"left {result.hopeless:,} without a value: nothing can make events of them")
    if not result.sent and not result.hopeless:
        click.echo("There was nothing to redrive.")


def _box(settings: Settings) -> Box:
    topic = settings.dead_letters
    found = existing_topics(settings, [topic])
    return Box(settings.connection(), topic, found[topic].partitions)


async def _collect(
    box: Box,
    reasons: tuple[str, ...],
    addresses: tuple[Address, ...],
    limit: int | None,
    *,
    redriven: bool,
) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    async with aclosing(
        letters.read_letters(box, reasons, addresses, redriven=redriven)
    ) as matching:
        async for letter in matching:
            found.append(letter)
            if len(found) == limit:
                break
    return found


async def _count(box: Box, reasons: tuple[str, ...], *, redriven: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    async for letter in letters.read_letters(box, reasons, redriven=redriven):
        counts[letter.reason] += 1
    return counts


def _print_counts(counts: Counter[str]) -> None:
    if not counts:
        click.echo("No dead letters.")
        return
    meanings = {str(reason): reason.meaning for reason in Reason}
    print_table(
        ("Reason", "Count", "Meaning"),
        *((reason, f"{n:,}", meanings.get(reason, "")) for reason, n in counts.most_common()),
        right=[1],
    )


def _print_letter(letter: DeadLetter) -> None:
    document = letter.document()
    click.echo(f"reason     {letter.reason}: {visible(letter.detail)}")
    click.echo(f"lies at    {letter.address}")
    click.echo(f"came from  {letter.origin}")
    click.echo(f"timestamp  {document['timestamp'] or 'none'}")
    click.echo(f"key        {_readable(document['key'])}")
    for header in document["headers"]:
        click.echo(f"header     {visible(header['name'])}: {_readable(header['value'])}")
    click.echo(f"value      {_readable(document['value'])}")


def _readable(value: dict[str, str] | None) -> str:
    if value is None:
        return "null"
    if value["encoding"] == "base64":
        return f"(base64) {value['data']}"
    return visible(value["data"]) or "(no bytes)"
