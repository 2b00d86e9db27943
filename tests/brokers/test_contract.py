"""What Closeknit asks of a broker, of every broker that it claims to run on.

Where the embedded broker differs from Apache Kafka, ``DIFFERENCES`` says how, and the same test
expects just that: a difference that goes away fails as loudly as one that appears.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import StrEnum
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import InvalidTimestampError, ProducerFenced
from aiokafka.structs import OffsetAndMetadata
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import TopicAlreadyExistsError

from streams.brokers import EmbeddedBroker, accommodate
from tests.brokers.clients import (
    Admin,
    end_of,
    new_topic,
    producer,
    reader,
    records,
    run,
    until,
    values,
)
from tests.conftest import Broker


class Difference(StrEnum):
    """What Apache Kafka does and the embedded broker does not."""

    TOPIC_IDS = "gives a topic an id, and another one when it is created again"
    EXPIRY = "expels a member whose heartbeats stop"
    FUTURE = "refuses a record stamped more than an hour ahead"


DIFFERENCES = {
    Difference.TOPIC_IDS: "it knows no topic ids: a recreated source topic cannot be noticed",
    Difference.EXPIRY: "a dead member stays until the next one joins: no fault tests on it",
    Difference.FUTURE: "it takes any timestamp: admission alone guards against bad clocks",
}


def does(broker: Broker, what: Difference) -> bool:
    """Whether this broker does what Apache Kafka does."""
    return not (isinstance(broker, EmbeddedBroker) and what in DIFFERENCES)


# --- the log


def test_a_batch_of_many_records_takes_as_many_offsets(broker: Broker) -> None:
    """The end offset counts records, not batches: lag and recovery are computed from it."""
    topic = new_topic(broker.bootstrap)

    async def story() -> tuple[list[int], int]:
        async with producer(broker.bootstrap) as sender:
            for first in (0, 10):
                batch = sender.create_batch()
                for number in range(first, first + 10):
                    batch.append(key=None, value=b"%d" % number, timestamp=None)
                batch.close()
                await (await sender.send_batch(batch, topic, partition=0))
        place = TopicPartition(topic, 0)
        async with reader(broker.bootstrap) as consumer:
            end = (await consumer.end_offsets([place]))[place]
        return [record.offset for record in await records(broker.bootstrap, topic)], end

    assert run(story()) == (list(range(20)), 20)


def test_a_record_comes_back_byte_by_byte(broker: Broker) -> None:
    """Key, value, headers and an old timestamp are kept; null and empty values are told apart."""
    topic = new_topic(broker.bootstrap)
    headers = (("closeknit-reason", b"\xff\x00"), ("again", b"1"), ("again", b"2"))
    sent = [(b"a b", b'{"\xc3"', headers), (None, b"", ()), (b"", None, ())]

    async def story() -> list[Any]:
        async with producer(broker.bootstrap) as sender:
            for number, (key, value, extra) in enumerate(sent):
                await sender.send_and_wait(
                    topic,
                    value,
                    key,
                    0,
                    timestamp_ms=1_082_040_961_000 + number,
                    headers=list(extra),
                )
        return await records(broker.bootstrap, topic)

    found = run(story())
    assert [(r.key, r.value, r.headers) for r in found] == sent
    assert [r.timestamp for r in found] == [1_082_040_961_000 + number for number in range(3)]


def test_a_record_stamped_in_the_future_is_refused(broker: Broker) -> None:
    """More than an hour ahead, Apache Kafka says no."""
    topic = new_topic(broker.bootstrap)

    async def story() -> None:
        async with producer(broker.bootstrap) as sender:
            await sender.send_and_wait(topic, b"", None, 0, timestamp_ms=4_102_444_800_000)

    if does(broker, Difference.FUTURE):
        with pytest.raises(InvalidTimestampError):
            run(story())
    else:
        run(story())


# --- topics


def test_a_topic_keeps_its_settings(broker: Broker) -> None:
    """The changelog is compacted, and a check of the topics can see that it is."""
    wanted = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1", "retention.ms": "-1"}
    topic = new_topic(
        broker.bootstrap, 3, **{name.replace(".", "_"): value for name, value in wanted.items()}
    )
    with Admin(broker.bootstrap) as admin:
        described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        partitions = admin.describe_topics([topic])[0]["partitions"]
    (settings,) = described.values() if topic not in described else (described[topic],)
    found = settings.get(topic, settings)
    assert {name: found[name]["value"] for name in wanted} == wanted
    assert len(partitions) == 3


def test_a_topic_is_not_created_twice(broker: Broker) -> None:
    """A second creation is refused: the first one's partitions stand."""
    topic = new_topic(broker.bootstrap, 2)
    with Admin(broker.bootstrap) as admin:
        with pytest.raises(TopicAlreadyExistsError):
            admin.create_topics([NewTopic(topic, 5, 1)])
        assert len(admin.describe_topics([topic])[0]["partitions"]) == 2


