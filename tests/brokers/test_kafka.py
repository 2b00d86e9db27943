"""The Apache Kafka that fault tests break: what it keeps, and what its clients live through."""

from __future__ import annotations

import asyncio

import pytest

from tests.brokers.clients import new_topic, producer, run, values
from tests.brokers.kafka import Kafka

pytestmark = pytest.mark.kafka


def test_a_transaction_survives_a_crash_of_the_broker(kafka_to_break: Kafka) -> None:
    """A producer with an open transaction carries on with the node that comes back."""
    kafka = kafka_to_break
    topic = new_topic(kafka.bootstrap)

    async def story() -> None:
        async with producer(kafka.bootstrap, topic) as sender:
            await sender.begin_transaction()
            await sender.send_and_wait(topic, b"before", partition=0)
            await asyncio.to_thread(kafka.restart, crash=True)
            await sender.send_and_wait(topic, b"after", partition=0)
            await sender.commit_transaction()
        assert await values(kafka.bootstrap, topic) == [b"before", b"after"]

    run(story(), 90)


def test_a_paused_broker_answers_when_it_is_resumed(kafka_to_break: Kafka) -> None:
    """Its clients wait, and lose nothing."""
    kafka = kafka_to_break
    topic = new_topic(kafka.bootstrap)

    async def story() -> None:
        async with producer(kafka.bootstrap) as sender:
            await sender.send_and_wait(topic, b"one", partition=0)
            kafka.pause()
            waiting = asyncio.ensure_future(sender.send_and_wait(topic, b"two", partition=0))
            done, _ = await asyncio.wait({waiting}, timeout=1)
            assert not done
            kafka.resume()
            await waiting
        assert await values(kafka.bootstrap, topic) == [b"one", b"two"]

    run(story())


def test_what_was_stopped_in_order_starts_on_the_same_address(kafka_to_break: Kafka) -> None:
    """Ports and data stay the node's for life."""
    kafka = kafka_to_break
    address = kafka.bootstrap
    topic = new_topic(address)
    kafka.stop()
    assert not kafka.running
    kafka.start()
    assert kafka.bootstrap == address
    assert run(values(address, topic)) == []
