"""The law: what a relationship remembers of what happened, and what follows from it.

Everything that changes a relationship, and every rule that says what it is, lives in this file.

A relationship remembers its latest interactions in order of arrival, up to 64 per kind and
direction (the log), a summary of older ones (totals, last and first times, counts by hour of the
last 56 days, decayed strength), and its open follows. All else is derived: counts, days, stage,
strength, and the hours at which the census files it (`filing`). So a removal leaves no trace, and
what is rebuilt after a crash is what was there before.

The state is the packed value (`packing`). `change` applies one event to it. The common event, an
interaction that is new, works on the bytes; the others take the value apart, change a
`Relationship`, which is packed again before it is written. Both ways give the same bytes.

Times are ms since 1970, the clock is an hour since 1970; -1 is never.
"""

from enum import StrEnum
from functools import cache
from math import fsum
from typing import NamedTuple

from streams.core import cells as hourly
from streams.core.kinds import (
    FOLLOW_IN,
    INTERACTIONS,
    SHARE_OUT,
    SIDES,
)
from streams.core.packing import (
    ENTRY,
    ID,
    NOTHING,
    Parts,
    Summary,
    codes,
    entry,
    find,
    first_follow,
    first_value,
    hash_of,
    log_start,
    pack,
    stamps,
    take_apart,
    unpack,
)
from streams.core.recency import Recency
from streams.core.time import DEPTH, HORIZON, HOUR_MS, day_of, hour_of, last_hour

KEPT = 64
"""Interactions that the log keeps per kind and direction; open follow ids per direction."""


class Stage(StrEnum):
    """Where a relationship stands: the first of these whose rule holds."""

    CONNECTION = "connection"
    CONVERSATION = "conversation"
    FAN = "fan"
    LAPSED = "lapsed"
    PASSIVE = "passive"
    NONE = "none"


class Strength(NamedTuple):
    """How much an interaction weighs, and how fast that fades. Stored values depend on it."""

    like: float = 1.0
    share: float = 2.0
    reply: float = 4.0
    half_life_days: float = 14.0


Change = tuple["bytes | Relationship", int, int, int]
"""What one event did: the new state, packed or not; and of the count by hour that it moved the
thing (a code, `cells.STARTED` or `cells.ENDED`), the hour and the step (+1, -1, or 0: none)."""


def change(
    state: "bytes | Relationship | None",
    code: int,
    add: bool,
    id: str,
    at: int,
    seeded: bool,
    clock: int,
    strength: Strength,
) -> Change | None:
    """Apply one event to a relationship (None: there is none yet).

    A state that is not packed is changed in place, and stays so: the next event of a busy
    relationship need not take it apart again. Returns None if the event changes nothing: an `add`
    of what is already there (a duplicate), a removal of what is not (unresolved).
    """
    id_hash = hash_of(code, id)
    interaction = code <= SHARE_OUT
    if add and interaction and not isinstance(state, Relationship):
        if state is None:
            return first_value(id_hash, code, at), code, at // HOUR_MS, 1
        start = log_start(state)
        if find(state, id_hash, start) >= 0:
            return None
        # A log with too few bytes for 64 entries needs no counting.
        if len(state) - start < KEPT * ENTRY or codes(state, start).count(code) < KEPT:
            return state + entry(id_hash, code, at), code, at // HOUR_MS, 1
    elif state is None:
        if not add:
            return None
        if code == FOLLOW_IN and not seeded:
            return first_follow(id_hash, at), hourly.STARTED, at // HOUR_MS, 1
        state = Relationship()
    if isinstance(state, bytes):
        state = Relationship(take_apart(state))
    if interaction:
        moved = state.add(id_hash, code, at, clock, strength) if add else state.remove(id_hash)
    else:
        moved = (
            state.follow(id_hash, code, at, seeded)
            if add
            else state.unfollow(id_hash, code, at, clock)
        )
    return None if moved is None else (state, *moved)


Moved = tuple[int, int, int] | None
"""Thing, hour and step of the count that moved (`Change`); None: nothing has changed."""


