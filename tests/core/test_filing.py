"""Filing: the short cuts find what reading the whole value finds."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core import filing
from streams.core.packing import CorruptValue, check, entry, first_value
from streams.core.relationship import Strength
from tests.core.worlds import HOUR0, T0, packed_change

times = st.integers(0, 7_258_118_399_999)
things = st.tuples(st.integers(0, 7), times)  # code, ms


@given(st.lists(st.tuples(st.integers(0, 5), times), min_size=1, max_size=9))
def test_lone_interactions_are_filed_as_any_values_are(happened):
    """Nearly all new relationships are one interaction, so those are filed in one go."""
    values = [first_value(b"12345678", code, at) for code, at in happened]
    moves, expected = {}, Counter()
    filing.file_lone(moves, values)
    for value in values:
        expected.update(filing.filing(value))
    assert moves == expected


@given(st.lists(things, min_size=1, max_size=120), st.integers(1, 120))
def test_a_change_moves_a_relationship_from_where_it_was_to_where_it_is(happened, cut):
    """Places in both cancel out, whatever happened between two settles; long values included."""
    value = old = None
    for number, (code, at) in enumerate(happened * 2):
        changed = packed_change(value, code, True, str(number), at, False, HOUR0, Strength())
        value = changed[0] if changed else value
        old = value if number < cut else old
    moves = dict.fromkeys(filing.filing(old), 1)
    filing.refile(moves, old, value)
    assert {filed for filed, n in moves.items() if n} == set(filing.filing(value))
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
