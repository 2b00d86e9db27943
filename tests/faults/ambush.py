"""A worker that dies, or freezes, at a chosen point of its work.

`python -m tests.faults.ambush sent:3:KILL worker` is `closeknit worker`, but for the signal that it
sends to itself the third time that it has sent a flush and not yet committed it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from streams.cli import main
from streams.table import producer, recovery, snapshot_file, snapshots, takeover

Spring = Callable[[], None]


def begun(spring: Spring) -> None:
    """A transaction is open, and nothing sent."""
    _after(producer.Producer, "begin_transaction", spring)


def sent(spring: Spring) -> None:
    """Everything is delivered, and not committed."""
    _before(producer.Producer, "commit_transaction", spring)


def committing(spring: Spring) -> None:
    """The commit is asked for, and not answered."""
    commit = producer.Producer.commit_transaction

    async def asked(self: Any) -> None:
        answer = asyncio.ensure_future(commit(self))
        await asyncio.wait({answer}, timeout=0.001)
        spring()
        await answer

    producer.Producer.commit_transaction = asked


def committed(spring: Spring) -> None:
    """The commit is answered, and nothing done about it."""
    _after(producer.Producer, "commit_transaction", spring)


def acquired(spring: Spring) -> None:
    """The earlier owner is shut out, and the changelog not read."""
    _before(takeover, "source_logs", spring)


def loaded(spring: Spring) -> None:
    """The snapshot of a partition is in memory, if it has one, and the changelog not read."""
    _after(snapshots.Snapshots, "load", spring)


def recovering(spring: Spring) -> None:
    """A part of the changelog is read; or there is nothing in it that a snapshot has not."""
    _at_once_after(recovery, "restore", spring)
    _at_once_after(snapshots.Snapshots, "recovered", spring)


def recovered(spring: Spring) -> None:
    """All of the changelog is read, and nothing else."""
    _after(takeover, "read_back", spring)


def copying(spring: Spring) -> None:
    """A part of a snapshot is written."""
    _at_once_after(snapshot_file.Writer, "add", spring)


def copied(spring: Spring) -> None:
    """A snapshot has taken the place of the one before, and nobody knows yet."""
    _at_once_after(snapshot_file.Writer, "finish", spring)


def _before(owner: Any, name: str, spring: Spring) -> None:
    original = getattr(owner, name)

    async def sprung(*arguments: Any, **named: Any) -> Any:
        spring()
        return await original(*arguments, **named)

    setattr(owner, name, sprung)


def _after(owner: Any, name: str, spring: Spring) -> None:
    original = getattr(owner, name)

    async def sprung(*arguments: Any, **named: Any) -> Any:
        result = await original(*arguments, **named)
        spring()
        return result

    setattr(owner, name, sprung)


def _at_once_after(owner: Any, name: str, spring: Spring) -> None:
    original = getattr(owner, name)

    def sprung(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        spring()
        return result

    setattr(owner, name, sprung)


Point = Callable[[Spring], None]


def _named(*points: Point) -> dict[str, Point]:
    return {point.__name__: point for point in points}


FLUSH = _named(begun, sent, committing, committed)
RECOVERY = _named(acquired, loaded, recovering, recovered)
SNAPSHOT = _named(copying, copied)
POINTS = {**FLUSH, **RECOVERY, **SNAPSHOT}


def lay(point: str, times: int, number: signal.Signals) -> None:
    """Send ourselves the signal when the point is reached for the nth time."""
    left = times

    def spring() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)

    POINTS[point](spring)


if __name__ == "__main__":
    where, times, name = sys.argv[1].split(":")
    lay(where, int(times), signal.Signals[f"SIG{name}"])
    main(sys.argv[2:])
