"""Labels: what truly happened in a world, to whom, and when."""

from __future__ import annotations

from typing import NamedTuple

from streams.core.time import DAY_MS, format_ms
from streams.synthetic.cast import World


class Label(NamedTuple):
    """The truth about a stretch of time of one account.

    Attributes:
        account: its id.
        scenario: a name of `SCENARIOS`.
        what: what happened, in words.
        since, until: RFC 3339 in UTC, midnights; `until` excluded.
        diverges: whether replies fell while follows rose.
    """

    account: str
    scenario: str
    what: str
    since: str
    until: str
    diverges: bool


def labels(world: World) -> list[Label]:
    """Everything that happened, by account and time; what is not labelled was ordinary life."""
    found: list[Label] = []
    for cast in world.accounts:
        turn = world.turn(cast)
        for phase in world.scenario(cast).phases:
            begins = turn + phase.begins
            ends = world.days if phase.lasts is None else min(begins + phase.lasts, world.days)
            if begins >= ends:
                continue
            label = Label(
                cast.id,
                cast.scenario,
                phase.what,
                format_ms(world.start + begins * DAY_MS),
                format_ms(world.start + ends * DAY_MS),
                phase.diverges,
            )
            last = found[-1] if found else None
            if last and label._replace(since=last.since, until=last.until) == last:
                label = label._replace(since=found.pop().since)
            found.append(label)
    return found
