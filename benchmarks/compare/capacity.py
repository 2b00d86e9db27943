"""How much of everything a network needs: arithmetic on what was measured."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

from benchmarks.compare.figures import MIB, Results, base_mb, figure, held

LOAD = 0.5
"""The part of what a worker can do that it is given at the busiest hour."""

COMPACTION = 1.1
"""How much longer than its newest records a changelog is, at `min.cleanable.dirty.ratio` 0.1."""

STEP = 12
"""Partitions come in dozens: 12 can be shared by 1, 2, 3, 4, 6 or 12 workers."""

GB = 1e9


class Network(NamedTuple):
    """Whom it is for.

    Attributes:
        name: of the row.
        peak: events a second in the busiest hour.
        relationships: pairs of account and member that ever met.
        memory_gb: of relationships that one worker is given at most.
        because: where the numbers come from.
    """

    name: str
    peak: float
    relationships: float
    memory_gb: float
    because: str


NETWORKS = (
    Network("a laptop, one creator", 1, 50_000, 4, "an audience of 50,000 people"),
    Network("a brand's accounts", 50, 5e6, 4, "ten accounts, half a million people each"),
    Network("an agency", 500, 50e6, 16, "a hundred such brands, not all of them large"),
    Network(
        "all of Bluesky",
        1_000,
        2e9,
        32,
        "events: a recorded moment of July 2026 had 420 a second; assumed: 1,000 in the busiest "
        "hour, 40 million users, 50 pairs each",
    ),
    Network(
        "the largest networks",
        500_000,
        300e9,
        128,
        "assumed: 3 billion users, 100 pairs each, 5 interactions a day, three times as many "
        "in the busiest hour",
    ),
)


class Measured(NamedTuple):
    """What the arithmetic starts from.

    Attributes:
        rate: events a CPU second.
        bytes: of memory for each relationship.
        base_mb: of memory for a worker that holds nothing.
        changelog: bytes for each relationship.
        recovery: relationships a second and worker.
    """

    rate: float
    bytes: float
    base_mb: float
    changelog: float
    recovery: float


class Need(NamedTuple):
    """What a network needs; `memory_gb` is of all workers, `recovery_s` after the loss of one."""

    workers: int
    partitions: int
    memory_gb: float
    changelog_gb: float
    recovery_s: float


def measured(results: Results) -> Measured:
    """Take it from the results."""
    many = held(results)[-1]
    rate = figure(results, "closeknit").per_cpu_second
    recovery = many.relationships / many.seconds
    return Measured(rate, many.bytes, base_mb(results), many.changelog, recovery)


def need(network: Network, per: Measured) -> Need:
    """Compute it."""
    for_events = ceil(network.peak / (per.rate * LOAD))
    for_memory = ceil(network.relationships * per.bytes / (network.memory_gb * GB))
    workers = max(for_events, for_memory, 1)
    return Need(
        workers,
        STEP * ceil(workers / STEP),
        (workers * per.base_mb * MIB + network.relationships * per.bytes) / GB,
        network.relationships * per.changelog * COMPACTION / GB,
        network.relationships / workers / per.recovery,
    )
