"""One ownership of one partition number: its state in memory and its transactional producer."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.core.formats import PREVIOUS, stored
from streams.core.partition import Partition
from streams.core.partition_record import KEY, PartitionRecord, Position
from streams.table.producer import Producer


class Outgoing(NamedTuple):
    """A record for another topic, sent in the same transaction as the state it goes with.

    `timestamp` is in ms since the epoch, None for now.
    """

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp: int | None
    headers: Sequence[tuple[str, bytes]]


class Snapshot(NamedTuple):
    """What one flush writes: taken in one step, so that values and offsets belong together."""

    values: list[tuple[bytes, bytes]]
    outgoing: list[Outgoing]
    record: PartitionRecord


class Lease:
    """A partition number that this worker owns.

    Attributes:
        number: the partition number.
        state: its relationships, clock and census.
        producer: initialised before the changelog is read; never initialised again while the
            memory beside it lives, for that would bless stale memory.
        positions: by topic, where the next chunk must start.
        outgoing: dead letters and re-sent records of applied chunks, not yet flushed.
        format: the format in which relationships are written.
        stored_record: the partition record as it was read back; recovery alone looks at it.
        flushed: the partition record of the last committed transaction, if there is one.
        reached: the changelog offset after that transaction, all of which is in memory.
        written: by topic, the Kafka timestamp of the last record applied, ms since the epoch.
        recovered: whether the changelog has been read to its end.
        recovery_read: changelog offsets passed so far by its recovery, of `recovery_to_read`;
            those that a snapshot stands for are in neither.
    """

    def __init__(self, number: int, state: Partition, producer: Producer) -> None:
        self.number = number
        self.state = state
        self.producer = producer
        self.positions: dict[str, Position] = {}
        self.outgoing: list[Outgoing] = []
        self.format = PREVIOUS
        self.stored_record: bytes | None = None
        self.flushed: PartitionRecord | None = None
        self.reached = 0
        self.written: dict[str, int] = {}
        self.recovered = False
        self.recovery_read = 0
        self.recovery_to_read = 0
        self.flushing = asyncio.Lock()

    def snapshot(self, settings: dict[str, float], *, forced: bool) -> Snapshot | None:
        """Take what a flush must write and clear it, or None when there is nothing.

        Synchronous, so that no chunk can be applied between taking the dirty values and taking
        the offsets: that is what makes a flush exactly the chunks it says.
        """
        record = PartitionRecord(
            format=self.format,
            clock=self.state.clock,
            next=dict(self.positions),
            settings=settings,
        )
        if not forced and record == self.flushed and not self.state.dirty_count:
            return None
        outgoing, self.outgoing = self.outgoing, []
        values: Iterable[tuple[bytes, bytes]] = self.state.settle()
        if self.flushed is not None and self.flushed.format > self.format:
            # Back to an older format: whoever knows only that one must be able to read them all.
            values = self.state.relationships.items()
        return Snapshot(stored(values, self.format), outgoing, record)


def changelog_records(snapshot: Snapshot) -> list[tuple[bytes, bytes]]:
    """Return the snapshot's changelog records: values first, the partition record last."""
    return [*snapshot.values, (KEY, snapshot.record.encode())]
