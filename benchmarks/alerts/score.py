"""What fired against what was true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from math import ceil
from typing import NamedTuple

from benchmarks.alerts.trials import Outcome
from benchmarks.alerts.worlds import WATCHED_FROM, Trial, Truth, begins, truth
from streams.core.time import DAY_MS, HOUR_MS

SOON_HOURS = 24
"""How late a divergence may be told."""


class Score(NamedTuple):
    """What one rule, or several together, made of some worlds.

    Attributes:
        diverging: worlds in which replies fall while follows rise.
        found: how many of them were told after they began.
        soon: how many of them within `SOON_HOURS` of the hour in which it shows.
        delays: hours from that hour, of those found; below 0 if chance showed it sooner.
        since_label: hours from the beginning of the label.
        false: how often it began to fire where nothing diverges, or not yet.
        years: account-years in which that could happen.
        told: worlds in which it fired at all, by right or not.
    """

    diverging: int
    found: int
    soon: int
    delays: Sequence[float]
    since_label: Sequence[float]
    false: int
    years: float
    told: int

    @property
    def recall(self) -> float:
        """The part of the divergences that was found in time."""
        return self.soon / self.diverging

    @property
    def false_a_year(self) -> float:
        """False ones per account-year."""
        return self.false / self.years

    @property
    def precision(self) -> float | None:
        """The part of what was told that was true, if anything was."""
        told = self.found + self.false
        return self.found / told if told else None


def score(outcomes: Iterable[Outcome], rules: Iterable[str]) -> Score:
    """Of worlds, by name of the rules: each may tell it."""
    names = list(rules)
    diverging = found = false = told = 0
    years = 0.0
    delays, since_label = [], []
    for outcome in outcomes:
        true, calm_days = facts(outcome.trial)
        fired = sorted(at for name in names for at in outcome.fired[name])
        by_right = [at for at in fired if true and at >= true.since]
        false += len(fired) - len(by_right)
        years += calm_days / 365.25
        told += bool(fired)
        if true:
            diverging += 1
            if by_right:
                found += 1
                delays.append((by_right[0] - true.shows) / HOUR_MS)
                since_label.append((by_right[0] - true.since) / HOUR_MS)
    soon = sum(delay <= SOON_HOURS for delay in delays)
    return Score(diverging, found, soon, delays, since_label, false, years, told)


class Told(NamedTuple):
    """What one of the other alerts made of some worlds.

    Attributes:
        meant: worlds in which that happens which it is for.
        found: how many of these were told then.
        false: how often it began to fire otherwise.
        years: account-years in which that could happen.
    """

    meant: int
    found: int
    false: int
    years: float


def tell(outcomes: Iterable[Outcome], alert: str) -> Told:
    """Of worlds, by the name of one of the other alerts."""
    meant = found = false = 0
    days = 0.0
    for outcome in outcomes:
        world = outcome.trial.world
        since = begins(outcome.trial, alert)
        by_right = [at for at in outcome.fired[alert] if since is not None and at >= since]
        meant += since is not None
        found += bool(by_right)
        false += len(outcome.fired[alert]) - len(by_right)
        ends = world.end if since is None else since
        days += (ends - world.start) / DAY_MS - WATCHED_FROM
    return Told(meant, found, false, days / 365.25)


@cache
def facts(trial: Trial) -> tuple[Truth | None, float]:
    """The divergence of a world, and for how many days it is watched without one."""
    world = trial.world
    true = truth(world)
    ends = true.since if true else world.end
    return true, (ends - world.start) / DAY_MS - WATCHED_FROM


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed; an actual one."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]
