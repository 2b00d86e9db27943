"""The census of one partition number: per account, how many relationships are filed where.

An account's census is one sparse dictionary of counts by `place` (an hour and a ring, `filing`),
deleted at zero. Relationships are moved in it when they change; when time passes nothing happens,
as a window is a sum over a slice of hours and reading starts from the clock. Places up to one
floor, 90 days behind the clock, are neither filed nor unfiled; as the clock never goes back, a
place is either still counted as it was filed, or forgotten for good.

One thread changes a census; any thread may read it.
"""

from collections.abc import Collection

from streams.core.filing import place
from streams.core.series import FAMILIES, SERIES, Series, read

__all__ = ["FAMILIES", "SERIES", "Census", "Series"]

OLDEST = 2160
"""Hours (90 days) after which a place is forgotten: the last boundary of the follower tenures."""

PURGE_EVERY = 24
"""Hours by which an account's floor may lag: purging reads all of its places."""


class Census:
    """Counts of relationships by account and place."""

    def __init__(self) -> None:
        self._places: dict[str, dict[int, int]] = {}
        self._purged: dict[str, int] = {}

    def accounts(self) -> Collection[str]:
        """Every account that has, or had, a relationship here."""
        return list(self._places)

    def know(self, account: str) -> None:
        """From now on export this account, if only with zeros."""
        self._places.setdefault(account, {})

    def count(self, account: str, hour: int, ring: int, n: int, clock: int) -> None:
        """Move a plain count up by any `n`, or down by one."""
        if hour > clock - OLDEST:
            if n > 0:
                _file(self._places[account], hour << 5 | ring, n)
            else:
                _unfile(self._places[account], hour << 5 | ring)

    def move(self, account: str, old: Collection[int], new: Collection[int], clock: int) -> None:
        """File a relationship at its new places instead of its old ones."""
        places = self._places[account]
        floor = clock - OLDEST
        if self._purged.get(account, -1) <= floor - PURGE_EVERY:
            _purge(places, floor)
            self._purged[account] = floor
        first = place(floor + 1, 0)
        for filed in old:
            if filed not in new and filed >= first:
                _unfile(places, filed)
        for filed in new:
            if filed not in old and filed >= first:
                _file(places, filed, 1)

    def read(self, account: str, clock: int) -> list[int]:
        """The account's part of every series at this clock, aligned with `SERIES`.

        An unknown account has zeros, as it may be known to another partition.
        """
        # dict.copy() is atomic under the GIL: the owner may go on changing the original.
        return read(self._places.get(account, {}).copy(), clock)


def _file(places: dict[int, int], filed: int, n: int) -> None:
    places[filed] = places.get(filed, 0) + n


def _unfile(places: dict[int, int], filed: int) -> None:
    n = places[filed] - 1  # a KeyError here means that it was never filed: our own corruption
    if n:
        places[filed] = n
    else:
        del places[filed]


def _purge(places: dict[int, int], floor: int) -> None:
    first = place(floor + 1, 0)
    for filed in [filed for filed in places if filed < first]:
        del places[filed]
