"""Lets aiokafka's consumers live with the embedded broker's two faults.

Both were seen on noida-db 0.2.3; ``tests/brokers/test_compatibility.py`` fails when one is gone.

1. A fetch that finds nothing is answered at once instead of after ``fetch_max_wait_ms``: an idle
   consumer asks hundreds of times a second. We hold the empty answer back for a moment.
2. Its answers list aborted transactions that ended *before* the fetched offset. A consumer that
   reads committed records then takes the same producer's next, committed records for aborted ones
   and drops them. We take those transactions off the list, as Apache Kafka does.

The broker is recognised by its cluster id, so nothing changes with any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords

from streams.brokers.batches import read_every_batch

CLUSTER_ID = "MkU3OEVBNTctOEUyRi00"
"""What every noida-db calls its cluster."""

EMPTY_FETCH_SECONDS = 0.05
"""How long an empty answer is held back: also the most that a new record waits for it."""

_FETCH = 1  # the number of Kafka's Fetch request


def accommodate(consumer: AIOKafkaConsumer) -> AIOKafkaConsumer:
    """Prepare a consumer that is not started yet; returns the same consumer."""
    read_every_batch()
    client = consumer._client
    send = client.send

    async def send_to_any(node: int, request: Any, **options: Any) -> Any:
        response = await send(node, request, **options)
        if response.API_KEY != _FETCH:
            return response
        metadata = await send(node, MetadataRequest([]))
        if metadata.cluster_id == CLUSTER_ID:
            client.send = _SendToEmbedded(send)
            return await client.send.answer(request, response)
        client.send = send
        return response

    client.send = send_to_any
    return consumer


class _SendToEmbedded:
    """``AIOKafkaClient.send`` with the embedded broker's fetch answers put right."""

    def __init__(self, send: Any) -> None:
        self._send = send
        self._history = AbortHistory()

    async def __call__(self, node: int, request: Any, **options: Any) -> Any:
        response = await self._send(node, request, **options)
        return await self.answer(request, response) if response.API_KEY == _FETCH else response

    async def answer(self, request: Any, response: Any) -> Any:
        offsets = {
            (topic, partition): offset
            for topic, partitions in request.topics
            for partition, offset, *_ in partitions
        }
        # Behind the list, version 11 added a preferred replica before the records.
        where = -3 if response.API_VERSION >= 11 else -2
        empty = True
        for topic, partitions in response.topics:
            for index, fields in enumerate(partitions):
                place, aborted, records = (topic, fields[0]), fields[where], fields[-1]
                empty = empty and not records
                if aborted:
                    kept = self._history.still_open(place, offsets[place], aborted, records)
                    partitions[index] = (*fields[:where], kept, *fields[where + 1 :])
        if empty:
            await asyncio.sleep(EMPTY_FETCH_SECONDS)
        return response


class Marker(NamedTuple):
    """The control record that ends a transaction."""

    offset: int
    producer: int
    abort: bool


class AbortHistory:
    """Where aborted transactions ended, as far as this consumer has seen it."""

    def __init__(self) -> None:
        self._ends: dict[tuple[object, int, int], int] = {}

    def still_open(
        self,
        place: object,
        offset: int,
        aborted: Iterable[tuple[int, int]],
        records: bytes,
    ) -> list[tuple[int, int]]:
        """The aborted transactions, as (producer, first offset), that reach to ``offset``.

        A producer's transactions follow one another, so its first marker behind a transaction's
        first offset ends that transaction. When it lies before ``offset`` and was not seen, the
        producer's next marker tells: were the transaction still open, it would be this one's
        abort. Until a marker comes it stays listed; whoever reads from the start never waits.
        """
        markers = list(_markers(records))
        listed = sorted(aborted, key=lambda transaction: transaction[1])
        kept = []
        for number, (producer, first) in enumerate(listed):
            later = {start for other, start in listed[number + 1 :] if other == producer}
            following = _first_of(markers, producer, after=max(first, offset - 1))
            end = self._ends.get((place, producer, first))
            if end is None and following is not None:
                replaced = any(start <= following.offset for start in later)
                if following.abort and not replaced:
                    end = self._ends[place, producer, first] = following.offset
                else:
                    end = offset - 1  # or before
            if end is None or end >= offset:
                kept.append((producer, first))
        return kept


def _first_of(markers: Sequence[Marker], producer: int, after: int) -> Marker | None:
    return next((m for m in markers if m.producer == producer and m.offset > after), None)


def _markers(records: bytes) -> Iterator[Marker]:
    batches = MemoryRecords(records)
    while batches.has_next():
        batch = batches.next_batch()
        if batch.is_control_batch:
            for record in batch:
                abort = ControlRecord.parse(record.key) == ABORT_MARKER
                yield Marker(record.offset, batch.producer_id, abort)
