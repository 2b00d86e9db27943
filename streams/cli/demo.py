"""`closeknit demo`."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from streams import export, topics
from streams.app import run_worker
from streams.brokers import EmbeddedBroker
from streams.changelog import read_changelog
from streams.cli.running import Failure, plain_errors, planned_topics
from streams.cli.screen import print_table
from streams.replay import replay
from streams.sample import PATH
from streams.settings import Settings
from streams.sources import Jsonl, Lines

# One account a column: eight numbers beside each other would not fit 80 characters.
_LABELS = (
    "Account",
    "Followers",
    "New in the last 7 days",
    "  of them engaged",
    "Replies in the last 7 days",
    "  in the 7 days before",
    "In talk",
    "Connections",
    "Awaiting us",
)


@click.command()
def demo() -> None:
    """Show it at work: eight weeks of events, in seconds.

    Starts an embedded broker, creates the topics, replays the sample that ships with Closeknit,
    lets a worker apply it, prints what became of the accounts, and leaves nothing behind. Your
    settings play no part.
    """
    with tempfile.TemporaryDirectory(prefix="closeknit-demo-") as folder:
        # Constructed past the environment: whatever is set there is for real work.
        settings = Settings.model_construct(
            app="closeknit-demo",
            clock="event",
            partitions=4,
            http_port=0,
            data_dir=Path(folder),
            log_level="error",
        )
        with plain_errors(settings), EmbeddedBroker() as broker:
            settings = settings.model_copy(update={"broker": broker.bootstrap})
            click.echo(f"An embedded broker serves {broker.bootstrap}.")
            _replay(settings)
            _work(settings)
            columns = [_column(document) for document in _census(settings)]
    click.echo()
    print_table(*zip(_LABELS, *columns, strict=True), right=range(1, len(columns) + 1))
    click.echo(
        "\nFollowers alone tell another story. In talk: members who replied in the last\n"
        "28 days; connections: those who were answered, on two days or more.\n"
        "Next: closeknit --help"
    )


def _replay(settings: Settings) -> None:
    with topics.administration(settings.connection()) as admin:
        topics.create(admin, planned_topics(settings))
    started = time.monotonic()
    sent = asyncio.run(
        replay(
            iter(Jsonl().read(Lines(str(PATH)))),
            settings.topics,
            settings.partitions,
            settings.connection(),
            on_malformed=lambda _: None,
            on_progress=lambda _: None,
        )
    )
    seconds = time.monotonic() - started
    click.echo(f"Eight weeks of events, {sent.kinds.total():,}, were replayed in {seconds:.1f} s.")


def _work(settings: Settings) -> None:
    """Run a worker as a process of its own, as it always is."""
    started = time.monotonic()
    worker = multiprocessing.get_context("spawn").Process(
        target=_run_worker, args=(settings,), daemon=True
    )
    # Ctrl-C reaches the whole terminal: the child inherits the mask and leaves its end to us.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    worker.start()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        worker.join(timeout=120)
    finally:
        worker.kill()
        worker.join()
    if worker.exitcode != 0:
        raise Failure(f"the worker did not finish (exit code {worker.exitcode})")
    click.echo(f"A worker started, applied them and stopped in {time.monotonic() - started:.1f} s.")


def _run_worker(settings: Settings) -> None:
    run_worker(settings, until_caught_up=True)


def _census(settings: Settings) -> Iterator[dict[str, Any]]:
    changelog = asyncio.run(
        read_changelog(settings.connection(), settings.changelog, settings.partitions)
    )
    return export.census(changelog, changelog.clock)


def _column(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What the table says of one account."""

    def total(family: str, **labels: str) -> int:
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        return sum(
            n
            for series, n in document["series"].items()
            if series.partition("{")[0] == f"closeknit_{family}"
            and all(label in series for label in wanted)
        )

    replies = {"direction": "inbound", "kind": "reply", "window": "7d"}
    new = total("followers_by_tenure", tenure="0-7d")
    engaged = total("followers_by_tenure", tenure="0-7d", engaged="yes")
    cells: list[int | str] = [
        document["account"],
        total("followers"),
        new,
        f"{engaged / new:.0%}" if new else "",
        total("interactions", **replies),
        total("interactions_previous", **replies, ago="7d"),
        total("repliers", window="28d"),
        total("relationships", stage="connection"),
        total("awaiting_reply"),
    ]
    return tuple(f"{cell:,}" if isinstance(cell, int) else cell for cell in cells)
