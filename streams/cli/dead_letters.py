"""`closeknit dead-letters list|show|redrive`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, NamedTuple, TypeVar

import click
import orjson

from schemas.events import TOPIC_OF, Reason
from streams import dead_letters as letters
from streams.cli.groups import Group
from streams.cli.parameters import Ago
from streams.cli.running import (
    Failure,
    counted,
    existing_topics,
    plain_errors,
    read_settings,
    source_partitions,
)
from streams.cli.screen import print_table
from streams.core.time import format_ms
from streams.core.words import visible
from streams.dead_letters import (
    Address,
    Box,
    DeadLetter,
    Mend,
    Planned,
    Selection,
    Target,
    WrongMend,
)
from streams.settings import Settings

_SHOWN = 10
"""Letters that `show` shows where nobody says how many."""


class _Address(click.ParamType):
    name = "topic/partition/offset"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        try:
            return value if isinstance(value, Address) else Address.parse(value)
        except ValueError:
            self.fail(f"{value!r} is not of the form topic/partition/offset", param, ctx)


_F = TypeVar("_F", bound=Callable[..., Any])


def _filters(command: _F) -> _F:
    """The options that choose letters, the same for every command."""
    for option in (
        click.option(
            "--since",
            type=Ago(),
            help="Only what was refused since then: a time, or how long ago (90m, 2h, 7d).",
        ),
        click.option(
            "--topic",
            "topics",
            multiple=True,
            metavar="TOPIC",
            help="Only what came from this topic; may be repeated.",
        ),
        click.option(
            "--reason",
            "reasons",
            type=click.Choice([str(reason) for reason in Reason]),
            multiple=True,
            metavar="REASON",
            help="Only this reason, as `dead-letters list` names it; may be repeated.",
        ),
    ):
        command = option(command)
    return command


@click.group(cls=Group)
def dead_letters() -> None:
    """List, show and redrive records that could not be applied.

    Each is kept as it came, with the reason and where it lay, for CLOSEKNIT_DEAD_LETTER_RETENTION.
    """


@dead_letters.command("list")
@_filters
@click.option(
    "--by",
    type=click.Choice(["reason", "topic", "day", "hour"]),
    default="reason",
    show_default=True,
    help="Count them by this.",
)
@click.option("--rows", is_flag=True, help="Each dead letter instead of counts.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many rows.")
@click.option("--redriven", is_flag=True, help="Also those that were redriven.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "jsonl"]),
    default="table",
    show_default=True,
    help="json: the counts. jsonl: each dead letter with key, value and headers.",
)
def list_letters(
    *,
    reasons: tuple[str, ...],
    topics: tuple[str, ...],
    since: int | None,
    by: str,
    rows: bool,
    limit: int | None,
    redriven: bool,
    form: str,
) -> None:
    """Count dead letters and say what to do, or list them."""
    settings = read_settings()
    selection = Selection(reasons, _full(settings, topics), (), since)
    with plain_errors(settings):
        box = _box(settings)
        if form == "json" or (form == "table" and not (rows or limit)):
            tallies = asyncio.run(_count(box, selection, by, redriven=redriven))
            (_print_json if form == "json" else _print_counts)(by, tallies)
            return
        found = asyncio.run(_collect(box, selection, limit, redriven=redriven))
    if form == "jsonl":
        for letter in found:
            click.echo(orjson.dumps(letter.document()))
        return
    print_table(
        ("Origin", "Reason", "Detail"),
        *((str(letter.origin), letter.reason, visible(letter.detail)) for letter in found),
    )


@dead_letters.command()
@click.argument("addresses", nargs=-1, type=_Address())
@_filters
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"At most so many; {_SHOWN} if nothing else says which.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "jsonl"]), default="text", show_default=True
)
def show(
    *,
    addresses: tuple[Address, ...],
    reasons: tuple[str, ...],
    topics: tuple[str, ...],
    since: int | None,
    limit: int | None,
    form: str,
) -> None:
    """Show dead letters with all that is known of them.

    ADDRESSES, as topic/partition/offset, say where they lie, or where the records lay that they
    were: likes/3/17, as `dead-letters list --rows` prints it.
    """
    settings = read_settings()
    selection = Selection(reasons, _full(settings, topics), addresses, since)
    most = limit or (None if addresses else _SHOWN)
    with plain_errors(settings):
        # What was redriven is only shown if it is asked for by its address.
        found = asyncio.run(
            _collect(_box(settings), selection, most and most + 1, redriven=bool(addresses))
        )
    places = {place for letter in found for place in (letter.address, letter.origin)}
    for address in addresses:
        if address not in places:
            raise Failure(f"no dead letter lies at {address} or came from there")
    for at, letter in enumerate(found[:most]):
        if form == "jsonl":
            click.echo(orjson.dumps(letter.document()))
        else:
            click.echo("" if at else None, nl=bool(at))
            _print_letter(letter)
    if not found:
        click.echo("No dead letters.", err=True)
    elif most and len(found) > most:
        click.echo(f"There are more than {most:,}: see --limit.", err=True)


@dead_letters.command()
@click.argument("addresses", nargs=-1, type=_Address())
@_filters
@click.option("--limit", type=click.IntRange(min=1), help="Send at most so many.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Set a field of the event in each: kind=reply, at=2026-07-04T14:38:07Z. Repeatable.",
)
@click.option("--unset", multiple=True, metavar="FIELD", help="Take a field out. Repeatable.")
@click.option("--force", is_flag=True, help="Send also what would be refused again.")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent, before and after.")
def redrive(
    *,
    addresses: tuple[Address, ...],
    reasons: tuple[str, ...],
    topics: tuple[str, ...],
    since: int | None,
    limit: int | None,
    assignments: tuple[str, ...],
    unset: tuple[str, ...],
    force: bool,
    dry_run: bool,
) -> None:
    """Send dead letters where they belong.

    All, or those at ADDRESSES (topic/partition/offset), and each only once. They go as they were
    but for --set and --unset, with their old timestamps, to the topic of their kind and the
    partition of their relationship. What these settings would refuse again stays.
    """
    settings = read_settings()
    try:
        mend = Mend.parse(assignments, unset)
    except WrongMend as wrong:
        raise click.UsageError(str(wrong)) from None
    selection = Selection(reasons, _full(settings, topics), addresses, since)
    now_ms = time.time_ns() // 1_000_000
    with plain_errors(settings):
        box = _box(settings)
        source_partitions(settings)
        kinds = {topic: kind for kind, topic in settings.topics.items()}
        target = Target(kinds, settings.rules)
        if dry_run:
            asyncio.run(_rehearse(box, selection, mend, target, now_ms, limit, force=force))
            return
        result = asyncio.run(
            letters.redrive(
                box,
                f"{settings.app}-redrive",
                target,
                selection,
                mend,
                now_ms,
                limit,
                force=force,
            )
        )
    for reason, n in result.sent.most_common():
        click.echo(f"redriven {n:,} {reason}")
    for (reason, again), n in result.left.most_common():
        click.echo(f"left {n:,} {reason}: {_would_be(again)}")
    if not result.sent and not result.left:
        click.echo("There was nothing to redrive.")


def _would_be(again: str) -> str:
    return (
        "cannot be mended" if again == letters.NOT_MENDED else f"would be refused again ({again})"
    )


async def _rehearse(
    box: Box,
    selection: Selection,
    mend: Mend,
    target: Target,
    now_ms: int,
    limit: int | None,
    *,
    force: bool,
) -> None:
    sent = stay = 0
    async with aclosing(letters.read_letters(box, selection)) as found:
        async for letter in found:
            plan = letters.planned(letter, mend, target, now_ms)
            goes = plan.goes(force=force)
            _print_plan(plan, goes=goes)
            sent, stay = sent + goes, stay + (not goes)
            if sent == limit:
                break
    if not sent + stay:
        click.echo("There is nothing to redrive.", err=True)
        return
    click.echo(
        f"\nNothing was sent. {counted(sent, 'dead letter')} would be redriven, {stay:,} would "
        "stay."
    )


def _print_plan(plan: Planned, *, goes: bool) -> None:
    letter = plan.letter
    click.echo(f"{letter.origin} {letter.reason}")
    click.echo(f"  before   {_text(letter.value)}")
    if plan.value != letter.value:
        click.echo(f"  after    {_text(plan.value)}")
    if goes:
        key = "no key" if plan.key is None else f"the key {_text(plan.key)}"
        click.echo(f"  goes to  {plan.topic}/{plan.partition} under {key}")
    if plan.refusal:
        again, detail = plan.refusal
        click.echo(f"  {'but' if goes else 'stays:'} {_would_be(again)}: {visible(detail)}")


def _full(settings: Settings, topics: tuple[str, ...]) -> list[str]:
    """Names of topics, which may be given without their prefix."""
    known = {TOPIC_OF[kind]: topic for kind, topic in settings.topics.items()}
    return [known.get(topic, topic) for topic in topics]


def _box(settings: Settings) -> Box:
    topic = settings.dead_letters
    found = existing_topics(settings, [topic])
    return Box(settings.connection(), topic, found[topic].partitions)


async def _collect(
    box: Box, selection: Selection, limit: int | None, *, redriven: bool
) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    async with aclosing(letters.read_letters(box, selection, redriven=redriven)) as matching:
        async for letter in matching:
            found.append(letter)
            if len(found) == limit:
                break
    return found


class _Tally(NamedTuple):
    letters: Counter[str]
    oldest: dict[str, int]
    newest: dict[str, int]
    reasons: Counter[str]


async def _count(box: Box, selection: Selection, by: str, *, redriven: bool) -> _Tally:
    tally = _Tally(Counter(), {}, {}, Counter())
    async for letter in letters.read_letters(box, selection, redriven=redriven):
        name = _name(letter, by)
        at = letter.refused_at
        tally.letters[name] += 1
        tally.oldest[name] = min(at, tally.oldest.get(name, at))
        tally.newest[name] = max(at, tally.newest.get(name, at))
        tally.reasons[letter.reason] += 1
    return tally


def _name(letter: DeadLetter, by: str) -> str:
    match by:
        case "reason":
            return letter.reason
        case "topic":
            return letter.origin.topic
        case _:
            return _when(letter.refused_at)[: 10 if by == "day" else 13]


def _when(ms: int) -> str:
    try:
        return format_ms(ms)[:16].replace("T", " ")
    except (ValueError, OverflowError):
        return "unknown"


def _in_order(by: str, tally: _Tally) -> list[tuple[str, int]]:
    return sorted(tally.letters.items()) if by in {"day", "hour"} else tally.letters.most_common()


def _print_json(by: str, tally: _Tally) -> None:
    counts = [
        {
            by: name,
            "count": n,
            "oldest": _when(tally.oldest[name]),
            "newest": _when(tally.newest[name]),
        }
        for name, n in _in_order(by, tally)
    ]
    click.echo(orjson.dumps({"total": tally.letters.total(), "counts": counts}))


def _print_counts(by: str, tally: _Tally) -> None:
    if not tally.letters:
        click.echo("No dead letters.")
        return
    known = {str(reason): reason for reason in Reason}
    rows = [
        (name, f"{n:,}", _when(tally.oldest[name]), _when(tally.newest[name]))
        for name, n in _in_order(by, tally)
    ]
    head = (by.capitalize(), "Count", "Oldest (UTC)", "Newest (UTC)")
    if by == "reason":
        meanings = (known[row[0]].meaning if row[0] in known else "" for row in rows)
        print_table(
            (*head, "Meaning"),
            *((*row, meaning) for row, meaning in zip(rows, meanings, strict=True)),
            right=[1],
        )
    else:
        print_table(head, *rows, right=[1])
    click.echo("\nWhat to do:")
    for reason, _ in tally.reasons.most_common():
        if reason in known:
            click.echo(f"  {reason}: {known[reason].remedy}.")


def _print_letter(letter: DeadLetter) -> None:
    document = letter.document()
    click.echo(f"reason      {letter.reason}: {visible(letter.detail)}")
    click.echo(f"lies at     {letter.address}")
    click.echo(f"came from   {letter.origin}")
    click.echo(f"refused at  {document['refused_at'] or 'unknown'}")
    click.echo(f"timestamp   {document['timestamp'] or 'none'}")
    click.echo(f"key         {_readable(document['key'])}")
    for header in document["headers"]:
        click.echo(f"header      {visible(header['name'])}: {_readable(header['value'])}")
    click.echo(f"value       {_readable(document['value'])}")


def _text(value: bytes | None) -> str:
    if value is None:
        return "null"
    return visible(value.decode("utf-8", "backslashreplace")) or "(no bytes)"


def _readable(value: dict[str, str] | None) -> str:
    if value is None:
        return "null"
    if value["encoding"] == "base64":
        return f"(base64) {value['data']}"
    return visible(value["data"]) or "(no bytes)"
