"""Filing: at which hours the census counts a relationship.

Every windowed count of distinct members is a histogram of when each relationship last did it (a
ring of counts by hour); a window is a sum over a slice of it, so time passing costs nothing. What
is no last time becomes one by an order statistic: active on 4 days of a window means that the 4th
most recent active day lies in it.

A place in the census is one number, `hour << 5 | ring`. A count without a window is filed at
`ALWAYS`, an hour that never passes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from struct import Struct

from streams.core import cells
from streams.core.kinds import REPLY_IN
from streams.core.packing import ENTRY, PLAIN, STAMP, log_start, stamps, take_apart
from streams.core.recency import Recency
from streams.core.time import HOUR_MS, hour_of, last_hour

ALWAYS = 1 << 21
"""An hour after the year 2200."""

# A pair of rings is not following, following; of tenure not engaged, engaged.
# Rings 0 to 5 are the interactions by code; they and the next two are plain counts.
STARTS, ENDS = cells.STARTED, cells.ENDED
ACTIVE = 8  # pair: last inbound interaction
REPLIER = 10  # pair: last inbound reply
ANSWERED = 12  # the same, if we replied since
RECIPROCAL = 13  # pair: the earlier of last inbound and last outbound reply
CONNECTION = 15  # pair: the earliest of both and of the last hour of the 2nd last reply day
COMMITTED = 17  # pair: the earlier of the 4th last active day's last hour and last inbound reply
ON_DAYS = {2: 19, 4: 20, 8: 21, 16: 22}  # last hour of the k-th last active day
TENURE = 23  # pair: start of the open follow
DATED = 25  # pair, always: following since a known day
UNDATED = 27  # pair, always: following since before we looked (seeded)
VISITOR = 29  # always: ever engaged, not following
RINGS = 32
_ON_DAYS = tuple(ON_DAYS.items())


def place(hour: int, ring: int) -> int:
    """The place of this ring's count for this hour."""
    return hour << 5 | ring


Moves = dict[int, int]
"""By how much the counts of an account change, by place."""


def filing(value: bytes) -> list[int]:
    """The places where a packed relationship is counted: a function of its value alone."""
    return places(*_read(value))


def refile(moves: Moves, old: bytes | None, new: bytes) -> None:
    """Move a relationship from the places of its old value (None: nowhere) to those of its new."""
    if old is None:
        move(moves, [], filing(new))
    elif new.startswith(old):
        # Nothing but appended to its log: what is common to both is read once.
        seen, following, followed_at = _read(old)
        there = places(seen, following, followed_at)
        seen.see(stamps(new, len(old)))
        move(moves, there, places(seen, following, followed_at))
    else:
        move(moves, filing(old), filing(new))


def move(moves: Moves, there: Sequence[int], here: Sequence[int]) -> None:
    """Move a relationship from places to places; one that is in both need not be moved."""
    if there == here:
        return
    for filed in there:
        if filed not in here:
            moves[filed] = moves.get(filed, 0) - 1
    for filed in here:
        if filed not in there:
            moves[filed] = moves.get(filed, 0) + 1


def file_lone(moves: Moves, values: Iterable[bytes], *, restored: bool = False) -> None:
    """File relationships that are new and one interaction each, as most of a flush are.

    Those that are restored are also recounted.
    """
    stamps_of_all = _LONE_STAMP.iter_unpack(b"".join(values))
    for filed, n in Counter(
        [stamp // _HOUR << 5 | stamp & 7 for (stamp,) in stamps_of_all]
    ).items():
        code = filed & 31
        if restored:
            moves[filed] = moves.get(filed, 0) + n
        if code <= REPLY_IN:
            hour = filed - code
            moves[hour | ACTIVE] = moves.get(hour | ACTIVE, 0) + n
            moves[_VISITOR] = moves.get(_VISITOR, 0) + n
            if code == REPLY_IN:
                moves[hour | REPLIER] = moves.get(hour | REPLIER, 0) + n


def recount(moves: Moves, value: bytes) -> None:
    """Count what a packed relationship remembers of interactions, follow starts and ends."""
    start = log_start(value)
    for stamp in stamps(value, start):
        filed = (stamp >> 3) // HOUR_MS << 5 | stamp & 7
        moves[filed] = moves.get(filed, 0) + 1
    if start > 1:
        parts = take_apart(value)
        for hour, thing, n in cells.each(parts.cells):
            filed = place(hour, thing)
            moves[filed] = moves.get(filed, 0) + n
        if parts.followed_at is not None:
            filed = place(hour_of(parts.followed_at), STARTS)
            moves[filed] = moves.get(filed, 0) + 1


def _read(value: bytes) -> tuple[Recency, bool, int | None]:
    if value[0] == PLAIN:
        seen = Recency()
        seen.see(stamps(value, 1))
        return seen, False, None
    parts = take_apart(value)
    seen = Recency.of_evicted(parts.summary, parts.cells)
    seen.see(stamps(parts.log, 0))
    return seen, bool(parts.open_in), parts.followed_at


def places(seen: Recency, following: bool, followed_at: int | None) -> list[int]:
    """The places of a relationship that was last alive then, and is followed (since a time)."""
    engaged = 0
    found = []
    if seen.inbound >= 0:
        engaged = 1
        found.append(seen.inbound // HOUR_MS << 5 | ACTIVE + following)
        if not following:
            found.append(_VISITOR)
    fourth = -1  # last hour of the 4th last active day
    if len(seen.active_days) > 1:
        active_days = sorted(seen.active_days)
        for days, ring in _ON_DAYS:
            if len(active_days) < days:
                break
            found.append(last_hour(active_days[-days]) << 5 | ring)
            if days == 4:
                fourth = last_hour(active_days[-4])
    if seen.reply_in >= 0:
        replied = seen.reply_in // HOUR_MS
        found.append(replied << 5 | REPLIER + following)
        if fourth >= 0:
            found.append(min(fourth, replied) << 5 | COMMITTED + following)
        if seen.reply_out >= 0:
            if seen.reply_out >= seen.reply_in:
                found.append(replied << 5 | ANSWERED)
            both = min(replied, seen.reply_out // HOUR_MS)
            found.append(both << 5 | RECIPROCAL + following)
            if len(seen.reply_days) > 1:
                second = last_hour(sorted(seen.reply_days)[-2])
                found.append(min(both, second) << 5 | CONNECTION + following)
    if followed_at is not None:
        found.append(followed_at // HOUR_MS << 5 | TENURE + engaged)
        found.append(ALWAYS << 5 | DATED + engaged)
    elif following:
        found.append(ALWAYS << 5 | UNDATED + engaged)
    return found


LONE = 1 + ENTRY
"""Bytes of a packed relationship that is one interaction and nothing else."""

_LONE_STAMP = Struct(f"<{LONE - STAMP}xQ")
_VISITOR = ALWAYS << 5 | VISITOR
_HOUR = HOUR_MS << 3  # of a stamp
