"""The past as Prometheus would know it, had it scraped a worker all the while.

Every sample is rendered by the page that a worker serves, from partitions that applied the events
in the order of time; only the scrapes are invented. A scrape at a moment tells what happened before
it: one on the hour is about the hour that has just ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from typing import Final, NamedTuple

from schemas.events import TOPIC_OF
from streams.alerting.levels import names_read, recorded
from streams.alerting.thresholds import DEFAULTS
from streams.core.partition import Misplaced, Partition, Rules
from streams.metrics.accounts import Accounts
from streams.metrics.collector import Page
from streams.metrics.meters import Meters
from streams.metrics.view import PartitionView

STATES: Final = frozenset(
    # What a worker counted as it went is not history: nothing went.
    name
    for name in names_read(recorded(DEFAULTS))
    if not name.endswith("_total")
)
"""The metrics from which the rules record, but for those of the pipeline's own pace."""


class Sent(NamedTuple):
    """A record in a topic, as the core sees it."""

    value: bytes
    timestamp: int
    headers: Sequence[tuple[str, bytes]] = ()


class Witness:
    """A worker with one partition that is never behind, needs no Kafka, and is told the time.

    It is also the view of its table, as a scrape sees it.

    Args:
        rules: of its partition. Whatever they say, the clock is the wall clock that it is told.
        accounts: which have series of their own.
        number: of its partition.
        only: see `Page`.
    """

    def __init__(
        self,
        rules: Rules,
        accounts: Accounts,
        number: int = 0,
        only: Container[str] | None = None,
    ) -> None:
        self.partition_count = rules.partitions
        self._partition = Partition(number, rules._replace(clock="wall"))
        self._meters = Meters()
        self._meters.rebalanced()
        self._now_ms = 0
        self._page = Page(self, self._meters, accounts, now=self._now, only=only)

    def _now(self) -> float:
        return self._now_ms / 1000

    def partitions(self) -> Sequence[PartitionView]:
        """The one partition."""
        one = self._partition
        return [
            PartitionView(
                number=one.number,
                ready=True,
                clock=one.clock,
                census=one.census,
                relationships=len(one.relationships),
                dirty=one.dirty_count,
                recovery_read=1,
                recovery_to_read=1,
            )
        ]

    def read(self, kind: str, records: Sequence[Sent], now_ms: int) -> list[Misplaced]:
        """Apply a chunk, count it as the table does, and return what belongs elsewhere."""
        applied = self._partition.apply(kind, records, now_ms - 1)
        topic, meters = TOPIC_OF[kind], self._meters
        meters.count(topic, applied.outcomes)
        for refused in applied.refused:
            meters.dead_letter(refused.reason)
        meters.event_seen(topic, self._partition.number, applied.last_event_ms)
        return applied.misplaced

    def arrive(self, now_ms: int) -> None:
        """It is now so late: file what has changed, and be up to date with every topic."""
        self._now_ms = now_ms
        self._partition.tell_time(now_ms - 1)
        written = self._partition.settle()
        size = sum(len(key) + len(value) for key, value in written)
        self._meters.flushed(0.002 + len(written) / 50_000, len(written), size, now_ms)
        for topic in TOPIC_OF.values():
            number = self._partition.number
            self._meters.position(topic, number, position=1, end=1, now_ms=now_ms)

    def samples(self) -> list[str]:
        """Its page as it is now, without the comments."""
        return [line for line in self._page().decode().splitlines() if line[0] != "#"]


class Past:
    """Lines of OpenMetrics, one scrape after the other, while events go by.

    Args:
        witness: read by nobody else.
        every_ms: between two scrapes, which are at multiples of it.
    """

    def __init__(self, witness: Witness, every_ms: int) -> None:
        self._witness = witness
        self._every_ms = every_ms
        self._waiting: defaultdict[str, list[Sent]] = defaultdict(list)
        self._next_ms: int | None = None

    def see(self, kind: str, at_ms: int, value: bytes) -> Iterator[str]:
        """Take the next event; what was scraped before it comes out."""
        if self._next_ms is None:
            self._next_ms = (at_ms // self._every_ms + 1) * self._every_ms
        while self._next_ms <= at_ms:
            yield from self._scrape(self._next_ms)
            self._next_ms += self._every_ms
        self._waiting[kind].append(Sent(value, at_ms))

    def end(self, until_ms: int) -> Iterator[str]:
        """The scrapes up to this moment, and one at it."""
        if self._next_ms is None:
            return
        while self._next_ms < until_ms:
            yield from self._scrape(self._next_ms)
            self._next_ms += self._every_ms
        yield from self._scrape(until_ms)

    def _scrape(self, now_ms: int) -> Iterator[str]:
        for kind, records in self._waiting.items():
            self._witness.read(kind, records, now_ms)
        self._waiting.clear()
        self._witness.arrive(now_ms)
        yield from (f"{line} {now_ms / 1000:.3f}\n" for line in self._witness.samples())