def test_a_missing_topic_is_reported_and_not_created(broker: Broker) -> None:
    """Asking for a topic that does not exist says so, each time."""
    unknown_topic = 3
    with Admin(broker.bootstrap) as admin:
        for _ in range(2):
            (described,) = admin.describe_topics(["never-created"])
            assert described["error_code"] == unknown_topic


def test_a_recreated_topic_has_another_id(broker: Broker) -> None:
    """A topic deleted and created again starts at offset 0 and shows by its id that it did."""
    topic = new_topic(broker.bootstrap)
    with Admin(broker.bootstrap) as admin:
        before = admin.describe_topics([topic])[0]["topic_id"]
        assert admin.describe_topics([topic])[0]["topic_id"] == before
        admin.delete_topics([topic])
        while admin.describe_topics([topic])[0]["error_code"] == 0:
            pass
        admin.create_topics([NewTopic(topic, 1, 1)])
        admin.wait_for_topics([topic])
        after = admin.describe_topics([topic])[0]["topic_id"]
    if does(broker, Difference.TOPIC_IDS):
        assert uuid.UUID(before) != uuid.UUID(after)
    else:
        assert (before, after) == (None, None)
    assert run(values(broker.bootstrap, topic)) == []


# --- groups


def session_seconds(broker: Broker) -> float:
    """A session time-out as short as the broker allows; the embedded one has no such setting."""
    return 6 if isinstance(broker, EmbeddedBroker) else 1.5


class Member(ConsumerRebalanceListener):  # type: ignore[misc]
    """A consumer in a group, and the partitions that it has now."""

    def __init__(self) -> None:
        self.partitions: set[int] = set()

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002 - aiokafka's signature
        self.partitions = set()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.partitions = {place.partition for place in assigned}


@asynccontextmanager
async def joined(
    broker: Broker, group: str, topic: str, instance: str | None = None
) -> AsyncIterator[Member]:
    """A member of a group; without an instance name it leaves in order at the end."""
    consumer = accommodate(
        AIOKafkaConsumer(
            bootstrap_servers=broker.bootstrap,
            group_id=group,
            group_instance_id=instance,
            enable_auto_commit=False,
            session_timeout_ms=int(1000 * session_seconds(broker)),
            heartbeat_interval_ms=200,
            fetch_max_wait_ms=100,
        )
    )
    member = Member()
    consumer.subscribe([topic], listener=member)
    async with consumer:
        yield member


def test_members_share_the_partitions_and_take_over_from_one_that_leaves(broker: Broker) -> None:
    """Each partition has one owner, when a member joins, leaves and joins again."""
    topic = new_topic(broker.bootstrap, 4)

    async def story() -> None:
        async with joined(broker, topic, topic) as first:
            assert await until(lambda: first.partitions == {0, 1, 2, 3})
            for _ in range(2):
                async with joined(broker, topic, topic) as second:
                    assert await until(lambda: len(first.partitions) == len(second.partitions) == 2)
                    assert first.partitions | second.partitions == {0, 1, 2, 3}
                assert await until(lambda: first.partitions == {0, 1, 2, 3})

    run(story())


def test_a_member_that_falls_silent_is_expelled(broker: Broker) -> None:
    """Without heartbeats a member loses its partitions after its session time-out."""
    topic = new_topic(broker.bootstrap, 4)

    async def story() -> bool:
        async with joined(broker, topic, topic) as survivor:
            # A static member that stops says no farewell: to the broker it is dead.
            async with joined(broker, topic, topic, instance="static") as other:
                assert await until(lambda: len(other.partitions) == len(survivor.partitions) == 2)
            enough = session_seconds(broker) + 2
            return await until(lambda: len(survivor.partitions) == 4, seconds=enough)

    assert run(story()) is does(broker, Difference.EXPIRY)


def test_committed_offsets_are_there_for_the_next_member(broker: Broker) -> None:
    """What a group has committed outlives its members."""
    topic = new_topic(broker.bootstrap, 2)
    places = [TopicPartition(topic, number) for number in range(2)]

    async def story() -> list[int | None]:
        async with reader(broker.bootstrap, group_id=topic) as consumer:
            consumer.assign(places)
            await consumer.commit({places[1]: OffsetAndMetadata(7, "why")})
        async with reader(broker.bootstrap, group_id=topic) as consumer:
            consumer.assign(places)
            return [await consumer.committed(place) for place in places]

    assert run(story()) == [None, 7]


# --- transactions