class Relationship:
    """One relationship, decoded: for what is rare or busy, for export and for people.

    Attributes:
        filed: where the census has it, if somebody keeps that here.
    """

    __slots__ = (
        "_recency",
        "cells",
        "filed",
        "followed_at",
        "log",
        "open_in",
        "open_out",
        "summary",
    )

    def __init__(self, parts: Parts = NOTHING) -> None:
        (
            self.followed_at,  # ms; None when not following, or since an unknown day (seeded)
            self.open_in,  # hashes of open follow ids, oldest first
            self.open_out,
            self.summary,
            self.cells,
            self.log,
        ) = parts
        self._recency: Recency | None = None  # kept up to date once it was asked for
        self.filed: list[int] | None = None

    @classmethod
    def unpack(cls, value: bytes) -> "Relationship":
        """Decode a packed value.

        Raises:
            CorruptValue: it is not one that we wrote, or a newer version wrote it.
        """
        return cls(unpack(value))

    def pack(self) -> bytes:
        """Encode it; `unpack` gives it back."""
        return pack(
            Parts(self.followed_at, self.open_in, self.open_out, self.summary, self.cells, self.log)
        )

    # What changes it.

    def add(self, id_hash: bytes, code: int, at: int, clock: int, strength: Strength) -> Moved:
        """Append an interaction that is not there; the oldest of its code makes room."""
        if find(self.log, id_hash, 0) >= 0:
            return None
        logged = codes(self.log, 0)
        if logged.count(code) >= KEPT:
            self._evict(logged.index(code) * ENTRY, clock, strength)
        self.log += entry(id_hash, code, at)
        if self._recency is not None:
            self._recency.see((at << 3 | code,))
        return code, hour_of(at), 1

    def remove(self, id_hash: bytes) -> Moved:
        """Take an interaction out as if it had never been."""
        place = find(self.log, id_hash, 0)
        if place < 0:
            return None
        at, code = self._take_out(place)
        self._recency = None
        return code, hour_of(at), -1

    def follow(self, id_hash: bytes, code: int, at: int, seeded: bool) -> Moved:
        """Open a follow id; the first one starts the follow, unless it is older than we know."""
        ids = self.open_in if code == FOLLOW_IN else self.open_out
        if find(ids, id_hash, 0, ID) >= 0:
            return None
        opened = (ids + id_hash)[-KEPT * ID :]
        if code != FOLLOW_IN:
            self.open_out = opened
            return hourly.STARTED, 0, 0
        self.open_in = opened
        if ids or seeded:
            return hourly.STARTED, 0, 0
        self.followed_at = at
        return hourly.STARTED, hour_of(at), 1

    def unfollow(self, id_hash: bytes, code: int, at: int, clock: int) -> Moved:
        """Close a follow id; the last one ends the follow."""
        ids = self.open_in if code == FOLLOW_IN else self.open_out
        place = find(ids, id_hash, 0, ID)
        if place < 0:
            return None
        still_open = ids[:place] + ids[place + ID :]
        if code != FOLLOW_IN:
            self.open_out = still_open
            return hourly.ENDED, 0, 0
        self.open_in = still_open
        if still_open:
            return hourly.ENDED, 0, 0
        self._recency = None  # what the cells forget it has forgotten
        floor = clock - DEPTH
        if self.followed_at is not None:  # the start of an open follow needs no cell: it is known
            self.cells = hourly.count(self.cells, hour_of(self.followed_at), hourly.STARTED, floor)
            self.followed_at = None
        self.cells = hourly.count(self.cells, hour_of(at), hourly.ENDED, floor)
        return hourly.ENDED, hour_of(at), 1

    def _evict(self, place: int, clock: int, strength: Strength) -> None:
        at, code = self._take_out(place)
        self.summary = _absorb(self.summary or Summary(), code, at, strength)
        cells = hourly.count(self.cells, hour_of(at), code, clock - DEPTH)
        if cells is self.cells or not cells.startswith(self.cells[: hourly.NAME]):
            self._recency = None  # a day is forgotten: this one, or some from the front
        self.cells = cells

    def _take_out(self, place: int) -> tuple[int, int]:
        stamp = int.from_bytes(self.log[place + ID : place + ENTRY], "little")
        self.log = self.log[:place] + self.log[place + ENTRY :]
        return stamp >> 3, stamp & 7

    # What it is.

    @property
    def following(self) -> bool:
        """Does the member follow the account?"""
        return bool(self.open_in)

    @property
    def first_inbound_at(self) -> int | None:
        """The first like, reply or share of the member, ms."""
        return self._first(0)

    @property
    def last_inbound_at(self) -> int | None:
        """The last like, reply or share of the member, ms."""
        return self._last(0)

    @property
    def first_outbound_at(self) -> int | None:
        """The first like, reply or share of the account, ms."""
        return self._first(1)

    @property
    def last_outbound_at(self) -> int | None:
        """The last like, reply or share of the account, ms."""
        return self._last(1)

    def recency(self) -> Recency:
        """When it was last alive."""
        if self._recency is None:
            self._recency = Recency.of_evicted(self.summary, self.cells)
            self._recency.see(stamps(self.log, 0))
        return self._recency

    def stage(self, clock: int) -> Stage:
        """Where it stands at this clock: the first rule that holds."""
        seen = self.recency()
        if _current(seen.reply_in, clock):
            days = sum(last_hour(day) > clock - HORIZON for day in seen.reply_days)
            both = _current(seen.reply_out, clock)
            return Stage.CONNECTION if both and days >= 2 else Stage.CONVERSATION
        if _current(seen.inbound, clock):
            return Stage.FAN
        if seen.inbound >= 0:
            return Stage.LAPSED
        return Stage.PASSIVE if self.following else Stage.NONE

    def active_days(self, clock: int) -> int:
        """UTC days of the horizon with an inbound interaction; a day lasts to its last hour."""
        return sum(last_hour(day) > clock - HORIZON for day in self.recency().active_days)

    def awaiting(self, clock: int) -> bool:
        """Is the last inbound reply in the horizon, and later than our last outbound one?"""
        seen = self.recency()
        return _current(seen.reply_in, clock) and seen.reply_in > seen.reply_out

    def strength(self, clock: int, strength: Strength) -> float:
        """Sum of weight · 2^(-age / half-life), age in UTC days; 0 when nothing remains.

        What is evicted was decayed forward to the summary's own day (Cormode, Shkapenyuk,
        Srivastava and Xu, "Forward Decay", ICDE 2009) and only has to age from there.
        """
        weight = weights(strength)
        today = clock // 24
        parts = [
            weight[stamp & 7] * decay(today - day_of(stamp >> 3), strength)
            for stamp in stamps(self.log, 0)
        ]
        if self.summary is not None:
            parts.append(self.summary.strength * decay(today - self.summary.day, strength))
        return fsum(parts)  # the same whatever the order of arrival

    def counts(self, clock: int) -> dict[str, dict[str, dict[str, int]]]:
        """Interactions by direction and kind: of 1, 7 and 28 UTC days up to today, and in total."""
        days_and_totals = {
            direction: {kind: {"1": 0, "7": 0, "28": 0, "total": 0} for kind in _KINDS}
            for direction in ("inbound", "outbound")
        }
        by_code = [days_and_totals[direction][kind] for kind, direction in INTERACTIONS]
        today = clock // 24

        def count(code: int, day: int, n: int) -> None:
            for days in (1, 7, 28):
                if today - days < day <= today:
                    by_code[code][str(days)] += n

        for stamp in stamps(self.log, 0):
            count(stamp & 7, day_of(stamp >> 3), 1)
            by_code[stamp & 7]["total"] += 1
        for hour, thing, n in hourly.each(self.cells):
            if thing <= SHARE_OUT:
                count(thing, hour // 24, n)
        if self.summary is not None:
            for code, n in enumerate(self.summary.totals):
                by_code[code]["total"] += n
        return days_and_totals

    def _first(self, side: int) -> int | None:
        times = self._logged(side)
        if self.summary is not None and self.summary.first[side] >= 0:
            times.append(self.summary.first[side])
        return min(times, default=None)

    def _last(self, side: int) -> int | None:
        times = self._logged(side)
        if self.summary is not None:
            times += [at for code in SIDES[side] if (at := self.summary.last[code]) >= 0]
        return max(times, default=None)

    def _logged(self, side: int) -> list[int]:
        return [stamp >> 3 for stamp in stamps(self.log, 0) if stamp & 7 in SIDES[side]]


_KINDS = ("like", "share", "reply")


def _current(at: int, clock: int) -> bool:
    return at >= 0 and hour_of(at) > clock - HORIZON


def _absorb(summary: Summary, code: int, at: int, strength: Strength) -> Summary:
    totals, last, first, remaining, until = summary
    day = day_of(at)
    today = max(day, until)
    remaining *= decay(today - until, strength)
    remaining += weights(strength)[code] * decay(today - day, strength)
    totals = (*totals[:code], totals[code] + 1, *totals[code + 1 :])
    if at > last[code]:
        last = (*last[:code], at, *last[code + 1 :])
    side = 0 if code in SIDES[0] else 1
    if not 0 <= first[side] <= at:
        first = (at, first[1]) if side == 0 else (first[0], at)
    return Summary(totals, last, first, remaining, today)


def decay(days: int, strength: Strength) -> float:
    """What is left of a weight after so many days."""
    return float(2.0 ** (-days / strength.half_life_days)) if days else 1.0


@cache
def weights(strength: Strength) -> tuple[float, ...]:
    """How much an interaction weighs, by code."""
    return tuple(float(getattr(strength, kind)) for kind, _ in INTERACTIONS)
