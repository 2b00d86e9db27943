"""Sends events from files to the source topics, in their order, and ends with ticks.

Kafka's default partitioner chooses the partition.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition

from schemas.events import Event, encode
from streams.core.placement import partition_of
from streams.core.time import HOUR_MS, format_ms, hour_of
from streams.outbox import Outbox
from streams.sources import Malformed, Sendable

BLOCK = 2000
"""Items read in one go, in a thread: reading may block while delivery goes on."""

BATCH_BYTES = 256 * 1024
"""Size of a batch before compression: well below the 1 MiB that brokers accept by default."""

_PATIENCE = 0.1
"""Seconds after which a block is sent though it is not full: a pipe may be slow."""

_EARLY = 0.01
"""Seconds by which a paced record may leave early, so that neighbours share a batch."""

Pace = Callable[[int, int], float]
"""From a record's number (from 0) and its `at` in ms to the second, counted from the start, at
which it is due."""


class Sent(NamedTuple):
    """What a replay sent: events by kind, and the greatest `at` (None when there was none)."""

    kinds: Counter[str]
    malformed: int
    last_ms: int | None


def at_rate(records_per_second: float) -> Pace:
    """So many records per second."""
    return lambda number, _at_ms: number / records_per_second


def at_speed(speed: float) -> Pace:
    """As the events happened, `speed` times as fast; one that comes out of order goes at once."""
    first: int | None = None

    def due(_number: int, at_ms: int) -> float:
        nonlocal first
        if first is None:
            first = at_ms
        return (at_ms - first) / 1000 / speed

    return due


async def replay(
    items: Iterator[Sendable | Malformed],
    topics: Mapping[str, str],
    partitions: int,
    connection: Mapping[str, Any],
    *,
    pace: Pace | None = None,
    on_malformed: Callable[[Malformed], None],
    on_progress: Callable[[int], None],
) -> Sent:
    """Send everything, then a tick at the greatest `at`'s hour to every partition of every topic.

    Args:
        items: what a source read; iterated in a thread.
        topics: kind to topic.
        partitions: of every topic.
        connection: how to reach the brokers, as arguments of aiokafka's clients.
        pace: when each record is due; None is as fast as the broker takes them.
        on_malformed: told of each malformed line.
        on_progress: told how many events were sent so far, every now and then.

    Raises:
        DeliveryError: a broker refused a batch, or did not answer in time.
        aiokafka.errors.KafkaError: no broker answers.
        UnreadableFile: from `items`.
    """
    producer = AIOKafkaProducer(
        **connection,
        client_id="closeknit-replay",
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=BATCH_BYTES,
    )
    try:
        await producer.start()
        outbox = Outbox(producer)
        sender = _Sender(outbox, topics, partitions, pace, on_progress)
        malformed = 0
        while block := await asyncio.to_thread(_take, items):
            for item in block:
                if isinstance(item, Malformed):
                    malformed += 1
                    on_malformed(item)
                else:
                    await sender.send(item)
            if len(block) < BLOCK:
                await outbox.flush()
            on_progress(sender.kinds.total())
        if sender.last_ms is not None:
            await sender.tick(hour_of(sender.last_ms) * HOUR_MS)
        await outbox.flush()
        await outbox.delivered()
        return Sent(sender.kinds, malformed, sender.last_ms)
    finally:
        await producer.stop()


def _take(items: Iterator[Sendable | Malformed]) -> list[Sendable | Malformed]:
    """Take the next items: a full block, or what came within the patience."""
    block: list[Sendable | Malformed] = []
    deadline = time.monotonic() + _PATIENCE
    for item in items:
        block.append(item)
        if len(block) == BLOCK or time.monotonic() > deadline:
            break
    return block


class _Sender:
    """Puts each event where it belongs, when it is due."""

    def __init__(
        self,
        outbox: Outbox,
        topics: Mapping[str, str],
        partitions: int,
        pace: Pace | None,
        on_progress: Callable[[int], None],
    ) -> None:
        self.kinds: Counter[str] = Counter()
        self.last_ms: int | None = None
        self._outbox = outbox
        self._topics = topics
        self._partitions = partitions
        self._place = lru_cache(maxsize=1 << 16)(partition_of)
        self._pace = pace
        self._on_progress = on_progress
        self._start = time.monotonic()

    async def send(self, item: Sendable) -> None:
        """Send one event; a tick in the input goes everywhere, at its place in the order."""
        if self._pace is not None:
            await self._until(self._pace(self.kinds.total(), item.at_ms))
        if self.last_ms is None or item.at_ms > self.last_ms:
            self.last_ms = item.at_ms
        if item.kind == "tick":
            await self.tick(item.at_ms)
            return
        self.kinds[item.kind] += 1
        where = TopicPartition(self._topics[item.kind], self._place(item.key, self._partitions))
        await self._outbox.put(where, item.key, item.value)

    async def tick(self, at_ms: int) -> None:
        """Send a tick to every partition of every topic."""
        value = encode(Event(kind="tick", at=format_ms(at_ms)))
        for topic in self._topics.values():
            for number in range(self._partitions):
                await self._outbox.put(TopicPartition(topic, number), None, value)

    async def _until(self, due: float) -> None:
        early = self._start + due - time.monotonic()
        if early > _EARLY:
            await self._outbox.flush()
            self._on_progress(self.kinds.total())
            await asyncio.sleep(early)
