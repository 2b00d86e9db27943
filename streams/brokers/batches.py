r"""Reads every record batch that a broker takes, also those that aiokafka's decoder does not.

Kafka checks a batch's checksum, count and lengths, but not all that is in it, so whoever may write
to a topic could stop everybody who reads it with aiokafka 0.14. Seen on Apache Kafka 4.4:

1. The *name* of a header need not be UTF-8. Java replaces what is not; aiokafka raises. We escape
   it: ``b"\xff"`` becomes ``r"\xff"``.
2. The byte of record attributes, which nobody reads, may be anything. aiokafka takes it for a
   number of variable length and reads the rest shifted by a byte, or raises.
3. The offsets within a batch may repeat, go back or leave the batch. aiokafka believes them: it
   skips some records, and what it reads next does not follow. Kafka only counts what it is sent:
   the nth record of a batch is meant to have its nth offset, and that is what it gets here.

The usual way through aiokafka's own decoder stays. A batch is read again, here and in plain Python,
only when that has failed, or when its offsets do not rise within the batch. What cannot be read
here either is damaged, or of a kind that we do not know: `UnreadableBatch`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaError, UnsupportedCodecError
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH_AT, _MAGIC_AT, _OVERHEAD = 8, 16, 12
_LENGTH = struct.Struct(">i")
_LATEST_MAGIC = 2
_OFFSET = attrgetter("offset")


class UnreadableBatch(KafkaError):  # type: ignore[misc]
    """A batch of records cannot be read; the message says which, why, and what to do."""


class Record(NamedTuple):
    """A record as aiokafka's decoder gives it; `timestamp` is in ms since the epoch."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    checksum: None = None


def read_every_batch() -> None:
    """Have all consumers of this process read batches as this module does; again is the same."""
    fetcher.MemoryRecords = Batches
    if not issubclass(fetcher.PartitionRecords, PartitionRecords):
        fetcher.PartitionRecords = PartitionRecords


class PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """aiokafka's, telling the batches which partition they are of."""

    def __init__(self, tp: TopicPartition, batches: Batches, *options: Any) -> None:
        batches.place = f"{tp.topic}/{tp.partition}"
        super().__init__(tp, batches, *options)


class Batches(MemoryRecords):  # type: ignore[misc]
    """The batches of one partition in an answer to a fetch; instead of aiokafka's own.

    Attributes:
        place: the partition, for messages.
    """

    place = "a partition"

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._data = memoryview(data)
        self._at = 0

    def next_batch(self) -> Any:
        """Return the next batch, or None behind the last.

        Raises:
            UnreadableBatch: it is of a format that we do not know.
        """
        start = self._at
        if not self.has_next():
            return None
        magic = self._data[start + _MAGIC_AT]
        if magic > _LATEST_MAGIC:
            raise self.unreadable(f"its format (magic {magic}) is not known")
        batch = super().next_batch()
        self._at += _OVERHEAD + _LENGTH.unpack_from(self._data, start + _LENGTH_AT)[0]
        return Batch(self, batch, start, self._at) if magic == _LATEST_MAGIC else batch

    def raw(self, start: int, end: int) -> memoryview:
        """Return the bytes of a batch."""
        return self._data[start:end]

    def unreadable(self, why: str) -> UnreadableBatch:
        """Return what to raise."""
        return UnreadableBatch(
            f"a batch of records in {self.place} cannot be read: {why}. Restore the partition from "
            "a sound copy; if there is none, give up what is unreadable: kafka-delete-records.sh"
        )


