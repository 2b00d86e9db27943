"""The worlds that the alerts are tried on, and when in them a divergence truly begins and shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from statistics import median
from typing import Final, NamedTuple

from streams.core.time import DAY_MS, HOUR_MS, WINDOWS, parse_at
from streams.synthetic import SCENARIOS as STORIES
from streams.synthetic import Cast, Phase, World, course, labels

DIVERGING: Final = ("begging", "slow-decline")
"""Scenarios in which replies fall while follows rise."""

SCENARIOS: Final = (
    *DIVERGING,
    "organic",
    "both-rise",
    "bought",
    "holiday",
    "odd-week",
    "owner-stops-answering",
    "quiet-fortnight",
    "source-outage",
    "viral",
)
"""All that are tried."""

WATCHED_FROM: Final = 28
"""The day from which a world is watched: before, no account has the four weeks to compare with."""

FALLS, RISES = 0.7, 1.3
"""What counts as a divergence: fixed, whatever the thresholds of the rules under trial are."""

_DAYS: Final[Mapping[str, int]] = {"slow-decline": 91, "odd-week": 84}  # others: 70
_FIRST_DAY: Final = "2026-01-05"


MEANT: Final[Mapping[str, Callable[[Phase], bool]]] = {
    "NewFollowersStayHollow": lambda phase: phase.hollow is not None,
    "FollowBurstWithoutEngagement": lambda phase: phase.hollow is not None and phase.follows > 2,
    "PeopleWaitForAnswers": lambda phase: phase.answers < 1,
}
"""The other alerts, and what each of them is meant to tell."""


class Trial(NamedTuple):
    """One account with a story of its own."""

    scenario: str
    weekly: int
    """Likes, shares and replies received in an ordinary week."""
    seed: int

    @property
    def name(self) -> str:
        """The id of the account."""
        return f"{self.scenario}-{self.weekly}-{self.seed}"

    @property
    def world(self) -> World:
        """All that happens to it; whoever else is there changes nothing of that."""
        return installation([self])

    @property
    def days(self) -> int:
        """How long its world is."""
        return _DAYS.get(self.scenario, 70)

    @property
    def alone(self) -> bool:
        """Whether its source fails: that is to be a whole topic, in an installation of its own."""
        return any(phase.lost for phase in STORIES[self.scenario].phases)


def installation(trials: Sequence[Trial]) -> World:
    """A world of some accounts whose worlds are equally long; their ids give them their chance."""
    (days,) = {trial.days for trial in trials}
    casts = (Cast(trial.name, trial.name, "", trial.scenario, trial.weekly) for trial in trials)
    return World(1, _FIRST_DAY, days, tuple(casts))


class Truth(NamedTuple):
    """A divergence, in ms since the epoch.

    Attributes:
        since: its label begins.
        shows: the first hour in which the noise-free counts of 7 days are below `FALLS` and above
            `RISES` times the median of the four weeks before, or those of 28 days likewise
            compared with the 28 days before.
    """

    since: int
    shows: int


def begins(trial: Trial, alert: str) -> int | None:
    """When that begins which one of the other alerts is meant to tell: ms, if it does."""
    world = trial.world
    turn = world.turn(world.accounts[0])
    days = [turn + phase.begins for phase in STORIES[trial.scenario].phases if MEANT[alert](phase)]
    return world.start + min(days) * DAY_MS if days else None


def truth(world: World) -> Truth | None:
    """The divergence in a world of one account, if there is one."""
    for label in labels(world):
        if label.diverges:
            return Truth(parse_at(label.since), _shows(world))
    return None


def _shows(world: World) -> int:
    days = course(world, world.accounts[0])
    # By hour, what was meant to come until then.
    replies, follows = (
        list(accumulate((each / 24 for each in daily for _ in range(24)), initial=0.0))
        for daily in ([day.replies for day in days], [day.follows for day in days])
    )
    for hour in range(WATCHED_FROM * 24, len(replies)):
        for hours, ago in ((WINDOWS["7d"], (1, 2, 3, 4)), (WINDOWS["28d"], (1,))):
            if hour >= hours * (ago[-1] + 1) and (
                _change(replies, hour, hours, ago) < FALLS
                and _change(follows, hour, hours, ago) > RISES
            ):
                return world.start + hour * HOUR_MS
    raise ValueError(f"the divergence of {world.accounts[0].id} never shows")


def _change(until: list[float], hour: int, hours: int, ago: tuple[int, ...]) -> float:
    now, *before = (
        until[hour - weeks * hours] - until[hour - (weeks + 1) * hours] for weeks in (0, *ago)
    )
    return now / median(before)
