"""The same key must land in the same partition number whichever client wrote it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as kafka_python_murmur2

from streams.core.placement import (
    account_of,
    murmur2,
    partition_of,
    partitions_of,
    relationship_key,
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"21", -973932308),  # two bytes: only a tail
        (b"foobar", -790332482),  # one word and a tail
        (b"a-little-bit-long-string", -985981536),  # whole words
        (b"a-little-bit-longer-string", -1486304829),  # whole words and a tail
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),  # long
        (b"abc", 479470107),  # a tail of three
    ],
)
def test_murmur2_gives_the_numbers_of_kafkas_own_test(data, expected):
    """The vectors of org.apache.kafka.common.utils.UtilsTest (signed there, unsigned here)."""
    assert murmur2(data) == expected % 2**32


@given(st.binary(max_size=64))
def test_murmur2_agrees_with_another_client(data):
    """Any key hashes as kafka-python hashes it."""
    assert murmur2(data) == kafka_python_murmur2(data) % 2**32


@given(st.lists(st.binary(max_size=9)), st.binary(max_size=64), st.integers(1, 64))
def test_many_keys_are_placed_as_each_of_them(keys, longer, partitions):
    """Hashed together or alone: any lengths, few of one length or many."""
    keys += [longer + bytes([i]) for i in range(len(keys))]
    assert partitions_of(keys, partitions) == {key: partition_of(key, partitions) for key in keys}


@given(st.text(max_size=20), st.integers(1, 64))
def test_a_partition_number_is_always_one_of_the_topics(member, partitions):
    """The sign bit is masked before the remainder, as Kafka does."""
    assert 0 <= partition_of(relationship_key("brand", member), partitions) < partitions


def test_a_key_is_readable_and_tells_its_account():
    """`account member` in UTF-8."""
    key = relationship_key("café", "zoë")
    assert key == "café zoë".encode()
    assert account_of(key) == "café"
