"""A relationship as it stood at an earlier clock, from what it remembers now.

It is made of the interactions of hours up to that clock, from the log and from the counts by hour
of evicted ones, and of the follow starts and ends up to then. What was removed since is as if it
had never been, also then. A seeded follow was there before anybody looked, so at any clock; open
outbound follows are those of now.

How far back it is exact, with the tables at the clock `now`: following, counts and totals to
`now - DEPTH`; what looks back over a horizon itself (stage, active days, the census) to
`deepest(now)`. Of a relationship that never evicted anything, to any clock. Two things are not
known exactly: the time within its hour of an evicted interaction or an ended follow, and when a
follow that ended later had begun, if that was before `now - DEPTH`.
"""

from collections import Counter

from streams.core import cells as hourly
from streams.core.kinds import INTERACTIONS, SHARE_OUT, SIDES
from streams.core.packing import ENTRY, ID, Parts, Summary, stamps
from streams.core.relationship import Relationship, Strength, decay, weights
from streams.core.time import DEPTH, HORIZON, HOUR_MS, hour_of

Cells = list[tuple[int, int, int]]
"""Hour, thing and count of each cell."""

_AN_ID = bytes(ID)
"""Stands for the follow ids that were open then, which nobody remembers."""


def deepest(now: int) -> int:
    """The earliest clock at which a stage is exact: a horizon and the rest of its first day."""
    return now - DEPTH + HORIZON + 23


def as_it_stood(relationship: Relationship, clock: int, strength: Strength) -> Relationship:
    """The relationship at the end of the hour `clock`, to be asked with that clock."""
    then: Cells = []
    since: Cells = []
    for cell in hourly.each(relationship.cells):
        (then if cell[0] <= clock else since).append(cell)
    followed_at = relationship.followed_at
    started_since = followed_at is not None and hour_of(followed_at) > clock
    # Starts and ends take turns: going back over those since tells how it was.
    started = _count(since, hourly.STARTED) + started_since
    following = relationship.following - started + _count(since, hourly.ENDED) > 0
    if not following:
        followed_at = None
    elif started_since or _count(since, hourly.ENDED):
        followed_at = _reopen(then)
    return Relationship(
        Parts(
            followed_at=followed_at,
            open_in=(relationship.open_in or _AN_ID) if following else b"",
            open_out=relationship.open_out,
            summary=relationship.summary and _without(relationship.summary, then, since, strength),
            cells=hourly.packed(then),
            log=_log(relationship.log, clock),
        )
    )


def _count(cells: Cells, thing: int) -> int:
    return sum(n for _, counted, n in cells if counted == thing)


def _reopen(then: Cells) -> int | None:
    """Take the last start out of the cells, as that of an open follow is not in them; its time."""
    starts = [cell for cell in then if cell[1] == hourly.STARTED]
    last = max(starts, default=(-1, 0, 0))
    if any(hour > last[0] for hour, thing, _ in then if thing == hourly.ENDED) or last[0] < 0:
        return None  # it had no start that counts: seeded, or too long ago
    hour, thing, n = last
    then.remove(last)
    if n > 1:
        then.append((hour, thing, n - 1))
    return hour * HOUR_MS


def _without(summary: Summary, then: Cells, since: Cells, strength: Strength) -> Summary | None:
    """What the summary would be, had the interactions of these cells not been evicted into it."""
    gone: Counter[int] = Counter()
    faded = 0.0
    for hour, code, n in since:
        if code <= SHARE_OUT:
            gone[code] += n
            faded += n * weights(strength)[code] * decay(summary.day - hour // 24, strength)
    if not gone:
        return summary
    totals = tuple(n - gone[code] for code, n in enumerate(summary.totals))
    if not any(totals):
        return None
    first = tuple(
        at if any(totals[code] for code in side) else -1
        for side, at in zip(SIDES, summary.first, strict=True)
    )
    last = [-1] * len(INTERACTIONS)
    for code, n in enumerate(totals):
        if n and gone[code]:
            hours = (hour for hour, thing, _ in then if thing == code)
            # What no cell knows any more is at least as late as the first of its side.
            last[code] = max(hours, default=-1) * HOUR_MS
            last[code] = max(last[code], first[0 if code in SIDES[0] else 1])
        elif n:
            last[code] = summary.last[code]
    return Summary(totals, tuple(last), first, max(summary.strength - faded, 0.0), summary.day)


def _log(log: bytes, clock: int) -> bytes:
    end = (clock + 1) * HOUR_MS << 3
    found = stamps(log, 0)
    if max(found, default=-1) < end:
        return log
    return b"".join(
        log[at * ENTRY : (at + 1) * ENTRY] for at, stamp in enumerate(found) if stamp < end
    )
