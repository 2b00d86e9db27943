"""Counts by hour, packed: what a relationship remembers of what it no longer lists one by one.

A cell counts one thing in one UTC hour: an evicted interaction by its code (0 to 5), the start or
the end of a follow. Eight bytes each, little endian: `hour << 4 | thing` and the count, both u32,
in the order in which the hours were first counted.
"""

from collections.abc import Container, Iterable, Iterator
from struct import Struct

STARTED, ENDED = 6, 7
"""The things that are no interaction: a follow that started, a follow that ended."""

SIZE, NAME = 8, 4
"""Bytes of a cell, and of its beginning that names hour and thing."""
_CELL = Struct("<II")
_WORD = Struct("<I")
_DAY = 24 << 4  # of a name


def count(cells: bytes, hour: int, thing: int, floor: int) -> bytes:
    """Count one more `thing` in `hour`; hours up to `floor` are forgotten, not counted."""
    if hour <= floor:
        return cells
    name = _WORD.pack(hour << 4 | thing)
    at = _find(cells, name)
    if at >= 0:
        (n,) = _WORD.unpack_from(cells, at + 4)
        return cells[: at + 4] + _WORD.pack(n + 1) + cells[at + SIZE :]
    return _without_forgotten(cells, floor) + name + _WORD.pack(1)


def each(cells: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield hour, thing and count of every cell."""
    for name, n in _CELL.iter_unpack(cells):
        yield name >> 4, name & 15, n


def packed(cells: Iterable[tuple[int, int, int]]) -> bytes:
    """Pack cells; `each` gives them back."""
    return b"".join(_CELL.pack(hour << 4 | thing, n) for hour, thing, n in cells)


def days(cells: bytes, things: Container[int]) -> set[int]:
    """Return the UTC days on which one of these things was counted."""
    found: set[int] = set()
    begin = end = 0  # of the day before, as names: most are of the same
    for name, _ in _CELL.iter_unpack(cells):
        if name & 15 in things and not begin <= name < end:
            day = name // _DAY
            begin, end = day * _DAY, (day + 1) * _DAY
            found.add(day)
    return found


def _find(cells: bytes, name: bytes) -> int:
    at = cells.rfind(name)  # from the end: most of what is counted is recent
    while at >= 0 and at % SIZE:
        at = cells.rfind(name, 0, at + len(name) - 1)
    return at


def _without_forgotten(cells: bytes, floor: int) -> bytes:
    # Only from the front: hours are mostly counted in their order, and one that was not is gone
    # as soon as what stands before it is. So no more than twice the depth is ever kept.
    start = 0
    while start < len(cells) and _WORD.unpack_from(cells, start)[0] >> 4 <= floor:
        start += SIZE
    return cells[start:]
