"""Dead letters as they lie in their topic: found, told apart and read.

A letter is told by its origin (topic, partition, offset, and the record's timestamp, as a topic
that was created anew counts its offsets anew), so one written twice (tables rebuilt after
`closeknit reset` refuse the same records again) counts once.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from aiokafka import ConsumerRecord

from streams.committed import committed_records
from streams.core import dead_letter as names
from streams.core.time import format_ms

REDRIVEN = "closeknit-redriven"
"""Header of a mark: the origin of the letter that was redriven; its timestamp stands beside it."""

MARK_KEY = b"\x00redriven"


class Address(NamedTuple):
    """A place in Kafka: `topic/partition/offset`."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read it back.

        Raises:
            ValueError: not of that form.
        """
        topic, partition, offset = text.rsplit("/", 2)
        if not topic:
            raise ValueError(f"no topic in {text!r}")
        return cls(topic, _number(partition), _number(offset))

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Identity(NamedTuple):
    """What tells a letter from every other, wherever and however often it was written."""

    origin: Address
    timestamp: int


class DeadLetter(NamedTuple):
    """A record that was refused: where it lies, why, where it came from, and itself, verbatim.

    `refused_at` is when it was diverted, `timestamp` the refused record's own: ms since the epoch,
    -1 when it had none.
    """

    address: Address
    reason: str
    detail: str
    origin: Address
    refused_at: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]

    @property
    def identity(self) -> Identity:
        """What it is known by."""
        return Identity(self.origin, self.timestamp)

    def document(self) -> dict[str, Any]:
        """Return it as schemas/dead-letter.schema.json says."""
        return {
            "dead_letter": {"partition": self.address.partition, "offset": self.address.offset},
            "reason": self.reason,
            "detail": self.detail,
            **self.origin._asdict(),
            "refused_at": _time(self.refused_at),
            "timestamp": _time(self.timestamp),
            "key": _bytes(self.key),
            "value": _bytes(self.value),
            "headers": [{"name": name, "value": _bytes(value)} for name, value in self.headers],
        }


class Selection(NamedTuple):
    """Which letters: of these reasons, source topics and addresses (where empty: of all).

    `addresses` may say where a letter lies or where it came from; `since_ms` is when it was
    refused, ms since the epoch.
    """

    reasons: Collection[str] = ()
    topics: Collection[str] = ()
    addresses: Collection[Address] = ()
    since_ms: int | None = None

    def holds(self, letter: DeadLetter) -> bool:
        """Is it one of them?"""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.topics or letter.origin.topic in self.topics)
            and (self.since_ms is None or letter.refused_at >= self.since_ms)
            and (
                not self.addresses
                or letter.address in self.addresses
                or letter.origin in self.addresses
            )
        )


class Box(NamedTuple):
    """Where dead letters lie: how to reach the brokers, the topic, its partitions."""

    connection: Mapping[str, Any]
    topic: str
    partitions: int


async def read_letters(
    box: Box, selection: Selection, *, redriven: bool = False
) -> AsyncGenerator[DeadLetter, None]:
    """Yield the dead letters, each once, without those already redriven unless asked for.

    Raises:
        ReadingStuck: see `committed_records`, with what else it raises.
    """
    done = set() if redriven else await _redriven(box)
    seen: set[Identity] = set()
    async with aclosing(committed_records(*box)) as batches:
        async for batch in batches:
            for record in batch:
                letter = parse(record)
                if letter is None or letter.identity in seen or letter.identity in done:
                    continue
                seen.add(letter.identity)
                if selection.holds(letter):
                    yield letter


def parse(record: ConsumerRecord[bytes, bytes]) -> DeadLetter | None:
    """Read a dead letter; None for a mark, or a record that somebody else put there."""
    ours = dict(reversed(record.headers[: len(_OURS)]))
    if ours.keys() != _OURS or not all(ours.values()):
        return None
    try:
        return DeadLetter(
            address=Address(record.topic, record.partition, record.offset),
            reason=ours[names.REASON].decode(),
            detail=ours[names.DETAIL].decode(),
            origin=Address(
                ours[names.TOPIC].decode(),
                _number(ours[names.PARTITION].decode()),
                _number(ours[names.OFFSET].decode()),
            ),
            refused_at=record.timestamp,
            timestamp=_timestamp(ours[names.TIMESTAMP].decode()),
            key=record.key,
            value=record.value,
            headers=record.headers[len(_OURS) :],
        )
    except ValueError:
        return None


def mark(letter: DeadLetter) -> list[tuple[str, bytes]]:
    """The headers that say that a letter was redriven."""
    return [
        (REDRIVEN, str(letter.origin).encode()),
        (names.TIMESTAMP, b"%d" % letter.timestamp),
    ]


def _marked(record: ConsumerRecord[bytes, bytes]) -> Identity | None:
    if record.key != MARK_KEY:
        return None
    headers = dict(record.headers)
    try:
        return Identity(
            Address.parse(headers[REDRIVEN].decode()),
            _timestamp(headers[names.TIMESTAMP].decode()),
        )
    except (KeyError, ValueError):  # anybody may write to a topic
        return None


async def _redriven(box: Box) -> set[Identity]:
    """Read the identities of all letters that were redriven."""
    done: set[Identity] = set()
    async for batch in committed_records(*box):
        done.update(marked for record in batch if (marked := _marked(record)) is not None)
    return done


_OURS = {
    names.REASON,
    names.DETAIL,
    names.TOPIC,
    names.PARTITION,
    names.OFFSET,
    names.TIMESTAMP,
}


def _number(text: str) -> int:
    # Not all that `int` reads: "1_0" and " 10" are no offsets.
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise ValueError(f"{text[:40]!r} is no offset")
    return int(text)


def _timestamp(text: str) -> int:
    return -1 if text == "-1" else _number(text)


def _time(ms: int) -> str | None:
    try:
        return format_ms(ms) if ms >= 0 else None
    except (ValueError, OverflowError):  # a producer may claim any time at all
        return None


def _bytes(value: bytes | None) -> dict[str, str] | None:
    if value is None:
        return None
    try:
        return {"encoding": "utf-8", "data": value.decode()}
    except UnicodeDecodeError:
        return {"encoding": "base64", "data": base64.b64encode(value).decode()}
