"""Batches that a broker takes and aiokafka cannot read, or reads wrongly."""

from __future__ import annotations

import gzip
import random
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from streams.brokers import UnreadableBatch, accommodate
from streams.brokers.batches import Batches, PartitionRecords, decode, rising
from tests.brokers import strange
from tests.brokers.clients import new_topic, records, run
from tests.brokers.strange import Strange
from tests.conftest import Broker

LIKES = TopicPartition("likes", 3)
NAMELESS = Strange(headers=[(b"\xff\xfe", b"x"), ("naïve".encode(), None)])

#: What a stranger may send, and what aiokafka alone makes of it.
STRANGE = {
    "the name of a header is not UTF-8": ([Strange(), NAMELESS, Strange()], UnicodeDecodeError),
    "attributes look like a longer number": (
        [Strange(), Strange(attributes=0xFF, key=b"a key of 20 letters."), Strange()],
        CorruptRecordException,
    ),
    "an offset far ahead": ([Strange(), Strange(delta=1000), Strange()], [0, 1000, 2]),
    "offsets that repeat": ([Strange(delta=0)] * 3, [0, 0, 0]),
    "offsets behind the batch": ([Strange(delta=5), Strange(delta=6)], [5, 6]),
    "an offset before the batch": ([Strange(delta=-3), Strange(delta=1)], [-3, 1]),
}


def read(data: bytes, start: int = 0) -> list[Any]:
    """What a consumer gets of the batches in an answer to its fetch."""
    return list(PartitionRecords(LIKES, Batches(data), [], start, None, None, True, 1))


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_batch_is_read_whole_and_in_order(name: str) -> None:
    """Alone, aiokafka fails on each, or believes offsets that no log can have."""
    sent, alone = STRANGE[name]
    before, after = strange.batch([Strange(b"before")], base=9), len(sent) + 10
    data = before + strange.batch(sent, base=10)
    data += strange.batch([Strange(b"after")], base=after)
    got = read(data, start=9)
    assert [record.offset for record in got] == list(range(9, after + 1))
    assert [record.value for record in got] == [b"before", *(one.value for one in sent), b"after"]
    if isinstance(alone, list):
        offsets = [record.offset for record in DefaultRecordBatch(strange.batch(sent))]
        assert offsets == alone
    else:
        with pytest.raises(alone):
            list(DefaultRecordBatch(strange.batch(sent)))


def test_the_name_of_a_header_that_is_no_text_is_escaped_and_the_others_stay() -> None:
    (record,) = read(strange.batch([NAMELESS]))
    assert record.headers == ((r"\xff\xfe", b"x"), ("naïve", None))


def test_a_strange_batch_may_be_compressed() -> None:
    zipped = gzip.compress(strange.payload([NAMELESS]))
    (record,) = read(strange.batch([NAMELESS], attributes=1, body=zipped))
    assert record.value == b"value"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (strange.batch([Strange()], base=7)[:-1] + b"?", "offsets 7 to 7: its checksum"),
        (strange.batch([Strange()], magic=3), "its format (magic 3) is not known"),
        (strange.batch([Strange()], attributes=6), "offsets 0 to 0: Unknown compression codec"),
        (strange.batch([Strange()], attributes=1), "offsets 0 to 0: "),  # not gzip at all
        (strange.batch([Strange()], body=b"\x10\0"), "offsets 0 to 0: a record breaks off"),
        (strange.batch([Strange()], body=strange.payload([Strange()] * 2)), "bytes are left"),
    ],
)
def test_a_damaged_or_unknown_batch_says_where_it_is_and_what_to_do(data: bytes, why: str) -> None:
    with pytest.raises(UnreadableBatch, match=r"likes/3 cannot be read: .*sound copy") as told:
        read(data)
    assert why in str(told.value)


some_bytes = st.one_of(st.none(), st.binary(max_size=40))
some_records = st.builds(
    Strange,
    value=some_bytes,
    key=some_bytes,
    headers=st.lists(st.tuples(st.binary(max_size=8), some_bytes), max_size=3),
    attributes=st.integers(0, 255),
    delta=st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
)


@given(sent=st.lists(some_records, min_size=1, max_size=6), base=st.integers(0, 2**40))
def test_whatever_a_stranger_puts_into_records_each_is_read_once_at_its_own_offset(
    sent: list[Strange], base: int
) -> None:
    got = read(strange.batch(sent, base=base), start=base)
    assert [record.offset for record in got] == [base + nth for nth in range(len(sent))]


@given(sent=st.lists(some_records, min_size=1, max_size=6), base=st.integers(0, 2**40))
def test_the_tolerant_decoder_reads_records_as_they_were_sent(
    sent: list[Strange], base: int
) -> None:
    for record, one in zip(decode(strange.batch(sent, base=base)), sent, strict=True):
        assert (record.key, record.value, record.timestamp) == (
            one.key,
            one.value,
            strange.WRITTEN_MS,
        )
        values = [value for _, value in one.headers]
        assert [value for _, value in record.headers] == values
        for name, _ in record.headers:
            name.encode()  # can be sent on, in a dead letter


@given(body=st.binary(max_size=200), count=st.integers(1, 4))
def test_a_body_of_any_bytes_is_read_or_refused_and_never_hangs(body: bytes, count: int) -> None:
    """With a right checksum: such a batch is what a broken producer of trust could write."""
    data = strange.batch([Strange()] * count, body=body)
    try:
        offsets = [record.offset for record in decode(data)]
    except ValueError:
        return
    assert rising(offsets, 0, count)


@given(seed=st.integers(0, 2**32), flips=st.integers(1, 4))
def test_a_batch_with_flipped_bits_is_refused(seed: int, flips: int) -> None:
    chance = random.Random(seed)
    data = bytearray(strange.batch([Strange(b"x" * 50)] * 3))
    for bit in chance.sample(range(17 * 8, len(data) * 8), flips):
        data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(UnreadableBatch):
        read(bytes(data))


@pytest.mark.parametrize(
    ("offsets", "holds"),
    [
        ([5, 6, 7], True),
        ([5, 7], True),  # compacted
        ([], True),  # compacted away
        ([5, 7, 6], False),
        ([5, 5, 6], False),
        ([4, 5], False),
        ([7, 8], False),
    ],
)
def test_offsets_rise_within_their_batch_or_are_not_believed(
    offsets: list[int], holds: bool
) -> None:
    assert rising(offsets, 5, 8) is holds


@pytest.mark.kafka
@pytest.mark.parametrize("name", STRANGE)
def test_apache_kafka_takes_such_a_batch_and_we_read_it(real_kafka: Broker, name: str) -> None:
    """So this is no theory: anybody who may write to a topic can do it."""
    topic, (sent, _) = new_topic(real_kafka.bootstrap), STRANGE[name]

    async def story() -> list[Any]:
        assert await strange.send(real_kafka.bootstrap, topic, 0, strange.batch(sent)) == 0
        return await records(real_kafka.bootstrap, topic)

    got = run(story())
    assert [record.offset for record in got] == list(range(len(sent)))
    assert [record.value for record in got] == [one.value for one in sent]


def test_every_consumer_that_is_made_ready_reads_so() -> None:
    async def story() -> None:
        consumer = AIOKafkaConsumer()
        accommodate(consumer)
        await consumer.stop()

    run(story())
    assert fetcher.MemoryRecords is Batches
    assert issubclass(fetcher.PartitionRecords, PartitionRecords)
