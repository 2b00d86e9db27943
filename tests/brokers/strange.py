"""Batches of records as a stranger may make them, byte by byte, and a way to send them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c, encode_varint

WRITTEN_MS = 1_700_000_000_000


class Strange(NamedTuple):
    """One record; `delta` is its offset within its batch, its place in it where None."""

    value: bytes | None = b"value"
    key: bytes | None = b"key"
    headers: Sequence[tuple[bytes, bytes | None]] = ()
    attributes: int = 0
    delta: int | None = None


def payload(records: Sequence[Strange]) -> bytes:
    """The records of a batch, not compressed."""
    return b"".join(_record(record, place) for place, record in enumerate(records))


def batch(
    records: Sequence[Strange],
    *,
    base: int = 0,
    attributes: int = 0,
    magic: int = 2,
    body: bytes | None = None,
) -> bytes:
    """A batch with a right checksum around the records, or around another body."""
    count = len(records)
    fields = (attributes, count - 1, WRITTEN_MS, WRITTEN_MS, -1, -1, -1, count)
    rest = struct.pack(">hiqqqhii", *fields) + (payload(records) if body is None else body)
    crc = calc_crc32c(rest)
    return struct.pack(">qiibI", base, len(rest) + 9, -1, magic, crc) + rest


def _record(record: Strange, place: int) -> bytes:
    body = bytes([record.attributes]) + _number(0)
    body += _number(place if record.delta is None else record.delta)
    body += _sized(record.key) + _sized(record.value) + _number(len(record.headers))
    for name, value in record.headers:
        body += _sized(name) + _sized(value)
    return _sized(body)


def _sized(data: bytes | None) -> bytes:
    return _number(-1) if data is None else _number(len(data)) + data


def _number(number: int) -> bytes:
    out = bytearray()
    encode_varint(number, out.append)
    return bytes(out)


async def send(bootstrap: str, topic: str, partition: int, data: bytes) -> int:
    """Send a batch as it is; return the broker's error code, 0 for none."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        client = producer.client
        await client.set_topics([topic])
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = ProduceRequest(
            transactional_id=None,
            required_acks=-1,
            timeout=10_000,
            topics=[(topic, [(partition, data)])],
        )
        answer = await client.send(leader, request)
        ((_, ((_, code, *_),)),) = answer.topics
        return int(code)
