"""What is meant to happen on each day: the truth before chance has its say."""

from __future__ import annotations

from typing import NamedTuple

from streams.core.time import DAY_MS
from streams.synthetic.cast import Cast, World
from streams.synthetic.rhythm import WEEK, weekday
from streams.synthetic.scenarios import Phase


class Day(NamedTuple):
    """One day of an account, in expected events and in chances from 0 to 1.

    Attributes:
        likes, shares, replies, follows: inbound, of that day.
        answers: the chance that a reply of that day is answered.
        leaves, hollow: of the followers of that day, see `Phase`.
        lost: kinds whose events never arrive.
    """

    likes: float
    shares: float
    replies: float
    follows: float
    answers: float
    leaves: float
    hollow: float
    lost: frozenset[str]


def course(world: World, cast: Cast) -> list[Day]:
    """The days of an account, in their order."""
    turn = world.turn(cast)
    habits, phases = world.scenario(cast).habits, world.scenario(cast).phases
    before = _ORDINARY
    days = []
    for number in range(world.days):
        phase = _current(phases, number - turn)
        now = _factors(phase, number - turn, before)
        if phase is None or number - turn == phase.begins + (phase.lasts or 0) - 1:
            before = now
        a_day = cast.weekly / 7 * WEEK[weekday(world.start + number * DAY_MS)]
        days.append(
            Day(
                likes=a_day * habits.likes * now.likes,
                shares=a_day * habits.shares * now.likes,
                replies=a_day * habits.replies * now.replies,
                follows=a_day * habits.follows * now.follows,
                answers=habits.answers * now.answers,
                leaves=phase.leaves if phase else 0.0,
                hollow=habits.hollow if phase is None or phase.hollow is None else phase.hollow,
                lost=phase.lost if phase else frozenset(),
            )
        )
    return days


class _Factors(NamedTuple):
    likes: float
    replies: float
    follows: float
    answers: float


_ORDINARY = _Factors(1.0, 1.0, 1.0, 1.0)


def _current(phases: tuple[Phase, ...], since_turn: int) -> Phase | None:
    """The phase of a day; two never meet."""
    for phase in phases:
        if since_turn >= phase.begins and (
            phase.lasts is None or since_turn < phase.begins + phase.lasts
        ):
            return phase
    return None


def _factors(phase: Phase | None, since_turn: int, before: _Factors) -> _Factors:
    if phase is None:
        return _ORDINARY
    target = _Factors(phase.likes, phase.replies, phase.follows, phase.answers)
    if not phase.gradual or phase.lasts is None:
        return target
    way = (since_turn - phase.begins + 1) / phase.lasts
    return _Factors(*(b + (t - b) * way for b, t in zip(before, target, strict=True)))
