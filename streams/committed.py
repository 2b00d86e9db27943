"""Reads a topic from its start to the end that it had when asked: committed records only.

A commit is acknowledged to the producer before its marker is in the log, so the end of committed
records can still lie before what a worker has just committed. Hence we wait until it has passed
the end that all records had when we asked: whatever was acknowledged before is then before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streams.brokers.compatibility import accommodate

STUCK_AFTER = 30.0
"""Seconds without a record after which a reader that is not at the end gives up."""

OPEN_TRANSACTION = 5.0
"""Seconds to wait for transactions that are open at the end: of a worker at work, they end soon; of
one that died, only when its partition has a new owner or the broker aborts them."""


class ReadingStuck(Exception):
    """No record arrived although the end was not reached."""


async def committed_records(
    connection: Mapping[str, Any], topic: str, partitions: int
) -> AsyncGenerator[list[ConsumerRecord[bytes, bytes]], None]:
    """Yield the records in lists, each from one partition and in its order.

    A transaction is read as a whole or not at all. The end is judged by position: control records
    and what compaction removed take offsets and never arrive.

    Args:
        connection: how to reach the brokers, as arguments of aiokafka's clients.
        topic: an existing one; asking for another might create it.
        partitions: how many it has.

    Raises:
        ReadingStuck: no record arrived for half a minute.
        aiokafka.errors.KafkaError: no broker answers.
    """
    consumer = accommodate(
        AIOKafkaConsumer(
            **connection,
            client_id="closeknit-reader",
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 << 20,
            fetch_max_wait_ms=50,
            retry_backoff_ms=20,
        )
    )
    all_partitions = [TopicPartition(topic, number) for number in range(partitions)]
    written = await _ends(connection, all_partitions)
    await consumer.start()
    try:
        ends = await _committed_ends(consumer, written)
        consumer.assign(all_partitions)
        await consumer.seek_to_beginning(*all_partitions)
        last_record = asyncio.get_running_loop().time()
        while behind := [tp for tp, end in ends.items() if await consumer.position(tp) < end]:
            batches = await consumer.getmany(*behind, timeout_ms=200)
            silence = asyncio.get_running_loop().time() - last_record
            if batches:
                last_record += silence
            elif silence > STUCK_AFTER:
                raise ReadingStuck(
                    f"no record of {topic} arrived for {STUCK_AFTER:.0f} s, with {len(behind)} of "
                    f"{partitions} partitions not read to their end: is the broker that leads them "
                    "up?"
                )
            for tp, records in batches.items():
                within = [record for record in records if record.offset < ends[tp]]
                if within:
                    yield within
    finally:
        await consumer.stop()


async def _ends(
    connection: Mapping[str, Any], partitions: list[TopicPartition]
) -> dict[TopicPartition, int]:
    """Where all records end, committed or not."""
    consumer = AIOKafkaConsumer(**connection, client_id="closeknit-reader", retry_backoff_ms=20)
    await consumer.start()
    try:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return ends
    finally:
        await consumer.stop()


async def _committed_ends(
    consumer: AIOKafkaConsumer, written: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Where committed records end: never within a transaction, and past `written` if it may be."""
    deadline = asyncio.get_running_loop().time() + OPEN_TRANSACTION
    while True:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(list(written))
        if (
            all(ends[tp] >= end for tp, end in written.items())
            or asyncio.get_running_loop().time() > deadline
        ):
            return ends
        await asyncio.sleep(0.02)
