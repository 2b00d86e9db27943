"""A packed value is read back as it was written, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core import cells
from streams.core.packing import (
    FORMAT,
    CorruptValue,
    Parts,
    Summary,
    codes,
    entry,
    find,
    first_value,
    hash_of,
    log_start,
    pack,
    stamps,
    unpack,
)

MS = st.integers(0, 7_258_118_399_999)
ID = st.binary(min_size=8, max_size=8)
IDS = st.lists(ID, max_size=64).map(b"".join)
LOG = st.lists(st.builds(entry, ID, st.integers(0, 5), MS), max_size=100).map(b"".join)
SUMMARY = st.builds(
    Summary,
    st.tuples(*[st.integers(0, 2**32 - 1)] * 6),
    st.tuples(*[st.integers(-1, 7_258_118_399_999)] * 6),
    st.tuples(*[st.integers(-1, 7_258_118_399_999)] * 2),
    st.floats(0, 1e300),
    st.integers(0, 84_005),
)


def packed_cells(counted):
    """Cells that counted these things."""
    packed = b""
    for hour, thing in counted:
        packed = cells.count(packed, hour, thing, -1)
    return packed


CELLS = st.lists(st.tuples(st.integers(0, 2**21), st.integers(0, 7)), max_size=20).map(packed_cells)


@st.composite
def parts(draw):
    """Any parts that go together: a known start needs an open follow."""
    open_in = draw(IDS)
    followed_at = draw(st.none() | MS) if open_in else None
    summary = draw(st.none() | SUMMARY)
    return Parts(followed_at, open_in, draw(IDS), summary, draw(CELLS), draw(LOG))


@given(parts())
def test_packing_and_unpacking_are_inverse(whole):
    """Every part, present or not."""
    assert unpack(pack(whole)) == whole


@given(parts())
def test_the_log_is_found_without_unpacking(whole):
    """The fast path looks where the slow path looks."""
    value = pack(whole)
    start = log_start(value)
    assert value[start:] == whole.log
    entries = [whole.log[at : at + 16] for at in range(0, len(whole.log), 16)]
    assert [stamp & 7 for stamp in stamps(value, start)] == list(codes(value, start))
    for wanted in entries:
        at = find(value, wanted[:8], start)
        assert (at - start) % 16 == 0
        assert value[at : at + 8] == wanted[:8]


def test_an_id_is_only_found_where_an_id_can_be():
    """Not across two fields, however alike the bytes are."""
    tricky = entry(b"AAAABBBB", 0, 0) + entry(b"CCCCDDDD", 0, 0)
    assert find(tricky, b"BBBB\0\0\0\0", 0) == -1  # half a hash, half a time
    assert find(tricky, bytes(8), 0) == -1  # the time of a like at 0
    assert find(tricky, b"CCCCDDDD", 0) == 16


def test_one_like_takes_seventeen_bytes():
    """A head, a hash, a time: the first value is that of `pack`."""
    id_hash = hash_of(0, "at://like/1")
    assert len(first_value(id_hash, 0, 1)) == 17
    assert first_value(id_hash, 0, 1) == pack(Parts(log=entry(id_hash, 0, 1)))


def test_the_same_id_of_another_kind_has_another_hash():
    """A platform may number likes and replies alike."""
    assert len({hash_of(code, "1") for code in range(8)}) == 8


def test_hashes_are_stable():
    """They are stored: a changed hash would count everything twice."""
    assert hash_of(0, "at://like/1").hex() == "af399494b09cd273"


LIKE = entry(b"12345678", 0, 0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "has no bytes"),
        (b"\x20" + LIKE, "format 2, this version reads format 1"),  # a newer Closeknit
        (b"\x00" + LIKE, "format 0"),  # never written
        (b"{}", "format 7"),  # JSON
        (b"\x10" + LIKE[:-1], "not made of whole entries"),  # cut short
        (b"\x10" + LIKE + b"\0", "not made of whole entries"),  # too long
        (b"\x10" + entry(b"12345678", 6, 0), "no interaction"),  # a follow in the log
        (b"\x11" + bytes(4), "ends before its parts"),  # half a follow time
        (b"\x12\x05\x00" + bytes(8), "ends before its parts"),  # one id of five
        (b"\x12", "ends before its parts"),  # no number of ids
        (b"\x14" + bytes(99), "ends before its parts"),  # a summary without its last byte
        (b"\x18\x08\x00\x00\x00" + bytes(4), "ends before its parts"),  # half a cell
        (b"\x18\x07\x00\x00\x00" + bytes(7), "cells are not whole"),  # an impossible length
        (b"\x11" + bytes(8), "by no open follow"),  # a start without a follow
    ],
)
def test_what_we_cannot_have_written_is_corrupt(value, message):
    """It stops the worker, and says what to do."""
    with pytest.raises(CorruptValue, match=message) as refusal:
        unpack(value)
    assert "closeknit reset" in str(refusal.value) or not value


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(value):
    """Never another exception; and what was read once is read for good."""
    for candidate in (value, bytes((FORMAT << 4 | len(value) & 15,)) + value):
        try:
            whole = unpack(candidate)
        except CorruptValue:
            continue
        assert pack(unpack(pack(whole))) == pack(whole)  # as bytes: a strength may be NaN here
