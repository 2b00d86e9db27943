"""One relationship explained: why it stands where it stands, and what would take it further."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from streams.core import cells
from streams.core.kinds import INTERACTIONS, LIKE_IN, REPLY_IN, REPLY_OUT
from streams.core.packing import ENTRY, Parts, codes, hash_of
from streams.core.relationship import Relationship, Stage, Strength
from streams.core.time import HORIZON, HOUR_MS, hour_of, last_hour

CONNECTION, CONVERSATION, FAN = Stage.CONNECTION, Stage.CONVERSATION, Stage.FAN


def rule(relationship: Relationship, clock: int) -> str:
    """Say which rule makes its stage hold (`Relationship.stage`)."""
    stage, seen = relationship.stage(clock), relationship.recency()
    days = len([day for day in seen.reply_days if last_hour(day) > clock - HORIZON])
    if stage is CONNECTION:
        return f"replies both ways in the last 28 days, on {days} of them (2 are enough)"
    if stage is CONVERSATION:
        if _lately(seen.reply_out, clock):
            return "replies both ways in the last 28 days, but all on one day"
        return "they replied in the last 28 days, you did not"
    if stage is FAN:
        return "they liked or shared in the last 28 days, and did not reply"
    if stage is Stage.LAPSED:
        return "they engaged once, but not in the last 28 days"
    if stage is Stage.PASSIVE:
        return "they follow, and never liked, shared or replied"
    return "they do not follow, and never liked, shared or replied"


def next_step(relationship: Relationship, clock: int, strength: Strength) -> str | None:
    """Say what would take it to a higher stage; None: nothing is above a connection.

    Found by trying each step on a copy, so it cannot contradict the rules.
    """

    def after(code: int) -> Stage:
        then = Relationship.unpack(relationship.pack())
        then.add(hash_of(code, "what if"), code, clock * HOUR_MS, clock, strength)
        return then.stage(clock)

    stage = relationship.stage(clock)
    if stage is CONNECTION:
        return None
    if stage is CONVERSATION:
        if after(REPLY_OUT) is not CONNECTION:
            if _lately(relationship.recency().reply_out, clock):
                return "a reply on one more day, yours or theirs, makes it a connection"
            return "your answer, and a reply on one more day, make it a connection"
        if after(REPLY_IN) is CONNECTION:
            return "one more reply, yours or theirs, makes it a connection"
        return "your answer makes it a connection"
    reply = f"a reply from them makes it a {after(REPLY_IN)}"
    if stage is FAN:
        return reply
    return f"{reply}, a like or share a {after(LIKE_IN)}"


def lasts_until(relationship: Relationship, clock: int) -> int | None:
    """Until when (ms) it keeps its stage if nothing happens; None: for as long as nothing does."""
    stage, seen = relationship.stage(clock), relationship.recency()
    last = {CONVERSATION: seen.reply_in, FAN: seen.inbound}.get(stage)
    hours = [] if last is None else [hour_of(last)]
    if stage is CONNECTION:
        second = sorted(seen.reply_days)[-2]
        hours = [hour_of(seen.reply_in), hour_of(seen.reply_out), last_hour(second)]
    return (min(hours) + HORIZON) * HOUR_MS if hours else None


class Portion(NamedTuple):
    """What one kind of interaction, in one direction, adds to the strength."""

    kind: str
    direction: str
    strength: float


def consists_of(
    relationship: Relationship, clock: int, strength: Strength
) -> tuple[list[Portion], float]:
    """What the strength is made of: shares by kind and direction, and that of evicted ones."""
    log = relationship.log
    shares = []
    for code, (kind, direction) in enumerate(INTERACTIONS):
        of_code = b"".join(
            log[place * ENTRY : (place + 1) * ENTRY]
            for place, found in enumerate(codes(log, 0))
            if found == code
        )
        alone = Relationship(Parts(log=of_code))
        shares.append(Portion(kind, direction, alone.strength(clock, strength)))
    evicted = Relationship(Parts(summary=relationship.summary))
    return shares, evicted.strength(clock, strength)


def timeline(relationship: Relationship) -> list[tuple[int, str]]:
    """First and last times, and what is remembered of follows: ms and what was then, in order.

    Follows that ended are known by the hour, for 56 days.
    """
    seen = relationship.recency()
    moments: dict[int, list[str]] = defaultdict(list)
    for hour, thing, n in cells.each(relationship.cells):
        if thing in {cells.STARTED, cells.ENDED}:
            what = "followed" if thing == cells.STARTED else "unfollowed"
            moments[hour * HOUR_MS].append(what if n == 1 else f"{what} {n} times")
    for at, what in (
        (relationship.followed_at, "followed, and follows since"),
        (relationship.first_inbound_at, "first heard from them"),
        (relationship.first_outbound_at, "first heard from you"),
        (seen.reply_in, "their last reply"),
        (seen.reply_out, "your last reply"),
        (relationship.last_inbound_at, "last heard from them"),
        (relationship.last_outbound_at, "last heard from you"),
    ):
        if at is not None and at >= 0:
            moments[at].append(what)
    return [(at, "; ".join(moments[at])) for at in sorted(moments)]


def _lately(at: int, clock: int) -> bool:
    return at >= 0 and hour_of(at) > clock - HORIZON
