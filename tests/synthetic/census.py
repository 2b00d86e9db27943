"""A world as the census sees it at midnight: what alerts and charts would be drawn from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from math import sqrt
from statistics import median
from typing import NamedTuple

from schemas.events import Event, encode
from streams.core.partition import Outcome, Partition, Refused, Rules
from streams.core.series import SERIES
from streams.core.time import DAY_MS, format_ms
from streams.synthetic import Cast, Delivery, World, deliveries

MONDAY = "2026-01-05"
_PLACES = {str(series): place for place, series in enumerate(SERIES)}


class Record(NamedTuple):
    """What the core reads of a Kafka record."""

    value: bytes
    timestamp: int = -1
    headers: Sequence[tuple[str, bytes]] = ()


class Midnight(NamedTuple):
    """The census of an account at the end of a day."""

    account: str
    row: Sequence[int]

    def total(self, family: str, **labels: str) -> int:
        """The sum of the series of a family that have these labels."""
        return sum(self.row[place] for place in _chosen(family, **labels))

    @property
    def replies(self) -> int:
        """R of the alert."""
        return self.total("interactions", kind="reply", direction="inbound", window="7d")

    @property
    def follows(self) -> int:
        """F of the alert."""
        return self.total("follows", window="7d")

    @property
    def replies_before(self) -> float:
        """Rb: the median of four weeks."""
        labels = {"kind": "reply", "direction": "inbound", "window": "7d"}
        return median(
            self.total("interactions_previous", **labels, ago=f"{ago}d") for ago in (7, 14, 21, 28)
        )

    @property
    def follows_before(self) -> float:
        """Fb."""
        return median(
            self.total("follows_previous", window="7d", ago=f"{ago}d") for ago in (7, 14, 21, 28)
        )

    @property
    def replies_fall(self) -> bool:
        """The first half of the condition of RepliesFallWhileFollowsRise."""
        now, before = self.replies, self.replies_before
        return before >= 20 and now < 0.7 * before and before - now > 3 * sqrt(before)

    @property
    def follows_rise(self) -> bool:
        """The second half."""
        now, before = self.follows, self.follows_before
        return now >= 20 and now > 1.3 * before and now - before > 3 * sqrt(before)


@lru_cache(maxsize=256)
def _chosen(family: str, **labels: str) -> list[int]:
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return [
        place
        for series, place in _PLACES.items()
        if series.partition("{")[0] == f"closeknit_{family}"
        and all(label in series for label in wanted)
    ]


class Core:
    """One partition of the real core, fed in the order of a world."""

    def __init__(self) -> None:
        self.partition = Partition(0, Rules(partitions=1))
        self.outcomes: Counter[Outcome] = Counter()
        self.refused: list[Refused] = []

    def read(self, sent: Iterable[Delivery]) -> None:
        """Apply what was sent."""
        # Order is promised within a topic only, and a chunk of many is faster.
        by_kind: dict[str, list[Record]] = defaultdict(list)
        for one in sent:
            by_kind[one.kind].append(Record(one.value))
        for kind, records in by_kind.items():
            applied = self.partition.apply(kind, records, 0)
            self.outcomes.update(applied.outcomes)
            self.refused += applied.refused

    def tick(self, ms: int) -> None:
        """Move the clock, and file what has changed."""
        tick = encode(Event(kind="tick", at=format_ms(ms)))
        self.partition.apply("like", [Record(tick)], 0)
        self.partition.settle()

    def midnight(self, account: str) -> Midnight:
        """The census now."""
        return Midnight(account, self.partition.census.read(account, self.partition.clock))


def alone(scenario: str, *, seed: int = 1, weekly: float = 1000, days: int = 70) -> World:
    """A world of one account, called as its scenario."""
    return World(seed, MONDAY, days, (Cast(scenario, scenario, "", scenario, weekly),))


def midnights(world: World, days: Container[int] | None = None) -> Iterator[dict[str, Midnight]]:
    """Each account at the last hour of each day, or of these days."""
    core = Core()
    sent = groupby(deliveries(world), key=lambda one: (one.at_ms - world.start) // DAY_MS)
    of_day = {day: list(group) for day, group in sent}
    for day in range(world.days):
        core.read(of_day.get(day, ()))
        if days is None or day in days:
            core.tick(world.start + (day + 1) * DAY_MS - 1)
            yield {cast.id: core.midnight(cast.id) for cast in world.accounts}
