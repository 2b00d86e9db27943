"""What the producer lives through that aiokafka's own does not."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.protocol.coordination import FindCoordinatorRequest

from streams.table.producer import Producer
from tests.brokers.clients import new_topic, values
from tests.conftest import Broker

LOST, UNKNOWN = "the connection is lost", "no broker is known"


async def commit_while_the_broker_falls(
    kind: type[AIOKafkaProducer], broker: Broker, how: str
) -> list[Any]:
    """Ask who coordinates when nobody can answer, and return what was committed."""
    topic = new_topic(broker.bootstrap)
    producer = kind(bootstrap_servers=broker.bootstrap, transactional_id=topic)
    await producer.start()
    client, losses = producer.client, iter([KafkaConnectionError("the broker fell")])
    send, random_node = client.send, client.get_random_node

    async def losing_one(node: int, request: object, **options: Any) -> Any:
        if isinstance(request, FindCoordinatorRequest) and (lost := next(losses, None)):
            raise lost
        return await send(node, request, **options)

    def knowing_none_once() -> Any:
        return random_node() if next(losses, None) is None else None

    if how == LOST:
        client.send = losing_one
    else:
        client.get_random_node = knowing_none_once
    producer._sender._coordinators.clear()  # as after a restart of the broker
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"kept", partition=0)
        await producer.commit_transaction()
    finally:
        await producer.stop()
    assert next(losses, None) is None, "the question was never asked"
    return await values(broker.bootstrap, topic)


@pytest.mark.parametrize("how", [LOST, UNKNOWN])
def test_a_broker_that_falls_while_asked_for_the_coordinator_is_ridden_out(
    broker: Broker, how: str
) -> None:
    """The transaction is committed with the broker that comes back."""
    assert asyncio.run(commit_while_the_broker_falls(Producer, broker, how)) == [b"kept"]


@pytest.mark.parametrize("how", [LOST, UNKNOWN])
def test_aiokafkas_own_producer_still_ends_there(broker: Broker, how: str) -> None:
    """When this fails, ours is no longer needed."""
    with pytest.raises(KafkaError, match="Unexpected error"):
        asyncio.run(commit_while_the_broker_falls(AIOKafkaProducer, broker, how))
