"""What the lists and their sentences ask of a relationship beyond what it says of itself.

All of it is derived from the log, the evicted hours and the summary. What lies among the latest 64
interactions of a kind and direction is exact; what was evicted is known by the hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from streams.core import cells
from streams.core.hindsight import as_it_stood
from streams.core.kinds import INTERACTIONS, REPLY_IN, SHARE_OUT, SIDES
from streams.core.packing import stamps
from streams.core.relationship import Relationship, Strength
from streams.core.time import DEPTH, HORIZON, HOUR_MS, day_of, hour_of

INBOUND, OUTBOUND = SIDES


class Waiting(NamedTuple):
    """How long a member has been waiting for our answer.

    Attributes:
        since: their first reply of the horizon that is later than our last one to them, ms.
        replies: how many such replies there are.
        last: the latest of them, ms.
    """

    since: int
    replies: int
    last: int


def waiting(relationship: Relationship, clock: int) -> Waiting | None:
    """Since when the member waits for our answer; None: they do not (`Relationship.awaiting`)."""
    if not relationship.awaiting(clock):
        return None
    seen = relationship.recency()
    begin = max(seen.reply_out + 1, (clock - HORIZON + 1) * HOUR_MS)
    replies = [(at, n) for code, at, n in _remembered(relationship, begin) if code == REPLY_IN]
    return Waiting(min(replies)[0], sum(n for _, n in replies), seen.reply_in)


class Heard(NamedTuple):
    """What a member did, and on how many days.

    Attributes:
        counts: how many by kind.
        days: UTC days with one of them, as far as they are remembered.
        all_days: whether these are all.
    """

    counts: dict[str, int]
    days: int
    all_days: bool = True


def heard(relationship: Relationship) -> Heard:
    """All that the member ever did."""
    remembered = heard_since(relationship, 0)
    totals = relationship.counts(0)["inbound"]
    counts = {kind: totals[kind]["total"] for kind in remembered.counts}
    return Heard(counts, remembered.days, counts == remembered.counts)


def heard_since(relationship: Relationship, since: int) -> Heard:
    """What the member did from a time (ms) on that is remembered one by one or by the hour."""
    counts = {INTERACTIONS[code][0]: 0 for code in INBOUND}
    days = set()
    for code, at, n in _remembered(relationship, since):
        if code in INBOUND:
            counts[INTERACTIONS[code][0]] += n
            days.add(day_of(at))
    return Heard(counts, len(days))


def strength_when_last_heard(
    relationship: Relationship, clock: int, strength: Strength
) -> float | None:
    """The strength at the end of the hour of the member's last interaction; None: never heard.

    What we did later is left out: courting those who have gone silent does not keep them strong.
    """
    last = relationship.last_inbound_at
    if last is None:
        return None
    hour = hour_of(last)
    if hour_of(relationship.last_outbound_at or 0) <= hour:  # nothing to leave out: most of them
        return relationship.strength(hour, strength)
    then = as_it_stood(relationship, hour, strength)
    summary = relationship.summary
    if summary is not None and hour_of(max(summary.last)) > hour and hour <= clock - DEPTH:
        # They went long ago, and since then we did more than the log keeps: what is evicted can no
        # longer be told apart, and aging all of it backwards would make a giant of them.
        then.summary = None
    return then.strength(hour, strength)


def _remembered(relationship: Relationship, since: int) -> Iterator[tuple[int, int, int]]:
    """Yield code, ms and count of interactions from a time on; evicted ones by the hour."""
    for stamp in stamps(relationship.log, 0):
        if stamp >> 3 >= since:
            yield stamp & 7, stamp >> 3, 1
    for hour, thing, n in cells.each(relationship.cells):
        # Of the hour that holds `since` all evicted ones are taken for later.
        if thing <= SHARE_OUT and hour >= hour_of(since):
            yield thing, max(hour * HOUR_MS, since), n
