"""`closeknit replay`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence

import click

from streams import replay as engine
from streams.cli.progress import Progress
from streams.cli.running import Failure, counted, plain_errors, read_settings, source_partitions
from streams.core.time import HOUR_MS, format_ms, hour_of
from streams.core.words import visible
from streams.outbox import DeliveryError
from streams.sources import (
    Csv,
    Jetstream,
    Jsonl,
    Lines,
    Malformed,
    Reader,
    Sendable,
    UnreadableFile,
)

_SHOWN = 20
"""Malformed lines that are shown; the others are only counted."""


_EXAMPLES = """\b
Examples:
  closeknit replay history.jsonl.gz
  closeknit replay --speed 3600 july.csv      an hour of events in a second
  closeknit replay --format jetstream --account did:plc:... recorded.jsonl.gz
"""


@click.command(epilog=_EXAMPLES)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True),
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "jetstream"]),
    help="Default: csv for *.csv and *.csv.gz, else jsonl.",
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="DID|all",
    help="Jetstream: an account to watch, both ways; may be repeated. "
    "all: whoever is liked, shared, answered or followed, inbound only.",
)
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="Events per second, at most."
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    help="So many times as fast as it happened: 1 is real time.",
)
@click.pass_context
def replay(
    ctx: click.Context,
    *,
    files: tuple[str, ...],
    form: str | None,
    accounts: tuple[str, ...],
    rate: float | None,
    speed: float | None,
) -> None:
    """Send events from files to the source topics.

    FILES hold canonical events as JSON lines or CSV, or recorded Bluesky Jetstream lines; .gz is
    unpacked, - is standard input. They are sent in their order, as fast as the broker takes them,
    and end with a tick to every partition, so that all clocks agree.

    Malformed lines are reported, counted and left out; they make the exit code 1.
    """
    sources = _sources(form, files, accounts)
    if rate and speed:
        raise click.UsageError("--rate and --speed exclude each other: choose one")
    pace = engine.at_rate(rate) if rate else engine.at_speed(speed) if speed else None
    settings = read_settings()
    lines = [Lines(name) for name in files]
    started = time.monotonic()
    with plain_errors(settings), Progress(lines) as progress:
        reported = 0

        def report(malformed: Malformed) -> None:
            nonlocal reported
            reported += 1
            if reported <= _SHOWN:
                progress.say(f"{malformed.file}:{malformed.line}: {visible(malformed.reason)}")
            elif reported == _SHOWN + 1:
                progress.say("More malformed lines are counted, not shown.")

        try:
            sent = asyncio.run(
                engine.replay(
                    _items(sources, lines),
                    settings.topics,
                    source_partitions(settings),
                    settings.connection(),
                    pace=pace,
                    on_malformed=report,
                    on_progress=progress.update,
                )
            )
        except (DeliveryError, UnreadableFile) as error:
            raise Failure(f"{error} ({_so_far(progress.sent)})") from error
        except KeyboardInterrupt:
            progress.say(f"Interrupted: {_so_far(progress.sent)}, and no ticks.")
            raise
    _summarise(sent, sources, time.monotonic() - started)
    if sent.malformed:
        ctx.exit(1)


def _sources(
    form: str | None, files: Sequence[str], accounts: Sequence[str]
) -> Mapping[str, Reader]:
    """What reads each file."""
    if form == "jetstream":
        return dict.fromkeys(files, _jetstream(accounts))
    if accounts:
        raise click.UsageError("--account goes with --format jetstream")
    csv, jsonl = Csv(), Jsonl()
    return {
        name: csv
        if form == "csv" or (form is None and name.endswith((".csv", ".csv.gz")))
        else jsonl
        for name in files
    }


def _jetstream(accounts: Sequence[str]) -> Jetstream:
    if not accounts:
        raise click.UsageError("--format jetstream needs --account: a DID, or all")
    if "all" in accounts:
        return Jetstream(None)
    if wrong := [account for account in accounts if not account.startswith("did:")]:
        raise click.BadParameter(
            f"{wrong[0]!r} is no DID; one looks like did:plc:… or did:web:…; or say all",
            param_hint="--account",
        )
    return Jetstream(accounts)


def _items(sources: Mapping[str, Reader], files: Sequence[Lines]) -> Iterator[Sendable | Malformed]:
    for lines in files:
        for item in sources[lines.name].read(lines):
            yield item._replace(file=lines.name) if isinstance(item, Malformed) else item


def _so_far(sent: int) -> str:
    return f"up to {counted(sent, 'event')} may have been sent" if sent else "nothing was sent"


def _summarise(sent: engine.Sent, sources: Mapping[str, Reader], seconds: float) -> None:
    total = sent.kinds.total()
    by_kind = ", ".join(f"{kind} {n:,}" for kind, n in sent.kinds.most_common())
    click.echo(
        f"Sent {counted(total, 'event')} in {seconds:.1f} s ({total / seconds:,.0f}/s)"
        + (f": {by_kind}" if by_kind else "")
    )
    if sent.last_ms is not None:
        click.echo(f"Ticks sent: now is {format_ms(hour_of(sent.last_ms) * HOUR_MS)}")
    for source in dict.fromkeys(sources.values()):
        for why, n in sorted(source.left_out.items()):
            click.echo(f"{n:,} {why}")
    if sent.malformed:
        click.echo(f"Left out: {counted(sent.malformed, 'malformed line')}", err=True)
        if sent.last_ms is None:
            click.echo("Nothing was an event: is --format the right one?", err=True)
