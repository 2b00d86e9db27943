"""Reading a topic to its end: what is committed, all of it, and nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from aiokafka import AIOKafkaProducer

from streams import committed
from streams.committed import committed_records
from streams.topics import Planned, administration, create
from tests.conftest import Broker

_numbers = count()


@pytest.fixture
def topic(broker: Broker) -> str:
    """A new topic with two partitions."""
    name = f"committed{os.getpid()}-{next(_numbers)}"
    with administration({"bootstrap_servers": [broker.bootstrap]}) as admin:
        create(admin, [Planned(name, 2, 1, {})])
    return name


@asynccontextmanager
async def producer(broker: Broker, name: str) -> AsyncIterator[AIOKafkaProducer]:
    found = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=name)
    await found.start()
    try:
        yield found
    finally:
        await found.stop()


async def values(broker: Broker, topic: str) -> list[bytes]:
    connection = {"bootstrap_servers": broker.bootstrap}
    return [
        record.value async for batch in committed_records(connection, topic, 2) for record in batch
    ]


def test_an_empty_topic_ends_at_once(broker: Broker, topic: str) -> None:
    """There is nothing to wait for."""
    assert asyncio.run(values(broker, topic)) == []


def test_what_was_committed_is_read_in_order_and_what_was_aborted_is_not(
    broker: Broker, topic: str
) -> None:
    """Markers take offsets at the end of both partitions, and the reader still ends."""

    async def scenario() -> list[bytes]:
        async with producer(broker, topic) as writer:
            for n, good in enumerate([True, False, True, False]):
                await writer.begin_transaction()
                for partition in (0, 1):
                    value = b"%d/%d" % (partition, n)
                    await writer.send_and_wait(topic, value, partition=partition)
                await (writer.commit_transaction() if good else writer.abort_transaction())
        return await values(broker, topic)

    found = asyncio.run(scenario())
    assert [value for value in found if value.startswith(b"0")] == [b"0/0", b"0/2"]
    assert [value for value in found if value.startswith(b"1")] == [b"1/0", b"1/2"]


def test_a_transaction_left_open_is_waited_for_and_then_left_out(
    broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that died in the middle must not hold up an export for ever."""
    monkeypatch.setattr(committed, "OPEN_TRANSACTION", 0.3)

    async def scenario() -> list[bytes]:
        async with producer(broker, f"{topic}-a") as first, producer(broker, f"{topic}-b") as other:
            await other.begin_transaction()
            await other.send_and_wait(topic, b"before", partition=0)
            await other.commit_transaction()
            await first.begin_transaction()
            await first.send_and_wait(topic, b"open", partition=0)
            found = await values(broker, topic)
            await first.abort_transaction()
            return found

    assert asyncio.run(scenario()) == [b"before"]


def test_a_commit_that_was_acknowledged_is_always_read(broker: Broker, topic: str) -> None:
    """Even at once: its marker may reach the log after the acknowledgement."""

    async def scenario() -> None:
        async with producer(broker, topic) as writer:
            for n in range(20):
                await writer.begin_transaction()
                await writer.send_and_wait(topic, b"%d" % n, partition=n % 2)
                await writer.commit_transaction()
                assert len(await values(broker, topic)) == n + 1

    asyncio.run(scenario())
