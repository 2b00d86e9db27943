"""Filing: at which hours the census counts a relationship.

Every windowed count of distinct members is a histogram of when each relationship last did it (a
ring of counts by hour); a window is a sum over a slice of it, so time passing costs nothing. What
is no last time becomes one by an order statistic: active on 4 days of a window means that the 4th
most recent active day lies in it.

A place in the census is one number, `hour << 5 | ring`. A count without a window is filed at
`ALWAYS`, an hour that never passes.
"""

from msgspec import Struct

from streams.core import cells
from streams.core.packing import PLAIN, stamps, unpack
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


def place(hour: int, ring: int) -> int:
    """The place of this ring's count for this hour."""
    return hour << 5 | ring


def filing(value: bytes) -> list[int]:
    """The places where a packed relationship is counted: a function of its value alone."""
    return _read(value).places()


def refiling(old: bytes | None, new: bytes) -> tuple[list[int], list[int]]:
    """The places of a relationship before and after a change; None: it did not exist."""
    if old is None:
        return [], filing(new)
    filed = _read(old)
    places = filed.places()
    if not new.startswith(old):
        return places, filing(new)
    filed.recency.see(stamps(new, len(old)))  # the log comes last: it has only grown
    return places, filed.places()


def counted(value: bytes) -> list[tuple[int, int, int]]:
    """Hour, ring and number of every plain count that a packed relationship remembers.

    Raises:
        CorruptValue: the value is not one that we wrote.
    """
    parts = unpack(value)
    found = [((stamp >> 3) // HOUR_MS, stamp & 7, 1) for stamp in stamps(parts.log, 0)]
    found += cells.each(parts.cells)
    if parts.followed_at is not None:
        found.append((hour_of(parts.followed_at), STARTS, 1))
    return found


class _Filed(Struct, gc=False):
    """What of a relationship decides its places."""

    recency: Recency
    following: int = 0
    followed_at: int | None = None

    def places(self) -> list[int]:
        seen, following = self.recency, self.following
        places = []
        engaged = 1 if seen.inbound >= 0 else 0
        if engaged:
            places.append(seen.inbound // HOUR_MS << 5 | ACTIVE + following)
            if not following:
                places.append(ALWAYS << 5 | VISITOR)
        fourth = -1  # last hour of the 4th last active day
        if len(seen.active_days) > 1:
            active_days = sorted(seen.active_days)
            for days, ring in ON_DAYS.items():
                if len(active_days) >= days:
                    places.append(last_hour(active_days[-days]) << 5 | ring)
            if len(active_days) >= 4:
                fourth = last_hour(active_days[-4])
        if seen.reply_in >= 0:
            replied = seen.reply_in // HOUR_MS
            places.append(replied << 5 | REPLIER + following)
            if fourth >= 0:
                places.append(min(fourth, replied) << 5 | COMMITTED + following)
            if seen.reply_out >= 0:
                if seen.reply_out >= seen.reply_in:
                    places.append(replied << 5 | ANSWERED)
                both = min(replied, seen.reply_out // HOUR_MS)
                places.append(both << 5 | RECIPROCAL + following)
                if len(seen.reply_days) > 1:
                    second = last_hour(sorted(seen.reply_days)[-2])
                    places.append(min(both, second) << 5 | CONNECTION + following)
        if self.followed_at is not None:
            places.append(self.followed_at // HOUR_MS << 5 | TENURE + engaged)
            places.append(ALWAYS << 5 | DATED + engaged)
        elif following:
            places.append(ALWAYS << 5 | UNDATED + engaged)
        return places


def _read(value: bytes) -> _Filed:
    if value[0] == PLAIN:
        filed = _Filed(Recency())
        filed.recency.see(stamps(value, 1))
        return filed
    parts = unpack(value)
    filed = _Filed(Recency(parts.summary, parts.cells), bool(parts.open_in), parts.followed_at)
    filed.recency.see(stamps(parts.log, 0))
    return filed
