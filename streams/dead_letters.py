"""Dead letters: finding, reading and redriving what could not be applied.

A letter is told by its origin (topic, partition, offset), so one written twice (tables rebuilt
after `closeknit reset` refuse the same records again) counts once. A redrive is one transaction
of the re-sent record and a mark with the letter's origin, written behind the letter in its own
partition: either both exist or none, and a marked letter is not redriven again.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, ConsumerRecord

from schemas.events import InvalidEvent, check_identity, decode
from streams.committed import committed_records
from streams.core import dead_letter as names
from streams.core.placement import partition_of, relationship_key
from streams.core.time import format_ms

REDRIVEN = "closeknit-redriven"
"""Header of a mark: the origin of the letter that was redriven."""

REDRIVEN_FROM = "closeknit-redriven-from"
"""Header of a re-sent record: where its dead letter lies."""

_MARK_KEY = b"\x00redriven"
_PER_TRANSACTION = 500


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
        return cls(topic, int(partition), int(offset))

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class DeadLetter(NamedTuple):
    """A record that was refused: where it lies, why, where it came from, and itself, verbatim.

    `timestamp` is the refused record's, ms since the epoch; -1 when it had none.
    """

    address: Address
    reason: str
    detail: str
    origin: Address
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]

    def matches(self, reasons: Collection[str], addresses: Collection[Address]) -> bool:
        """Is it one of these (of all, where none are given)?"""
        return (not reasons or self.reason in reasons) and (
            not addresses or self.address in addresses or self.origin in addresses
        )

    def document(self) -> dict[str, Any]:
        """Return it as schemas/dead-letter.schema.json says."""
        return {
            "dead_letter": {"partition": self.address.partition, "offset": self.address.offset},
            "reason": self.reason,
            "detail": self.detail,
            **self.origin._asdict(),
            "timestamp": _time(self.timestamp),
            "key": _bytes(self.key),
            "value": _bytes(self.value),
            "headers": [{"name": name, "value": _bytes(value)} for name, value in self.headers],
        }


class Box(NamedTuple):
    """Where dead letters lie: how to reach the brokers, the topic, its partitions."""

    connection: Mapping[str, Any]
    topic: str
    partitions: int


async def read_letters(
    box: Box,
    reasons: Collection[str] = (),
    addresses: Collection[Address] = (),
    *,
    redriven: bool = False,
) -> AsyncGenerator[DeadLetter, None]:
    """Yield the dead letters, each once, without those already redriven unless asked for.

    Raises:
        ReadingStuck: see `committed_records`, with what else it raises.
    """
    done = set() if redriven else await _redriven(box)
    seen: set[Address] = set()
    async with aclosing(committed_records(*box)) as batches:
        async for batch in batches:
            for record in batch:
                letter = parse(record)
                if letter is None or letter.origin in seen or letter.origin in done:
                    continue
                seen.add(letter.origin)
                if letter.matches(reasons, addresses):
                    yield letter


def parse(record: ConsumerRecord[bytes, bytes]) -> DeadLetter | None:
    """Read a dead letter; None for a mark, or a record that somebody else put there."""
    ours = dict(reversed(record.headers[: len(_OURS)]))
    if ours.keys() != _OURS:
        return None
    try:
        return DeadLetter(
            address=Address(record.topic, record.partition, record.offset),
            reason=ours[names.REASON].decode(),
            detail=ours[names.DETAIL].decode(),
            origin=Address(
                ours[names.TOPIC].decode(), int(ours[names.PARTITION]), int(ours[names.OFFSET])
            ),
            timestamp=int(ours[names.TIMESTAMP]),
            key=record.key,
            value=record.value,
            headers=record.headers[len(_OURS) :],
        )
    except ValueError:
        return None


class Redriven(NamedTuple):
    """What a redrive did: letters sent by reason, and those that can never become events."""

    sent: Counter[str]
    hopeless: int


async def redrive(
    box: Box,
    transactional_id: str,
    reasons: Collection[str] = (),
    addresses: Collection[Address] = (),
    limit: int | None = None,
) -> Redriven:
    """Send dead letters to where they came from, as they were, each once.

    A letter whose value can be read gets its canonical key and so the right partition; others go
    where they were. Letters without a value stay: nothing can make events of them.

    Raises:
        ProducerFenced: another redrive has started meanwhile; this one changed nothing more.
        KafkaError: no broker answers, or one refuses a record.
    """
    result = Redriven(Counter(), 0)
    producer = AIOKafkaProducer(
        **box.connection,
        client_id="closeknit-redrive",
        transactional_id=transactional_id,
        max_request_size=4 << 20,
    )
    await producer.start()
    try:
        letters: list[DeadLetter] = []
        # Started first: whoever ran before us is fenced and its marks are there to be read.
        async with aclosing(read_letters(box, reasons, addresses)) as found:
            async for letter in found:
                if letter.value:
                    letters.append(letter)
                else:
                    result = result._replace(hopeless=result.hopeless + 1)
                if len(letters) == limit:
                    break
        for start in range(0, len(letters), _PER_TRANSACTION):
            some = letters[start : start + _PER_TRANSACTION]
            async with producer.transaction():
                for letter in some:
                    await _resend(producer, letter, box)
            result.sent.update(letter.reason for letter in some)
    finally:
        await producer.stop()
    return result


async def _resend(producer: AIOKafkaProducer, letter: DeadLetter, box: Box) -> None:
    key, partition = _place(letter, box.partitions)
    await producer.send(
        letter.origin.topic,
        value=letter.value,
        key=key,
        partition=partition,
        timestamp_ms=None if letter.timestamp < 0 else letter.timestamp,
        headers=[*letter.headers, (REDRIVEN_FROM, str(letter.address).encode())],
    )
    await producer.send(
        box.topic,
        value=b"",
        key=_MARK_KEY,
        partition=letter.address.partition,
        headers=[(REDRIVEN, str(letter.origin).encode())],
    )


def _place(letter: DeadLetter, partitions: int) -> tuple[bytes | None, int]:
    """Key and partition of the record to send: canonical where the value tells them."""
    try:
        event = decode(letter.value or b"")
    except InvalidEvent:
        return letter.key, letter.origin.partition
    if event.kind == "tick" or check_identity(event.account, event.member):
        return letter.key, letter.origin.partition
    key = relationship_key(event.account, event.member)
    return key, partition_of(key, partitions)


async def _redriven(box: Box) -> set[Address]:
    """Read the origins of all letters that were redriven."""
    done: set[Address] = set()
    async for batch in committed_records(*box):
        for record in batch:
            if record.key == _MARK_KEY:
                done.update(
                    Address.parse(value.decode())
                    for name, value in record.headers
                    if name == REDRIVEN
                )
    return done


_OURS = {
    names.REASON,
    names.DETAIL,
    names.TOPIC,
    names.PARTITION,
    names.OFFSET,
    names.TIMESTAMP,
}


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
