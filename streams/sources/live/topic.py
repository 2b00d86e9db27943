"""A topic of somebody else's, mapped to events: read, made and written in one transaction.

The cursor is the next offset of each partition, with the topic's id: one that was deleted and
created anew is noticed, and read from its start.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from schemas.events import Event, InvalidEvent
from streams.brokers.compatibility import accommodate
from streams.core.partition_record import Position
from streams.sources.live.meters import Meters
from streams.sources.live.source import Batch, Kept, Refused, SourceFailed
from streams.sources.mapping import NO_RULE, Mapped
from streams.table.halt import BrokenInvariant
from streams.table.resume import Log, resume

log = logging.getLogger(__name__)

MOST_RECORDS = 500
LOOK_AGAIN = 30.0
"""Seconds after which the topic's id and partitions are asked for again."""

TOMBSTONE = "a tombstone"

TopicIds = Callable[[Sequence[str]], Awaitable[Mapping[str, str | None]]]


class Cursor(msgspec.Struct):
    """Where to read on: the topic and its id (None: the brokers have none), offset by partition."""

    topic: str
    topic_id: str | None
    next: dict[int, int]


_cursor = msgspec.json.Decoder(Cursor)


class TopicSource:
    """Reads a topic through a mapping.

    Args:
        name: of the source.
        topic: to be read.
        mapped: the mapping.
        connection: how to reach the brokers, as arguments of aiokafka's clients.
        topic_ids: asks the brokers for ids of topics.
        start: where a partition is begun that was not read before.
        meters: told of signs of life.
    """

    def __init__(
        self,
        name: str,
        topic: str,
        mapped: Mapped,
        connection: Mapping[str, Any],
        topic_ids: TopicIds,
        start: Literal["beginning", "end"],
        meters: Meters,
    ) -> None:
        self.name = name
        self._topic = topic
        self._mapped = mapped
        self._connection = connection
        self._topic_ids = topic_ids
        self._start = start
        self._meters = meters

    async def batches(self, kept: Kept) -> AsyncIterator[Batch]:
        """Yield what its records become; see `Source.batches`.

        Raises:
            SourceFailed: the topic is not there, or lost records; the cursor is of another topic.
        """
        stored = self._stored(kept)
        consumer = accommodate(
            AIOKafkaConsumer(
                **self._connection,
                client_id=f"closeknit-source-{self.name}",
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="none",
                max_partition_fetch_bytes=4 << 20,
            )
        )
        await consumer.start()
        try:
            cursor = await self._placed(consumer, stored)
            yield Batch(cursor=_packed(cursor))
            clock = asyncio.get_running_loop().time
            looked = clock()
            while True:
                lost = False
                try:
                    fetched = await consumer.getmany(timeout_ms=500, max_records=MOST_RECORDS)
                except OffsetOutOfRangeError:
                    fetched, lost = {}, True
                self._meters.heard()
                for place, records in fetched.items():
                    cursor.next[place.partition] = records[-1].offset + 1
                    yield self._read(records)._replace(cursor=_packed(cursor))
                if lost or clock() - looked > LOOK_AGAIN:
                    if lost or await self._changed(consumer, cursor):
                        cursor = await self._placed(consumer, cursor)
                    looked = clock()
        finally:
            await consumer.stop()

    def _read(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Batch:
        events: list[Event] = []
        refused = []
        left_out: Counter[str] = Counter()
        for record in records:
            if record.value is None:
                left_out[TOMBSTONE] += 1
                continue
            try:
                made = self._mapped.read(record.value)
            except InvalidEvent as invalid:
                refused.append(_refused(record, invalid))
                continue
            if made:
                events += made
            else:
                left_out[NO_RULE] += 1
        return Batch(events, refused=refused, left_out=left_out)

    def _stored(self, kept: Kept) -> Cursor | None:
        if kept.cursor is None:
            return None
        try:
            cursor = _cursor.decode(kept.cursor)
        except msgspec.MsgspecError:
            raise SourceFailed(
                f"the source {self.name} has a cursor of another kind of source: choose another "
                "--name"
            ) from None
        if cursor.topic != self._topic:
            raise SourceFailed(
                f"the source {self.name} has read the topic {cursor.topic} so far: choose another "
                f"--name for {self._topic}"
            )
        return cursor

    async def _changed(self, consumer: AIOKafkaConsumer, cursor: Cursor) -> bool:
        """Whether the topic is another, or has more partitions."""
        topic_id, places = await self._ask(consumer)
        return cursor.topic_id != topic_id or consumer.assignment() != set(places)

    async def _ask(self, consumer: AIOKafkaConsumer) -> tuple[str | None, list[TopicPartition]]:
        topic_id = (await self._topic_ids([self._topic]))[self._topic]
        numbers = (await consumer._client.fetch_all_metadata()).partitions_for_topic(self._topic)
        if not numbers:
            raise SourceFailed(f"there is no topic {self._topic}: create it, or mend --from")
        return topic_id, [TopicPartition(self._topic, number) for number in sorted(numbers)]

    async def _placed(self, consumer: AIOKafkaConsumer, cursor: Cursor | None) -> Cursor:
        """Let the consumer read every partition from where it is to be read on."""
        topic_id, places = await self._ask(consumer)
        earliest = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        placed = Cursor(self._topic, topic_id, {})
        for place in places:
            found = Log(topic_id, earliest[place], ends[place])
            if cursor is None:
                at_end = self._start == "end"
                placed.next[place.partition] = found.end if at_end else found.earliest
            else:
                placed.next[place.partition] = _resumed(place, cursor, found)
        consumer.assign(places)
        for place in places:
            consumer.seek(place, placed.next[place.partition])
        return placed


def _resumed(place: TopicPartition, cursor: Cursor, found: Log) -> int:
    name = f"{place.topic}/{place.partition}"
    offset = cursor.next.get(place.partition)  # None: a partition that was added
    stored = None if offset is None else Position(offset, cursor.topic_id)
    try:
        resumption = resume(name, stored, found)
    except BrokenInvariant:
        raise SourceFailed(
            f"{name} ends at offset {found.end}, before {offset} where we stopped: its brokers "
            "lost records. Choose another --name to read it anew: an event counts once by its id"
        ) from None
    if resumption.warning:
        log.warning("%s", resumption.warning)
    return resumption.offset


def _refused(record: ConsumerRecord[bytes, bytes], invalid: InvalidEvent) -> Refused:
    return Refused(
        record.value or b"",
        invalid.reason,
        invalid.detail,
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.headers,
    )


def _packed(cursor: Cursor) -> bytes:
    return msgspec.json.encode(cursor)
