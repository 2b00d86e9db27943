"""How fetched records are cut into chunks."""

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.transport import Chunk
from streams.transport.consumer import chunked
from streams.transport.rebalance import NotCoPartitioned, co_partitioned


def record(offset: int) -> ConsumerRecord:
    return ConsumerRecord("likes", 0, offset, 1_000, 0, None, b"", None, 0, 0, ())


@given(
    st.dictionaries(
        st.integers(0, 3), st.lists(st.integers(), min_size=1, max_size=20), min_size=1
    ),
    st.integers(1, 7),
)
def test_chunking_keeps_every_record_in_its_partition_s_order(
    fetched: dict[int, list[int]], size: int
) -> None:
    got: dict[int, list[int]] = {number: [] for number in fetched}
    records = {TopicPartition("likes", number): part for number, part in fetched.items()}
    for tp, part in chunked(records, size):  # type: ignore[arg-type]
        assert 1 <= len(part) <= size
        got[tp.partition] += part  # type: ignore[arg-type]
    assert got == fetched


def test_partitions_take_turns_so_that_a_long_one_cannot_starve_the_others() -> None:
    long, short = TopicPartition("likes", 0), TopicPartition("likes", 1)
    order = [tp for tp, _ in chunked({long: [1, 2, 3, 4], short: [5, 6]}, 2)]  # type: ignore[list-item]
    assert order == [long, short, long]


def test_a_chunk_ends_after_its_last_record_and_starts_where_the_one_before_ended() -> None:
    """Offsets 10 and 11 were a control record and one that compaction removed."""
    chunk = Chunk(TP("likes", 0), [record(12), record(14)], start=10, epoch=3, generation=1)
    assert (chunk.start, chunk.offset, chunk.end, chunk.epoch) == (10, 14, 15, 3)


def test_a_partition_number_is_owned_for_all_topics_or_the_worker_stops() -> None:
    topics = {"likes", "replies"}
    whole = {TP("likes", 1), TP("replies", 1), TP("likes", 4), TP("replies", 4)}
    assert co_partitioned(whole, topics) == {1, 4}
    with pytest.raises(NotCoPartitioned, match=r"partition 4.*\['replies'\]"):
        co_partitioned(whole - {TP("replies", 4)}, topics)
