"""Where we are in a list that grows at its newer end.

Ids are opaque, and those of a database's sequence become visible out of their order: a notification
may appear behind one that was read before. So the last few are read again each time, and known by
their keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.sources.mastodon import Item

AGAIN = 20
"""So many are read again. Servers return at least thirty at once: there is always something new."""

_LONGEST = 4 * AGAIN

OLDEST = "0"
"""Before every id: an API asked for what is newer returns the oldest that there is."""


class Position(msgspec.Struct, frozen=True, array_like=True):
    """A place in such a list.

    Attributes:
        after: the id behind which to read on.
        told: keys of those behind it that were told.
    """

    after: str = OLDEST
    told: tuple[str, ...] = ()


def new(position: Position, items: Sequence[Item]) -> list[Item]:
    """Those of a page, oldest first, that were not told yet."""
    told = set(position.told)
    found = []
    for item in items:
        if item.key not in told:
            told.add(item.key)
            found.append(item)
    return found


def advance(position: Position, items: Sequence[Item]) -> Position:
    """The place once a page, oldest first, is told."""
    older = [item.id for item in items[:-AGAIN] if item.id]
    after = older[-1] if older else position.after
    passed = {item.key for item in items[:-AGAIN]}
    kept = [key for key in position.told if key not in passed]
    told = dict.fromkeys([*kept, *(item.key for item in items[-AGAIN:])])
    return Position(after, tuple(told)[-_LONGEST:])
