"""Topic ids, as a worker asks for them before every flush."""

from __future__ import annotations

import pytest

from streams.brokers import EmbeddedBroker, TopicIds
from streams.topics import topic_ids
from tests.brokers.clients import new_topic, run
from tests.conftest import Broker


async def asked(bootstrap: str, *names: str) -> dict[str, str | None]:
    ids = TopicIds({"bootstrap_servers": [bootstrap]})
    try:
        return await ids(names)
    finally:
        await ids.close()


@pytest.mark.kafka
def test_they_are_the_ones_that_the_administrative_client_tells(real_kafka: Broker) -> None:
    """What one of them wrote down, the other must recognise; a missing topic has none."""
    names = [new_topic(real_kafka.bootstrap, 3), new_topic(real_kafka.bootstrap), "no-such-topic"]
    connection = {"bootstrap_servers": [real_kafka.bootstrap]}
    ids = run(asked(real_kafka.bootstrap, *names))
    assert ids == run(topic_ids(connection, names))
    assert [bool(ids[name]) for name in names] == [True, True, False]


def test_the_embedded_broker_has_none(embedded_broker: EmbeddedBroker) -> None:
    topic = new_topic(embedded_broker.bootstrap)
    assert run(asked(embedded_broker.bootstrap, topic)) == {topic: None}
