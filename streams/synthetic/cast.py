"""Who plays: the accounts of a world, and the people around them."""

from __future__ import annotations

from functools import cached_property
from random import Random
from typing import NamedTuple

import msgspec

from streams.core.time import DAY_MS, parse_at
from streams.synthetic.scenarios import SCENARIOS, Scenario

_LAST_MS = parse_at("2199-12-31T00:00:00Z")


class Defects(NamedTuple):
    """What goes wrong on the way, as shares of all events: from 0 to 1 each.

    Attributes:
        duplicates: sent twice.
        late: something that comes so late that it is too old for any window.
        misrouted: in a partition where it does not belong.
        malformed: something beside it that is no event.
    """

    duplicates: float = 0.0
    late: float = 0.0
    misrouted: float = 0.0
    malformed: float = 0.0


class Cast(NamedTuple):
    """One account and its part.

    Attributes:
        id, name, group: as in the accounts file.
        scenario: a name of `SCENARIOS`.
        weekly: about how many likes, shares and replies it receives in an ordinary week.
        turn: the day (from 0) of the scenario's turn; None is where the scenario says, give or
            take three days.
        surge: the follows of its first phase, instead of the scenario's: a factor.
    """

    id: str
    name: str
    group: str
    scenario: str
    weekly: float = 1000.0
    turn: int | None = None
    surge: float | None = None


class World(msgspec.Struct, frozen=True, dict=True):
    """Accounts over a number of days, from midnight UTC; whoever has it has all of its events.

    Attributes:
        seed: another seed, another world of the same kind.
        first_day: `YYYY-MM-DD`.
        days: how many.
        accounts: their ids differ.
        defects: what goes wrong on the way.

    Raises:
        ValueError: no such day, scenario, or size; the message says which.
    """

    seed: int
    first_day: str
    days: int
    accounts: tuple[Cast, ...]
    defects: Defects = Defects()

    def __post_init__(self) -> None:
        if self.days < 1:
            raise ValueError(f"a world of {self.days} days")
        if self.end > _LAST_MS:
            raise ValueError(f"{self.days} days from {self.first_day} do not end before 2200")
        if len({cast.id for cast in self.accounts}) < len(self.accounts):
            raise ValueError("two accounts have the same id")
        for cast in self.accounts:
            if cast.scenario not in SCENARIOS:
                raise ValueError(f"no scenario is called {cast.scenario!r}")
            if cast.weekly < 0:
                raise ValueError(f"{cast.weekly} interactions a week")

    @cached_property
    def start(self) -> int:
        """The first midnight, ms."""
        return parse_at(f"{self.first_day}T00:00:00Z")

    @property
    def end(self) -> int:
        """The midnight after the last day, ms."""
        return self.start + self.days * DAY_MS

    def random(self, what: str) -> Random:
        """Chance of its own for each account and purpose: another account changes no other."""
        return Random(f"{self.seed}/{what}")  # noqa: S311  people are invented here, not secrets

    def scenario(self, cast: Cast) -> Scenario:
        """The scenario of an account, with what the cast says differently."""
        scenario = SCENARIOS[cast.scenario]
        if cast.surge is None:
            return scenario
        first, *others = scenario.phases
        return scenario._replace(phases=(first._replace(follows=cast.surge), *others))

    def turn(self, cast: Cast) -> int:
        """The day on which the scenario of an account takes its turn."""
        if cast.turn is not None:
            return cast.turn
        about = SCENARIOS[cast.scenario].turn
        if not about:
            return 0
        astray = int(self.random(f"turn of {cast.id}").random() * 7) - 3
        return max(0, int(self.days * about) + astray)
