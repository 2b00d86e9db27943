"""What millions of relationships cost a worker that holds them.

A changelog is written as if so many relationships had been flushed; a worker recovers them, which
gives the rate of recovery and the memory of each; then it drains a backlog, which gives what an
event costs beside them; then hours pass, one after the other.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.compare.contestants import Job
from benchmarks.compare.data import SHAPES, START_MS, messages
from benchmarks.compare.live import await_idle, await_ready, drain, expect, workers
from benchmarks.compare.match import say
from benchmarks.compare.stage import PARTITIONS, Stage
from streams.core.kinds import LIKE_IN
from streams.core.packing import ID, entry, first_value
from streams.core.partition import Rules
from streams.core.partition_record import KEY, PartitionRecord
from streams.core.placement import partitions_of
from streams.core.time import DAY_MS, HOUR_MS, format_ms, hour_of
from streams.table.fit import value_settings

KEY_BYTES = 24
ENTRIES = (1,) * 12 + (2,) * 4 + (3,) * 2 + (4,) + (5,)
"""How many interactions a relationship remembers: 1.75 in the mean, 5 at most."""

PORTION = 100_000
HOURS = 24
PAUSE = 0.2
"""Seconds from one hour to the next: time enough for a flush to write it down."""


def portions(count: int) -> Iterator[list[tuple[bytes, bytes]]]:
    """Keys and packed values of so many relationships, a portion at a time."""
    random_ = random.Random(3)
    for start in range(0, count, PORTION):
        made = []
        for number in range(start, min(count, start + PORTION)):
            key = b"owner-%03d member%08d" % (number % 200, number)
            at = START_MS - random_.randrange(28 * DAY_MS)
            value = first_value(random_.randbytes(ID), LIKE_IN, at)
            for _ in range(random_.choice(ENTRIES) - 1):
                value += entry(random_.randbytes(ID), LIKE_IN, at)
            made.append((key, value))
        yield made


def preload(job: Job, count: int) -> None:
    """Write the changelog of so many relationships."""
    changelog, letters = job.stage.planned(job.prefix, job.name)[-2:]
    job.stage.create(changelog, letters)
    for made in portions(count):
        asyncio.run(job.stage.write(_by_partition(job, dict(made))))
    record = PartitionRecord(
        clock=hour_of(START_MS), next={}, settings=value_settings(Rules(partitions=PARTITIONS))
    )
    last: dict[tuple[str, int], list[tuple[bytes, bytes, int | None]]] = {
        (job.changelog, number): [(KEY, record.encode(), None)] for number in range(PARTITIONS)
    }
    asyncio.run(job.stage.write(last))


def _by_partition(
    job: Job, values: dict[bytes, bytes]
) -> dict[tuple[str, int], list[tuple[bytes, bytes, int | None]]]:
    logs: dict[tuple[str, int], list[tuple[bytes, bytes, int | None]]] = {
        (job.changelog, number): [] for number in range(PARTITIONS)
    }
    for key, number in partitions_of(values, PARTITIONS).items():
        logs[job.changelog, number].append((key, values[key], None))
    return logs


def hold(stage: Stage, serial: int, count: int, events: int) -> dict[str, Any]:
    """Recover so many relationships, drain a backlog beside them, let hours pass."""
    prefix = f"held{serial}-"
    job = Job(stage, prefix, events, f"held{serial}", stage.folder / f"held-{serial}")
    job.folder.mkdir()
    stage.create(*stage.planned(prefix, "none")[:4])
    say(f"{count:,} relationships: writing their changelog")
    preload(job, count)
    size = stage.size(job.changelog)
    backlog = list(messages(SHAPES["zipf"], events))
    began = time.perf_counter()
    with workers(job) as [worker]:
        await_ready([worker])
        ready = worker.state
        say(f"{count:,} relationships: recovered in {ready.at - began:.1f} s, {ready.mb:.0f} MB")
        await_idle([worker])
        settled = worker.state
        expect([worker], "closeknit_relationships_held", count)
        drained = drain([worker], lambda: asyncio.run(stage.send(prefix, backlog)))
        say(f"{count:,} relationships: {events:,} events beside them in {drained.seconds:.1f} s")
        expect([worker], "closeknit_events_total", events)
        idle = _cpu_of_hours(job, worker_state=lambda: worker.state.cpu, hours=0)
        passing = _cpu_of_hours(job, worker_state=lambda: worker.state.cpu, hours=HOURS)
    stage.delete([topic for topic in stage.existing() if topic.startswith(f"held{serial}-")])
    return {
        "relationships": count,
        "changelog_bytes": size,
        "ready_seconds": round(ready.at - began, 3),
        "ready_cpu": round(ready.cpu, 2),
        "settled_mb": round(settled.mb, 1),
        "events": events,
        "seconds": round(drained.seconds, 3),
        "cpu": round(drained.cpu, 2),
        "hours": HOURS,
        "hours_cpu": round(passing, 2),
        "idle_cpu": round(idle, 2),
    }


def _cpu_of_hours(job: Job, worker_state: Any, hours: int) -> float:
    """CPU seconds of the worker while hours pass, or for as long without any passing."""
    end = hour_of(START_MS) + 28 * 24
    before = worker_state()
    for number in range(HOURS):
        if number < hours:
            at = (end + number) * HOUR_MS
            tick = json.dumps({"kind": "tick", "at": format_ms(at)}).encode()
            topic = job.stage.topics(job.prefix)[0]
            logs = {(topic, part): [(b"tick", tick, at)] for part in range(PARTITIONS)}
            asyncio.run(job.stage.write(logs))
        time.sleep(PAUSE)
    return float(worker_state() - before)


def measure(stage: Stage, sizes: list[int], events: int, rounds: int) -> list[dict[str, Any]]:
    """All sizes in turn, so many rounds; nothing held is measured first, to be subtracted."""
    turns = [(round_, size) for round_ in range(1, rounds + 1) for size in [0, *sizes]]
    return [
        {"round": round_, **hold(stage, serial, size, events)}
        for serial, (round_, size) in enumerate(turns)
    ]
