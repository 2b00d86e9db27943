"""Formats: what is written until told otherwise, and what a stranger's number leads to."""

from types import SimpleNamespace
from typing import Any

import pytest

from streams.core.formats import (
    FORMATS,
    PREVIOUS,
    Codec,
    UnknownFormat,
    in_memory,
    require,
    to_write,
)
from streams.core.packing import CorruptValue, entry, first_value
from streams.core.partition import Partition, Rules
from streams.table.lease import Lease

VALUE = first_value(b"12345678", 0, 1)


@pytest.fixture
def format_2(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that has two bytes more."""
    codec = Codec(read=lambda value: b"\x10" + value[3:], write=lambda value: b"\x20ok" + value[1:])
    monkeypatch.setitem(FORMATS, 2, codec)


@pytest.mark.parametrize(
    ("chosen", "stored", "written"),
    [
        (None, None, PREVIOUS),  # new: what the release before this one can take over
        (None, 2, 2),  # a worker that is told nothing does not undo what the others did
        (None, 1, 1),
        (2, 1, 2),
        (1, 2, 1),  # the way back
    ],
)
def test_a_partition_is_written_as_it_was_until_told_otherwise(
    chosen: int | None, stored: int | None, written: int
) -> None:
    """So two releases can share a group in any order."""
    assert to_write(chosen, stored) == written


def test_an_unknown_format_is_refused_with_what_to_do() -> None:
    """The version that wrote it, a newer one, or the way back."""
    with pytest.raises(UnknownFormat, match="run the version that wrote it, or a newer one") as it:
        require(max(FORMATS) + 1)
    assert f"CLOSEKNIT_STATE_FORMAT={max(FORMATS)}" in str(it.value)


def test_a_value_of_another_format_is_brought_into_memory_by_recovery(format_2: None) -> None:
    """Beside one of this format, and with the same meaning."""
    partition = Partition(0, Rules(partitions=1))
    partition.restore(b"acme ada", FORMATS[2].write(VALUE))
    partition.restore(b"acme ben", VALUE)
    partition.restored(5)
    assert partition.relationships == {b"acme ada": VALUE, b"acme ben": VALUE}


def test_a_value_of_no_format_is_corrupt(format_2: None) -> None:
    """Whether its number is unknown, or it is not what its number says."""
    for value in (b"", b"\x30" + VALUE[1:], b"\x20ok" + entry(b"12345678", 7, 1)):
        with pytest.raises(CorruptValue):
            in_memory(value)


def test_going_back_to_an_older_format_rewrites_every_relationship(format_2: None) -> None:
    """Once: whoever knows only the older one must be able to read them all."""
    lease = Lease(0, Partition(0, Rules(partitions=1)), producer())
    lease.state.restore(b"acme ada", VALUE)
    lease.format = 2
    first = lease.snapshot({}, forced=True)
    assert first is not None
    assert (first.record.format, first.values) == (2, [])  # forward: only what changes
    lease.flushed, lease.format = first.record, 1
    back = lease.snapshot({}, forced=False)
    assert back is not None
    assert (back.record.format, back.values) == (1, [(b"acme ada", VALUE)])
    lease.flushed = back.record
    assert lease.snapshot({}, forced=False) is None


def producer() -> Any:
    """Nobody sends anything."""
    return SimpleNamespace()
