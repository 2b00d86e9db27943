"""The census of one partition number: per account, how many relationships are filed where.

An account's census is one sparse dictionary of counts by `place` (an hour and a ring, `filing`).
Relationships are moved in it when they change; when time passes nothing happens, as a window is a
sum over a slice of hours and reading starts from the clock. Places up to one floor, 90 days behind
the clock, are neither filed nor unfiled; as the clock never goes back, a place is either still
counted as it was filed, or forgotten for good.

One thread changes a census; any thread may read it. What a reader sees of an account is what it
was after some `move`, never half of one.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from streams.core.filing import place
from streams.core.series import FAMILIES, SERIES, Series, add
from streams.core.series import row as row_of
from streams.core.series import slots as slots_of

__all__ = ["FAMILIES", "SERIES", "Census", "Series"]

OLDEST = 2160
"""Hours (90 days) after which a place is forgotten: the last boundary of the follower tenures."""

PURGE_EVERY = 24
"""Hours by which an account's floor may lag: purging reads all of its places."""


class _Reading(NamedTuple):
    """What an account's counts came to at this clock, after so many moves."""

    clock: int
    moves: int
    slots: list[int]


class _Account:
    """Counts by place; how often they have moved; the last reading."""

    __slots__ = ("moves", "places", "purged", "reading")

    def __init__(self) -> None:
        self.places: dict[int, int] = {}
        self.purged = -1
        self.moves = 0
        self.reading = _Reading(-1, -1, [])


class Census:
    """Counts of relationships by account and place."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def accounts(self) -> Collection[str]:
        """Every account that has, or had, a relationship here."""
        return list(self._accounts)

    def move(self, account: str, moves: Mapping[int, int], clock: int) -> None:
        """Change an account's counts, each place by so many, all at once.

        The account is known from then on, and exported if only with zeros.
        """
        known = self._accounts.get(account)
        if known is None:
            known = self._accounts[account] = _Account()
        floor = clock - OLDEST
        first = place(floor + 1, 0)
        places = known.places
        if known.purged <= floor - PURGE_EVERY:
            # A new dictionary: a reader has the whole of one or of the other.
            places = {filed: n for filed, n in places.items() if n and filed >= first}
            known.places, known.purged = places, floor
        # Taken first: a reader that comes later may already have seen what is moved now.
        read_at, moves_then, slots = known.reading
        count = places.get
        # `update` runs no Python code, so no other thread comes in between. What has become zero
        # stays until the next purge, as taking it out would take a second step.
        places.update(
            {filed: count(filed, 0) + n for filed, n in moves.items() if n and filed >= first}
        )
        if read_at == clock and moves_then == known.moves:
            # What somebody reads all the time is kept up to date: a few places moved, of thousands.
            slots = slots.copy()
            add(slots, moves, clock)  # which passes by what is behind the floor, too
            known.reading = _Reading(clock, moves_then + 1, slots)
        known.moves += 1

    def slots(self, account: str, clock: int) -> list[int]:
        """The account's counts at this clock by slot (`series.slots`); to be looked at only.

        An unknown account has zeros, as it may be known to another partition.
        """
        known = self._accounts.get(account)
        if known is None:
            return slots_of({}, clock)
        moves = known.moves  # looked at first: a move from here on makes the next reader read again
        read_at, moves_then, slots = known.reading
        if read_at != clock or moves_then != moves:
            # dict.copy() is atomic too: the owner may go on changing the original.
            slots = slots_of(known.places.copy(), clock)
            known.reading = _Reading(clock, moves, slots)
        return slots

    def read(self, account: str, clock: int) -> list[int]:
        """The account's part of every series at this clock, aligned with `SERIES`."""
        return row_of(self.slots(account, clock))
