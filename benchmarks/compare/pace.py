"""Events sent at an even pace, as life would send them, while somebody else looks at the worker."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from benchmarks.compare.data import Message
from benchmarks.compare.stage import PARTITIONS
from schemas.events import TOPIC_OF
from streams.core.placement import partitions_of

SLICE = 0.02
"""Seconds of events that are sent at once."""

Addressed = tuple[str, int, Message]


def addressed(prefix: str, messages: Sequence[Message]) -> list[Addressed]:
    """Each event with its topic and partition, worked out beforehand."""
    homes = partitions_of({message.key for message in messages}, PARTITIONS)
    return [(prefix + TOPIC_OF[one.kind], homes[one.key], one) for one in messages]


async def send_evenly(producer: AIOKafkaProducer, events: Sequence[Addressed], rate: float) -> None:
    """Send so many a second until all are sent."""
    began = time.monotonic()
    sent = 0
    while sent < len(events):
        due = min(len(events), int((time.monotonic() - began) * rate))
        batches = defaultdict(list)
        for topic, number, message in events[sent:due]:
            batches[topic, number].append(message)
        for (topic, number), due_now in batches.items():
            batch = producer.create_batch()
            for one in due_now:
                if batch.append(key=one.key, value=one.value, timestamp=one.at) is None:
                    batch.close()
                    await producer.send_batch(batch, topic, partition=number)
                    batch = producer.create_batch()
                    batch.append(key=one.key, value=one.value, timestamp=one.at)
            batch.close()
            await producer.send_batch(batch, topic, partition=number)
        sent = due
        await asyncio.sleep(SLICE)
