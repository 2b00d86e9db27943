"""Reads a topic from its start to the end that it had when asked: committed records only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

STUCK_AFTER = 30.0
"""Seconds without a record after which a reader that is not at the end gives up."""


class ReadingStuck(Exception):
    """No record arrived although the end was not reached."""


async def committed_records(
    connection: Mapping[str, Any], topic: str, partitions: int
) -> AsyncGenerator[list[ConsumerRecord[bytes, bytes]], None]:
    """Yield the records in lists, each from one partition and in its order.

    The end is that of committed records, taken at the start for all partitions, so a transaction
    is read as a whole or not at all. It is judged by position: control records and what compaction
    removed take offsets and never arrive.

    Args:
        connection: how to reach the brokers, as arguments of aiokafka's clients.
        topic: an existing one; asking for another might create it.
        partitions: how many it has.

    Raises:
        ReadingStuck: no record arrived for half a minute.
        aiokafka.errors.KafkaError: no broker answers.
    """
    consumer = AIOKafkaConsumer(
        **connection,
        client_id="closeknit-reader",
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
    )
    await consumer.start()
    try:
        all_partitions = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(all_partitions)
        ends = await consumer.end_offsets(all_partitions)
        await consumer.seek_to_beginning(*all_partitions)
        last_record = asyncio.get_running_loop().time()
        while behind := [tp for tp, end in ends.items() if await consumer.position(tp) < end]:
            batches = await consumer.getmany(*behind, timeout_ms=200)
            now = asyncio.get_running_loop().time()
            if batches:
                last_record = now
            elif now - last_record > STUCK_AFTER:
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
