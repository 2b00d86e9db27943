"""The course of the demo: which days of the world are played, and who plays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from streams.core.time import DAY_MS, HOUR_MS
from streams.sources import Sendable
from streams.synthetic import Cast, World


class Course(NamedTuple):
    """The first days of a world."""

    world: World
    days: int

    @property
    def cast(self) -> tuple[Cast, ...]:
        """The accounts."""
        return self.world.accounts

    @property
    def end(self) -> int:
        """The midnight after the last day, ms."""
        return self.world.start + self.days * DAY_MS

    def week(self, event: Sendable) -> int:
        """Which week an event belongs to, from 0."""
        return (event.at_ms - self.world.start) // (7 * DAY_MS)

    def day(self, now: datetime | None) -> int:
        """Which day it is, from 1; 0: none has begun."""
        if now is None:
            return 0
        day = (round(now.timestamp() * 1000) - self.world.start) // DAY_MS + 1
        return max(0, min(day, self.days))

    def date(self, now: datetime | None) -> str:
        """Return "Sunday 6 September 2026", in every locale."""
        now = now or datetime.fromtimestamp(self.world.start / 1000, UTC)
        return f"{_DAYS[now.weekday()]} {now.day} {_MONTHS[now.month - 1]} {now.year}"

    def date_of(self, clock: int) -> str:
        """Return the date of a clock, an hour."""
        return self.date(datetime.fromtimestamp(clock * HOUR_MS / 1000, UTC))


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
