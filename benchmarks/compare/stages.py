"""Where a worker's CPU time goes while it drains a backlog, by stage of an event's way."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.compare.contestants import Job, closeknit
from benchmarks.compare.data import SHAPES, messages
from benchmarks.compare.match import say
from benchmarks.compare.process import run
from benchmarks.compare.stage import Stage
from streams import kernel

SAMPLED = Path(__file__).parent / "engines" / "sampled.py"

STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("decode", ("schemas/",)),
    ("file in the census", (":settle", "core/filing", "core/census", "core/series")),
    ("admit and apply", ("streams/core/", "streams/table/table.py:apply")),
    ("write the changelog", ("streams/table/", "aiokafka/producer", "record/default_records")),
    (
        "read from the broker",
        ("aiokafka/consumer", "aiokafka/conn", "transport/consumer.py:_drain"),
    ),
    ("metrics", ("streams/metrics/",)),
    ("load the program", ("importlib",)),
    ("hand over (Faust, asyncio)", ("faust/", "mode/", "streams/", "asyncio/", "uvloop")),
)
"""In this order: a sample belongs to the first of which any of its places bears the mark."""


def measure(stage: Stage, events: int) -> dict[str, Any]:
    """Sample one worker over a backlog."""
    say("stages: where the time goes")
    name = "stages"
    job = Job(stage, f"{name}-", events, name, stage.folder / name)
    job.folder.mkdir()
    stage.load(job.prefix, messages(SHAPES["zipf"], events))
    stage.create(*stage.planned(job.prefix, name)[-2:])
    samples = job.folder / "samples"
    command = [sys.executable, str(SAMPLED), str(samples), "worker", "--until-caught-up"]
    # The compiled core has no frames to look at.
    used = run(command, job.folder / "log", {**closeknit(job), kernel.PURE: "1"})
    found = by_stage(samples.read_text())
    all_ = sum(found.values())
    return {
        "events": events,
        "cpu": round(used.cpu, 2),
        "samples": all_,
        "stages": {name: round(count / all_, 4) for name, count in found.most_common()},
    }


def by_stage(text: str) -> Counter[str]:
    """Samples by stage."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        count, _, places = line.partition(" ")
        found[_stage(places)] += int(count)
    return found


def _stage(places: str) -> str:
    for name, marks in STAGES:
        if any(mark in places for mark in marks):
            return name
    return "the rest"
