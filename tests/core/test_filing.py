"""Filing: the short cuts find what reading the whole value finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core import filing
from streams.core.packing import CorruptValue, check, entry, first_value
from streams.core.relationship import Strength, change
from tests.core.worlds import HOUR0, T0

times = st.integers(0, 7_258_118_399_999)
things = st.tuples(st.integers(0, 7), times)  # code, ms


@given(st.integers(0, 5), times)
def test_a_lone_interaction_is_filed_as_any_value_is(code, at):
    """Nearly all relationships are one interaction, so those have a table of their own."""
    value = first_value(b"12345678", code, at)
    assert sorted(filing.filing(value)) == sorted(filing._places(value))


@given(st.lists(things, min_size=1, max_size=120), st.integers(1, 120))
def test_a_change_moves_a_relationship_from_where_it_was_to_where_it_is(happened, cut):
    """Places in both cancel out, whatever happened between two settles; long values included."""
    value = old = None
    for number, (code, at) in enumerate(happened * 2):
        changed = change(value, code, True, str(number), at, False, HOUR0, Strength())
        value = changed[0] if changed else value
        old = value if number < cut else old
    moves = dict.fromkeys(filing._places(old), 1)
    filing.refile(moves, old, value)
    assert {filed for filed, n in moves.items() if n} == set(filing._places(value))
    assert set(moves.values()) <= {0, 1}


@given(st.binary(min_size=8, max_size=8), st.integers(0, 7))
def test_a_lone_interaction_is_checked_as_any_log_is(id_hash, code):
    """One entry alone, or behind another: sound or corrupt for the same reason."""
    first, second = first_value(id_hash, code, T0), entry(id_hash, code, T0)
    for value in (first, first + second):
        if code > 5:
            with pytest.raises(CorruptValue, match="no interaction"):
                check(value)
        else:
            check(value)
