"""The comparison: every engine does the same work, one after the other, three rounds of it.

Interleaved, so that a machine that is slow for a while is slow for all. What an engine takes to
start and to end is measured with hardly any events, and subtracted: a stream processor starts once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import count
from typing import Any, NamedTuple

from benchmarks.compare import results
from benchmarks.compare.contestants import ENGINES, Engine, Job
from benchmarks.compare.data import SHAPES, Shape, Truth, messages, recount
from benchmarks.compare.process import run
from benchmarks.compare.stage import Stage

FEW = 400
"""Events of a run that measures nothing but starting and ending."""

UNIFORM = ("bare", "closeknit", "bytewax", "quix")
"""Engines that also meet the worst case."""


class Deck(NamedTuple):
    """One set of events on the broker, and the truth about them."""

    data: str
    prefix: str
    events: int
    truth: dict[bytes, Truth]
    clock: int


def deal(stage: Stage, data: str, prefix: str, shape: Shape, events: int) -> Deck:
    """Load events; count them."""
    say(f"{prefix}: loading {events:,} events")
    made = list(messages(shape, events))
    stage.load(f"{prefix}-", made)
    return Deck(data, f"{prefix}-", events, *recount(message.value for message in made))


def compare(
    stage: Stage, names: Sequence[str], events: int, rounds: int, *, uniform: bool
) -> dict[str, Any]:
    """Run the engines over the data and return all that was measured."""
    part = min((ENGINES[name].part for name in names), default=1.0)
    few = deal(stage, "start", "few", SHAPES["zipf"], FEW)
    whole = {"zipf": deal(stage, "zipf", "zipf", SHAPES["zipf"], events)}
    if part < 1:
        whole["part"] = deal(stage, "zipf", "part", SHAPES["zipf"], int(events * part))
    if uniform:
        whole["uniform"] = deal(stage, "uniform", "uniform", SHAPES["uniform"], events)
    serial = count(1)
    runs = []
    for round_ in range(1, rounds + 1):
        for data in ("zipf", "uniform") if uniform else ("zipf",):
            for name in names:
                if data == "uniform" and name not in UNIFORM:
                    continue
                engine = ENGINES[name]
                decks = [whole[data] if engine.part == 1 else whole["part"]]
                if data == "zipf":
                    decks.insert(0, few)
                for deck in decks:
                    measured = once(stage, engine, deck, next(serial))
                    runs.append({"engine": name, "round": round_, **measured})
                    say(_line(runs[-1]))
    return {
        "machine": results.machine(),
        "peers": {name: ENGINES[name].version for name in names if ENGINES[name].peer},
        "data": {
            deck.data: {
                "events": deck.events,
                "relationships": len(deck.truth),
                "bytes": stage_bytes(deck),
            }
            for deck in [few, *whole.values()]
            if deck is not whole.get("part")
        },
        "runs": runs,
    }


def once(stage: Stage, engine: Engine, deck: Deck, serial: int) -> dict[str, Any]:
    """One run: prepare, run, check what is left, tidy up."""
    job = Job(stage, deck.prefix, deck.events, f"bench{serial}", stage.folder / f"run-{serial}")
    job.folder.mkdir()
    before = stage.existing()
    engine.prepare(job)
    used = run(engine.command(job), job.folder / "log", engine.environment(job))
    engine.check(job, deck.truth, deck.clock)
    left = engine.store(job)
    if made := sorted(stage.existing() - before - {"__consumer_offsets", "__transaction_state"}):
        stage.delete(made)
    return {
        "data": deck.data,
        "events": deck.events,
        "seconds": round(used.seconds, 3),
        "cpu": round(used.cpu, 3),
        "peak_mb": round(used.peak_mb, 1),
        "left": left,
    }


def stage_bytes(deck: Deck) -> list[int]:
    """The least, the mean and the greatest number of bytes of an event's value."""
    sizes = [
        len(message.value) for message in messages(SHAPES.get(deck.data, SHAPES["zipf"]), 5000)
    ]
    return [min(sizes), round(sum(sizes) / len(sizes)), max(sizes)]


def _line(run_: dict[str, Any]) -> str:
    return (
        f"round {run_['round']}  {run_['engine']:<13}{run_['data']:<8} {run_['events']:>7,} events "
        f"{run_['seconds']:6.1f} s {run_['cpu']:6.1f} CPU-s {run_['peak_mb']:6.0f} MB"
    )


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)
