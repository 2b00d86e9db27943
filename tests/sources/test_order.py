"""The order of time: whatever is where, what comes out is a stable sort of it all."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sources import order
from streams.sources.order import CannotSort, merged, ordered


class Thing(NamedTuple):
    at_ms: int
    file: int
    number: int
    text: bytes = b""


def by_time(thing: Thing) -> int:
    return thing.at_ms


files = st.lists(st.lists(st.integers(0, 20), max_size=30), max_size=5).map(
    lambda times: [
        [Thing(at, file, number) for number, at in enumerate(each)]
        for file, each in enumerate(times)
    ]
)


@given(files, st.integers(1, 200), st.integers(2, 4))
def test_files_in_any_order_become_one_in_the_order_of_time(
    files: list[list[Thing]], held: int, open_at_once: int
) -> None:
    """Also when hardly anything is held; what happened at once keeps the order that it had."""
    before = order.OPEN
    order.OPEN = open_at_once  # type: ignore[misc]
    try:
        found = list(merged(ordered(each, Thing, held=held) for each in files))
    finally:
        order.OPEN = before  # type: ignore[misc]
    assert found == sorted([thing for each in files for thing in each], key=by_time)


@given(files)
def test_what_ascends_is_merged_and_read_no_further_than_it_must(files: list[list[Thing]]) -> None:
    """One of each file ahead: a merge of large files takes no memory."""
    taken = [0] * len(files)

    def read(file: int, things: list[Thing]):
        for thing in things:
            taken[file] += 1
            yield thing

    sorted_files = [sorted(each, key=by_time) for each in files]
    given_out = [0] * len(files)
    for thing in merged(read(file, each) for file, each in enumerate(sorted_files)):
        given_out[thing.file] += 1
        assert all(n <= out + 1 for n, out in zip(taken, given_out, strict=True))
    assert given_out == [len(each) for each in files]


def test_what_is_sorted_is_on_disk_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """In files without a name: there is nothing to tidy up, however the process ends."""
    things = [Thing(-n % 1000, 0, n, bytes(100)) for n in range(3000)]
    found = ordered(things, Thing, tmp_path, held=10_000)
    assert next(found).at_ms == 0
    assert list(tmp_path.iterdir()) == []
    assert [thing.at_ms for thing in found] == sorted(-n % 1000 for n in range(3000))[1:]


def test_a_place_where_nothing_can_be_sorted_is_named(tmp_path: Path) -> None:
    """A full disk, a folder that is not there."""
    with pytest.raises(CannotSort, match=r"none, and that failed: No such file.*TMPDIR names"):
        list(ordered([Thing(2, 0, 0), Thing(1, 0, 1)], Thing, tmp_path / "none", held=1))
