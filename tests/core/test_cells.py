"""Cells count by hour, and forget what is behind the floor."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.core.cells import SIZE, count, days, each

COUNTED = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 7)), max_size=200)


@given(COUNTED)
def test_cells_count_like_a_counter(counted):
    """In any order of hours."""
    cells = b""
    for hour, thing in counted:
        cells = count(cells, hour, thing, floor=-1)
    assert {(hour, thing): n for hour, thing, n in each(cells)} == Counter(counted)


@given(COUNTED, st.integers(1, 100))
def test_with_a_moving_floor_recent_hours_are_exact_and_old_ones_bounded(counted, depth):
    """Nothing up to the floor is needed; no more than twice the depth is kept."""
    cells, clock = b"", 0
    for hour, thing in counted:
        clock = max(clock, hour)
        cells = count(cells, hour, thing, floor=clock - depth)
    recent = {(hour, thing): n for hour, thing, n in each(cells) if hour > clock - depth}
    assert recent == Counter((hour, thing) for hour, thing in counted if hour > clock - depth)
    assert len(cells) <= 2 * depth * 8 * SIZE


def test_a_count_is_only_found_at_its_own_hour():
    """The bytes of one cell's count look like the next one's hour."""
    cells = b""
    for _ in range(17):  # a count of 17 has the bytes of hour 1, thing 1
        cells = count(cells, 0, 0, floor=-1)
    cells = count(cells, 1, 1, floor=-1)
    assert list(each(cells)) == [(0, 0, 17), (1, 1, 1)]


def test_days_are_those_of_the_things_asked_for():
    """A UTC day is 24 hours."""
    cells = b""
    for hour, thing in [(23, 2), (24, 2), (47, 3), (48, 0)]:
        cells = count(cells, hour, thing, floor=-1)
    assert days(cells, (2, 3)) == {0, 1}
    assert days(cells, (0,)) == {2}