class Batch:
    """One batch: aiokafka's, and where its bytes are in case that cannot read them."""

    __slots__ = (
        "_among",
        "_batch",
        "_end",
        "_start",
        "base_offset",
        "is_control_batch",
        "is_transactional",
        "next_offset",
        "producer_id",
    )

    def __init__(self, among: Batches, batch: Any, start: int, end: int) -> None:
        self._among = among
        self._batch = batch
        self._start = start
        self._end = end
        self.base_offset = batch.base_offset
        self.next_offset = batch.next_offset
        self.producer_id = batch.producer_id
        self.is_control_batch = batch.is_control_batch
        self.is_transactional = batch.is_transactional

    def validate_crc(self) -> bool:
        """Say that the checksum holds.

        Raises:
            UnreadableBatch: it does not.
        """
        if not self._batch.validate_crc():
            raise self._unreadable("its checksum does not match, so it is damaged")
        return True

    def __next__(self) -> Any:
        """Return the next record: asked for the marker in a control batch."""
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            records = list(self._batch)
        except UnsupportedCodecError as error:
            raise self._unreadable(error.args[0]) from error
        except Exception:  # decompressors raise what they like
            return self._read_again()
        if not rising(list(map(_OFFSET, records)), self.base_offset, self.next_offset):
            return self._read_again()
        return iter(records)

    def _read_again(self) -> Iterator[Any]:
        try:
            return iter(decode(self._among.raw(self._start, self._end)))
        except Exception as error:
            raise self._unreadable(str(error)) from error

    def _unreadable(self, why: str) -> UnreadableBatch:
        return self._among.unreadable(
            f"offsets {self.base_offset} to {self.next_offset - 1}: {why}"
        )


def rising(offsets: list[int], start: int, end: int) -> bool:
    """Whether offsets rise within a batch from `start` until before `end`."""
    if offsets == list(range(start, end)):
        return True  # none is missing: nearly always so
    before = start - 1
    for offset in offsets:  # some are: the log was compacted
        if not before < offset < end:
            return False
        before = offset
    return True


def decode(raw: bytes | memoryview) -> list[Record]:
    """Decode a batch of magic 2, believing no more of it than a broker checks.

    Raises:
        ValueError: it breaks off, or holds more or less than it says.
        Exception: of a decompressor, as they come.
    """
    batch = _DefaultRecordBatchPy(raw)
    batch._maybe_uncompress()
    records = _Reader(batch).records()
    start, end = batch.base_offset, batch.next_offset
    if rising([record.offset for record in records], start, end):
        return records
    if len(records) > end - start:
        raise ValueError(f"it holds {len(records)} records")
    return [record._replace(offset=start + nth) for nth, record in enumerate(records)]


class _Reader:
    """Reads the records of a batch that is no longer compressed."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch
        self._data = bytes(batch._buffer)
        self._at: int = batch._pos

    def records(self) -> list[Record]:
        """Return all of them."""
        records = [self._record() for _ in range(self._batch._num_records)]
        if self._at != len(self._data):
            raise ValueError(f"{len(self._data) - self._at} bytes are left behind its records")
        return records

    def _record(self) -> Record:
        batch = self._batch
        end = self._number() + self._at
        self._at += 1  # attributes
        timestamp = batch.first_timestamp + self._number()
        record = Record(
            timestamp=batch.max_timestamp if batch.timestamp_type else timestamp,
            offset=batch.base_offset + self._number(),
            timestamp_type=batch.timestamp_type,
            key=self._bytes(),
            value=self._bytes(),
            headers=[self._header() for _ in range(self._number())],
        )
        if self._at != end:
            raise ValueError("a record is not as long as it says")
        return record

    def _header(self) -> tuple[str, bytes | None]:
        name = self._bytes() or b""
        return name.decode("utf-8", "backslashreplace"), self._bytes()

    def _bytes(self) -> bytes | None:
        size = self._number()
        if size < 0:
            return None
        self._at += size
        if self._at > len(self._data):
            raise ValueError("a record breaks off")
        return self._data[self._at - size : self._at]

    def _number(self) -> int:
        # Not aiokafka's: that one reads on behind the end.
        number = shift = 0
        while self._at < len(self._data) and shift < 64:
            byte = self._data[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
            shift += 7
        raise ValueError("a record breaks off")
