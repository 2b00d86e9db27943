"""An audience that lives: few come often, people warm, cool and lapse, others take their place."""

from __future__ import annotations

from typing import NamedTuple

from streams.synthetic.rhythm import Dice

_LIFE_DAYS = (2, 5, 9, 14, 20, 28, 40, 60, 90, 150, 400)
"""How long a reason to come by lasts: deciles."""

_MOST_REASONS = 40


class Urn:
    """An urn with a token for every reason that somebody has to come by.

    Who holds many is drawn often. New members put in few or many (one in n puts in n or more, so
    the tail is heavy); who is answered adds one; each wears out on a day of its own, so people cool
    before they lapse. How often is drawn is not the urn's affair.
    """

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._tokens: list[tuple[int, str]] = []  # the last day it counts, and whose it is

    def join(self, member: str, day: int) -> None:
        """Put in the tokens of somebody new."""
        for _ in range(min(int(1 / (1 - self._dice())), _MOST_REASONS)):
            self.warm(member, day)

    def warm(self, member: str, day: int) -> None:
        """Put in one token."""
        where = self._dice() * 10
        decile = int(where)
        low, high = _LIFE_DAYS[decile], _LIFE_DAYS[decile + 1]
        self._tokens.append((day + int(low + (high - low) * (where - decile)), member))

    def draw(self, day: int) -> str | None:
        """Somebody, who keeps the token; None if nobody has any reason left."""
        tokens, dice = self._tokens, self._dice
        while tokens:
            place = int(dice() * len(tokens))
            until, member = tokens[place]
            if until >= day:
                return member
            tokens[place] = tokens[-1]
            tokens.pop()
        return None


class Followers:
    """Who follows, under which id.

    Attributes:
        now: how many follow now.
    """

    def __init__(self, dice: Dice) -> None:
        self.now = 0
        self._dice = dice
        self._ids: dict[str, str] = {}
        self._names: list[str] = []

    def __contains__(self, member: str) -> bool:
        """Has this member ever followed?"""
        return member in self._ids

    def add(self, member: str, id: str) -> None:
        """Somebody who has never followed follows."""
        self._ids[member] = id
        self._names.append(member)
        self.now += 1

    def leave(self, member: str) -> str:
        """Somebody leaves: the id of the follow, empty if they have left before."""
        id, self._ids[member] = self._ids[member], ""
        if id:
            self.now -= 1
        return id

    def any(self) -> str | None:
        """Anybody who follows."""
        names = self._names
        while names:
            place = int(self._dice() * len(names))
            if self._ids[names[place]]:
                return names[place]
            names[place] = names[-1]
            names.pop()
        return None


class Follow(NamedTuple):
    """A follow that will end: when (ms), and whose it is."""

    until: int
    member: str
