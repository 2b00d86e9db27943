"""Small clients for tests that talk to a broker."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from streams.brokers import accommodate

Result = TypeVar("Result")
_numbers = itertools.count(1)


def run(story: Coroutine[Any, Any, Result], seconds: float = 60) -> Result:
    """Run a coroutine to its end, which must come soon."""
    return asyncio.run(asyncio.wait_for(story, seconds))


async def until(holds: Callable[[], bool], seconds: float = 20) -> bool:
    """Wait until a condition holds; False when it does not within so many seconds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(0.02)  # between two looks at a condition
    return True


class Admin:
    """kafka-python's admin client, closed at the end of its ``with`` block."""

    def __init__(self, bootstrap: str) -> None:
        self._client = KafkaAdminClient(bootstrap_servers=bootstrap)

    def __enter__(self) -> KafkaAdminClient:
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()


def new_topic(bootstrap: str, partitions: int = 1, **settings: str) -> str:
    """Create a topic under a name of its own; ``a_b="c"`` sets ``a.b`` to ``c``."""
    name = f"topic-{next(_numbers)}"
    create_topic(bootstrap, name, partitions, {k.replace("_", "."): v for k, v in settings.items()})
    return name


def create_topic(
    bootstrap: str, name: str, partitions: int = 1, settings: Mapping[str, str] | None = None
) -> None:
    """Create a topic and wait until its partitions have leaders."""
    with Admin(bootstrap) as admin:
        admin.create_topics([NewTopic(name, partitions, 1, topic_configs=dict(settings or {}))])
        admin.wait_for_topics([name])


@asynccontextmanager
async def producer(bootstrap: str, transactional_id: str | None = None) -> AsyncIterator[Any]:
    """A started producer."""
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=transactional_id
    ) as started:
        yield started


@asynccontextmanager
async def reader(
    bootstrap: str, isolation: str = "read_committed", **options: Any
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer without a group, from the earliest record on."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        **options,
    )
    async with accommodate(consumer) as started:
        yield started


async def end_of(bootstrap: str, topic: str, isolation: str = "read_committed") -> int:
    """The end of partition 0 that a reader is told."""
    place = TopicPartition(topic, 0)
    async with reader(bootstrap, isolation) as consumer:
        end: int = (await consumer.end_offsets([place]))[place]
        return end


async def records(
    bootstrap: str,
    topic: str,
    *,
    start: int = 0,
    isolation: str = "read_committed",
    undecided: bool = False,
    **options: Any,
) -> list[ConsumerRecord[bytes, bytes]]:
    """What partition 0 holds, from an offset to its end, by position.

    A commit is acknowledged before its marker is written, so a reader of committed records waits
    for the end of all records; with a transaction still `undecided`, it reads what it is told.
    """
    place = TopicPartition(topic, 0)
    found: list[ConsumerRecord[bytes, bytes]] = []
    end = await end_of(bootstrap, topic, isolation if undecided else "read_uncommitted")
    if start >= end:
        return []
    async with reader(bootstrap, isolation, **options) as consumer:
        consumer.assign([place])
        consumer.seek(place, start)
        while await consumer.position(place) < end:
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                found += batch
    return found


async def values(bootstrap: str, topic: str, **options: Any) -> list[bytes | None]:
    """The values of ``records``."""
    return [record.value for record in await records(bootstrap, topic, **options)]
