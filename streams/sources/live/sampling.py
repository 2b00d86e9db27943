"""The first records of a topic, to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from aiokafka import ConsumerRecord

from streams.committed import committed_records


async def first_records(
    connection: Mapping[str, Any], topic: str, partitions: int, limit: int
) -> list[ConsumerRecord[bytes, bytes]]:
    """Return the first records of each partition, so many at most.

    Raises:
        ReadingStuck: see `committed_records`, with what else it raises.
    """
    found: list[ConsumerRecord[bytes, bytes]] = []
    taken: Counter[int] = Counter()
    async with aclosing(committed_records(connection, topic, partitions)) as batches:
        async for batch in batches:
            number = batch[0].partition
            more = batch[: limit - taken[number]]
            found += more
            taken[number] += len(more)
            if all(taken[n] >= limit for n in range(partitions)):
                break
    return sorted(found, key=lambda record: (record.partition, record.offset))