async def transaction(sender: Any, topic: str, *contents: bytes, commit: bool = True) -> None:
    await sender.begin_transaction()
    for value in contents:
        await sender.send_and_wait(topic, value, partition=0)
    await (sender.commit_transaction() if commit else sender.abort_transaction())


def test_a_transaction_is_read_as_a_whole_or_not_at_all(broker: Broker) -> None:
    """Committed records are read; aborted ones only by those who do not mind."""
    topic = new_topic(broker.bootstrap)

    async def story() -> tuple[list[bytes | None], list[bytes | None]]:
        async with producer(broker.bootstrap, topic) as sender:
            await transaction(sender, topic, b"kept", b"kept too")
            await transaction(sender, topic, b"aborted", commit=False)
            await transaction(sender, topic, b"last")
        return (
            await values(broker.bootstrap, topic),
            await values(broker.bootstrap, topic, isolation="read_uncommitted"),
        )

    committed, everything = run(story())
    assert committed == [b"kept", b"kept too", b"last"]
    assert everything == [b"kept", b"kept too", b"aborted", b"last"]


def test_the_end_of_what_is_committed_stops_before_an_open_transaction(broker: Broker) -> None:
    """A reader of committed records is never told an end that it could not reach."""
    topic = new_topic(broker.bootstrap)

    async def story() -> None:
        async with producer(broker.bootstrap, topic) as sender:
            await transaction(sender, topic, b"one")  # offset 0, its marker 1
            assert await values(broker.bootstrap, topic) == [b"one"]
            await sender.begin_transaction()
            await sender.send_and_wait(topic, b"two", partition=0)
            assert await end_of(broker.bootstrap, topic) == 2
            assert await values(broker.bootstrap, topic, undecided=True) == [b"one"]
            await sender.commit_transaction()
            assert await values(broker.bootstrap, topic) == [b"one", b"two"]

    run(story())


def test_a_newer_producer_fences_the_one_before(broker: Broker) -> None:
    """After takeover the old owner can neither write nor commit, and its open work is undone."""
    topic = new_topic(broker.bootstrap)

    async def story() -> None:
        async with producer(broker.bootstrap, topic) as old:
            await transaction(old, topic, b"before")
            await old.begin_transaction()
            await old.send_and_wait(topic, b"pending", partition=0)
            async with producer(broker.bootstrap, topic) as new:
                with pytest.raises(ProducerFenced):
                    await old.send_and_wait(topic, b"late", partition=0)
                with pytest.raises(ProducerFenced):
                    await old.commit_transaction()
                await transaction(new, topic, b"after")
        assert await values(broker.bootstrap, topic) == [b"before", b"after"]

    run(story())


def test_a_fenced_commit_is_refused_though_every_send_had_landed(broker: Broker) -> None:
    """A worker paused between its last send and its commit wakes to a refusal."""
    topic = new_topic(broker.bootstrap)

    async def story() -> None:
        async with producer(broker.bootstrap, topic) as old:
            await old.begin_transaction()
            await old.send_and_wait(topic, b"landed", partition=0)
            async with producer(broker.bootstrap, topic):
                with pytest.raises(ProducerFenced):
                    await old.commit_transaction()
        assert await values(broker.bootstrap, topic) == []

    run(story())


def test_takeover_leaves_nothing_undecided_behind(broker: Broker) -> None:
    """Once a producer is initialised, all that its forerunners committed can be read at once."""
    topic = new_topic(broker.bootstrap)

    async def story() -> None:
        async with AsyncExitStack() as owners:
            for number in range(5):
                owner = await owners.enter_async_context(producer(broker.bootstrap, topic))
                found = await values(broker.bootstrap, topic, undecided=True)
                assert found == [b"%d" % n for n in range(number)]
                await transaction(owner, topic, b"%d" % number)

    run(story())


@pytest.mark.parametrize("fetch_bytes", [1, 1 << 20])  # batch by batch, and all at once
def test_committed_records_are_read_from_any_offset_on(broker: Broker, fetch_bytes: int) -> None:
    """Aborted transactions that ended before an offset do not hide what follows it."""
    # One producer's log: committed records in lower case, aborted ones in upper case, markers.
    log = "a-BB-c-d-E-f-gg-"
    topic = new_topic(broker.bootstrap)

    async def story() -> None:
        async with producer(broker.bootstrap, topic) as sender:
            for content in log.split("-")[:-1]:
                letters = [letter.encode() for letter in content]
                await transaction(sender, topic, *letters, commit=content.islower())
        for start in range(len(log) + 1):
            expected = [letter.encode() for letter in log[start:] if letter.islower()]
            found = await values(
                broker.bootstrap, topic, start=start, max_partition_fetch_bytes=fetch_bytes
            )
            assert found == expected, f"from offset {start}"

    run(story())
