"""A world's past as Prometheus would have seen it: what its workers answered, page by page.

Every sample is rendered by the page that a worker serves, from partitions that applied the very
records of the world. Only the scrapes are invented: `instance`, `job`, `up` and the timestamps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from schemas.events import TOPIC_OF
from streams.core.admission import REROUTED_FROM
from streams.core.partition import Partition, Rules
from streams.core.placement import partition_of
from streams.metrics.accounts import Account, Accounts
from streams.metrics.collector import Page
from streams.metrics.meters import Meters
from streams.metrics.view import PartitionView
from streams.synthetic import World, deliveries

JOB = "closeknit"


class _Sent(NamedTuple):
    """A record in a topic."""

    value: bytes
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


class _Worker:
    """One partition, and the page that is served about it."""

    def __init__(self, number: int, world: World, workers: int) -> None:
        self.instance = f"worker-{number + 1}:9108"
        self.partition_count = workers
        self.partition = Partition(number, Rules(partitions=workers, clock="wall"))
        self._now_ms = 0
        self._meters = Meters()
        self._meters.rebalanced()
        listed = [Account(cast.id, cast.name, cast.group) for cast in world.accounts]
        self._page = Page(self, self._meters, Accounts(listed), now=lambda: self._now_ms / 1000)
        self._labelled: dict[str, str] = {}

    def partitions(self) -> list[PartitionView]:
        partition = self.partition
        return [
            PartitionView(
                number=partition.number,
                ready=True,
                clock=partition.clock,
                census=partition.census,
                relationships=len(partition.relationships),
                dirty=partition.dirty_count,
                recovery_read=1,
                recovery_to_read=1,
            )
        ]

    def read(self, kind: str, records: list[_Sent], now_ms: int) -> list[tuple[int, _Sent]]:
        """Apply a chunk; what belongs elsewhere comes back, with its partition."""
        applied = self.partition.apply(kind, records, now_ms - 1)
        topic, meters = TOPIC_OF[kind], self._meters
        meters.count(topic, applied.outcomes)
        for refused in applied.refused:
            meters.dead_letter(refused.reason)
        meters.event_seen(topic, self.partition.number, applied.last_event_ms)
        header = (REROUTED_FROM, f"{topic}/{self.partition.number}/0".encode())
        return [
            (one.partition, _Sent(one.record.value, one.record.timestamp, (header,)))
            for one in applied.misplaced
            if one.record.value is not None
        ]

    def flush(self, now_ms: int) -> None:
        """See what time it is, file what has changed, and be up to date with every topic."""
        self.partition.tell_time(now_ms - 1)  # on the hour, the hour that has just ended
        written = self.partition.settle()
        size = sum(len(key) + len(value) for key, value in written)
        self._meters.flushed(0.002 + len(written) / 50_000, len(written), size, now_ms)
        for topic in TOPIC_OF.values():
            number = self.partition.number
            self._meters.position(topic, number, position=1, end=1, now_ms=now_ms)

    def scraped(self, now_ms: int) -> Iterator[str]:
        """Its page as samples of this moment, and what Prometheus itself says of the scrape."""
        self._now_ms = now_ms
        samples = [line for line in self._page().decode().splitlines() if line[0] != "#"]
        samples += ["up 1", f"scrape_samples_scraped {len(samples)}"]
        for sample in samples:
            series, _, value = sample.rpartition(" ")
            labelled = self._labelled.get(series)
            if labelled is None:
                name, brace, labels = series.partition("{")
                target = f'instance="{self.instance}",job="{JOB}"'
                rest = f",{labels}" if brace else "}"
                labelled = self._labelled[series] = f"{name}{{{target}{rest}"
            yield f"{labelled} {value} {now_ms / 1000}\n"


def history(world: World, moments: Iterable[int], workers: int = 2) -> Iterator[str]:
    """The samples of all scrapes, as lines of OpenMetrics; no end mark.

    Args:
        world: whose records the workers read, each soon after it was sent.
        moments: when they are scraped, ms, ascending.
        workers: how many, with a partition each.
    """
    crew = [_Worker(number, world, workers) for number in range(workers)]
    sent = deliveries(world, workers)
    following = next(sent, None)
    for now_ms in moments:
        chunks: dict[tuple[int, str], list[_Sent]] = defaultdict(list)
        while following is not None and following.at_ms < now_ms:
            place = partition_of(following.key, workers), following.kind
            chunks[place].append(_Sent(following.value, following.at_ms))
            following = next(sent, None)
        _read_all(crew, chunks, now_ms)
        for worker in crew:
            worker.flush(now_ms)
            yield from worker.scraped(now_ms)


def _read_all(crew: list[_Worker], chunks: dict[tuple[int, str], list[_Sent]], now_ms: int) -> None:
    while chunks:
        again: dict[tuple[int, str], list[_Sent]] = defaultdict(list)
        for (number, kind), records in chunks.items():
            for elsewhere, record in crew[number].read(kind, records, now_ms):
                again[elsewhere, kind].append(record)
        chunks = again


def write(lines: Iterable[str], path: Path) -> Path:
    """An OpenMetrics file of these lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines)
        file.write("# EOF\n")
    return path
