"""Living with the embedded broker's two faults, and noticing when it loses one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from streams.brokers import EmbeddedBroker, accommodate
from streams.brokers.compatibility import EMPTY_FETCH_SECONDS, AbortHistory
from tests.brokers.clients import new_topic, producer, run
from tests.conftest import Broker

IDLE_SECONDS = 1.0


async def idle_fetches(broker: Broker, *, accommodated: bool) -> int:
    """How often a consumer asks in a second in which nothing is written."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, enable_auto_commit=False)
    if accommodated:
        accommodate(consumer)
    async with consumer:
        consumer.assign([TopicPartition(new_topic(broker.bootstrap), 0)])
        answers = 0
        receive = consumer._fetcher._proc_fetch_request

        async def counted(*arguments: object) -> bool:
            nonlocal answers
            answers += 1
            found: bool = await receive(*arguments)
            return found

        consumer._fetcher._proc_fetch_request = counted
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(consumer.getone(), IDLE_SECONDS)
    return answers


def test_an_idle_consumer_of_the_embedded_broker_does_not_spin(
    embedded_broker: EmbeddedBroker,
) -> None:
    """It asks no faster than empty answers are held back; unaided it would."""
    most = IDLE_SECONDS / EMPTY_FETCH_SECONDS + 2
    assert run(idle_fetches(embedded_broker, accommodated=True)) <= most
    assert run(idle_fetches(embedded_broker, accommodated=False)) > 2 * most


@pytest.mark.kafka
def test_apache_kafka_is_left_alone(real_kafka: Broker) -> None:
    """With any other broker the consumer's own way of sending comes back at the first answer."""

    async def story() -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=real_kafka.bootstrap)
        own = consumer._client.send
        accommodate(consumer)
        assert consumer._client.send != own
        topic = new_topic(real_kafka.bootstrap)
        async with consumer, producer(real_kafka.bootstrap) as sender:
            consumer.assign([TopicPartition(topic, 0)])
            await consumer.seek_to_beginning()
            await sender.send_and_wait(topic, b"one")
            assert (await consumer.getone()).value == b"one"
            assert consumer._client.send == own

    run(story())


def test_the_embedded_broker_still_lists_aborts_that_are_over(
    embedded_broker: EmbeddedBroker,
) -> None:
    """Unaided, a reader that starts behind an aborted transaction loses what follows it."""
    topic = new_topic(embedded_broker.bootstrap)

    async def story() -> list[bytes | None]:
        async with producer(embedded_broker.bootstrap, topic) as sender:
            await sender.begin_transaction()
            await sender.send_and_wait(topic, b"aborted", partition=0)  # offset 0, its marker 1
            await sender.abort_transaction()
            await sender.begin_transaction()
            await sender.send_and_wait(topic, b"kept", partition=0)
            await sender.commit_transaction()
        place = TopicPartition(topic, 0)
        found: list[bytes | None] = []
        async with AIOKafkaConsumer(
            bootstrap_servers=embedded_broker.bootstrap, isolation_level="read_committed"
        ) as consumer:
            consumer.assign([place])
            consumer.seek(place, 2)
            while await consumer.position(place) < 4:
                for batch in (await consumer.getmany(timeout_ms=100)).values():
                    found += [record.value for record in batch]
        return found

    assert run(story()) == []  # the day this is [b"kept"], AbortHistory can go


# --- AbortHistory against a log written out in full


class Written:
    """A log of transactions: what each offset holds, and which transactions were aborted."""

    def __init__(self, transactions: Sequence[tuple[int, int, bool]], interleave: bool) -> None:
        self.batches: list[bytes] = []
        self.aborted: list[tuple[int, int, int]] = []
        """producer, first offset, offset of the marker"""
        open_ones: dict[int, tuple[int, bool]] = {}
        for who, size, abort in transactions:
            if who in open_ones:
                self._end(who, *open_ones.pop(who))
            open_ones[who] = (len(self.batches), abort)
            for _ in range(size):
                self._append(who, b"value")
            if not interleave:
                self._end(who, *open_ones.pop(who))
        for who, (first, abort) in open_ones.items():
            self._end(who, first, abort)

    def _end(self, who: int, first: int, abort: bool) -> None:
        if abort:
            self.aborted.append((who, first, len(self.batches)))
        self._append(who, b"\0\0\0\0\0\0", key=b"\0\0\0\0" if abort else b"\0\0\0\1")

    def _append(self, who: int, value: bytes, key: bytes | None = None) -> None:
        batch = DefaultRecordBatchBuilder(2, 0, 1, who, 0, 0, 1 << 16)
        batch.append(0, 0, key, value, [])
        data = bytearray(batch.build())
        data[0:8] = len(self.batches).to_bytes(8, "big")  # the batch's first offset
        if key is not None:
            data[22] |= 0x20  # a control batch
        self.batches.append(bytes(data))


@given(
    transactions=st.lists(
        st.tuples(st.integers(1, 2), st.integers(1, 3), st.booleans()), min_size=1, max_size=8
    ),
    interleave=st.booleans(),
    sizes=st.lists(st.integers(1, 6), min_size=1),
    start=st.integers(0, 30),
)
def test_only_transactions_open_at_the_offset_are_kept(
    transactions: list[tuple[int, int, bool]], interleave: bool, sizes: list[int], start: int
) -> None:
    """Whatever was written and wherever reading starts, aborts that are over are taken off.

    One that is over may stay only while nothing can tell: no marker of its producer seen yet.
    """
    log = Written(transactions, interleave)
    listed = [(who, first) for who, first, _ in log.aborted]
    history, offset, turn = AbortHistory(), start, 0
    while offset < len(log.batches):
        upto = min(len(log.batches), offset + sizes[turn % len(sizes)])
        turn += 1
        records = b"".join(log.batches[offset:upto])
        kept = history.still_open("place", offset, listed, records)
        needed = [(who, first) for who, first, end in log.aborted if end >= offset]
        assert set(needed) <= set(kept)
        for who, first in set(kept) - set(needed):
            assert not any(_marks(batch, who) for batch in log.batches[offset:upto])
            assert first < start
        offset = upto


def _marks(batch: bytes, who: int) -> bool:
    return bool(batch[22] & 0x20) and int.from_bytes(batch[43:51], "big") == who
