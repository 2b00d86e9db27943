"""Two workers on two cores against one, over the same backlog.

The workers hold their partitions before there is a backlog and are paused while it is loaded, so
what is timed is the draining alone. The broker takes its share of the same cores; how much is told.
"""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.compare.contestants import Job
from benchmarks.compare.data import SHAPES, messages
from benchmarks.compare.live import await_idle, await_ready, drain, expect, workers
from benchmarks.compare.match import say
from benchmarks.compare.stage import Stage


def measure(stage: Stage, events: int, rounds: int) -> list[dict[str, Any]]:
    """One worker, two workers, in turn, so many rounds."""
    backlog = list(messages(SHAPES["zipf"], events))
    runs = []
    for round_ in range(1, rounds + 1):
        for count in (1, 2):
            name = f"crew{round_}x{count}"
            job = Job(stage, f"{name}-", events, name, stage.folder / name)
            job.folder.mkdir()
            stage.create(*stage.planned(job.prefix, name))
            with workers(job, count) as running:
                await_ready(running)
                await_idle(running)
                drained = drain(running, lambda job=job: _load(job, backlog))  # type: ignore[misc]
                expect(running, "closeknit_events_total", events)
            stage.delete([topic for topic in stage.existing() if topic.startswith(name)])
            say(f"round {round_}  {count} workers: {events:,} events in {drained.seconds:.1f} s")
            runs.append(
                {
                    "round": round_,
                    "workers": count,
                    "events": events,
                    "seconds": round(drained.seconds, 3),
                    "cpu": round(drained.cpu, 2),
                    "broker_cpu": round(drained.broker_cpu, 2),
                }
            )
    return runs


def _load(job: Job, backlog: list[Any]) -> None:
    asyncio.run(job.stage.send(job.prefix, backlog))
