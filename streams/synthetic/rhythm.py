"""When things happen: the day's and the week's rhythm, delays, and how often on one day.

Only `Random.random` and arithmetic that IEEE 754 rounds alike everywhere (no logarithm, no sine):
the same seed gives the same world on every machine and Python.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Final

from streams.core.time import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, format_ms

Dice = Callable[[], float]
"""`Random.random`: from 0 to 1, 1 excluded."""

WEEK: Final = (1.02, 1.08, 1.12, 1.10, 1.00, 0.76, 0.92)
"""How lively the days are, Monday first; 1 is the mean."""

_DAY: Final = (
    2,
    1,
    1,
    1,
    1,
    2,
    5,
    9,
    11,
    12,
    12,
    13,
    15,
    13,
    11,
    11,
    12,
    14,
    17,
    20,
    21,
    18,
    11,
    6,
)
"""How lively the hours are, in an account's own time: nights are quiet, evenings are not."""

ANSWER_MINUTES: Final = (1, 4, 9, 16, 28, 45, 75, 130, 260, 700, 2200)
"""How long an answer takes: deciles. The shape is log-normal: half within the hour, some days."""

RETURN_MINUTES: Final = (2, 7, 20, 50, 120, 300, 700, 1300, 2400, 4300, 9000)
"""How long until somebody who was answered speaks again: deciles, up to six days."""

REGRET_MINUTES: Final = (0.05, 0.1, 0.2, 0.5, 1, 3, 10, 60, 300, 900, 3000)
"""How long until something is taken back: deciles."""


def hours_of_day(phase: int) -> list[int]:
    """The UTC hours of a day, each as often as it is lively; `phase` is the UTC offset."""
    return [(hour - phase) % 24 for hour, weight in enumerate(_DAY) for _ in range(weight)]


def moment(dice: Dice, hours: list[int]) -> int:
    """A moment of the day, in ms after midnight."""
    return hours[int(dice() * len(hours))] * HOUR_MS + int(dice() * HOUR_MS)


def weekday(ms: int) -> int:
    """The day of the week, 0 is Monday."""
    return (ms // DAY_MS + 3) % 7  # 1970 began on a Thursday


def delay(dice: Dice, deciles: tuple[float, ...]) -> int:
    """A delay in ms, at least a second."""
    where = dice() * 10
    decile = int(where)
    low, high = deciles[decile], deciles[decile + 1]
    return SECOND_MS + int((low + (high - low) * (where - decile)) * MINUTE_MS)


def times(dice: Dice, rate: float) -> int:
    """How often something happens that happens `rate` times on the average: Poisson, nearly."""
    if rate > 30:
        bell = sum(dice() for _ in range(12)) - 6  # variance 1, as that of a uniform is 1/12
        return max(0, int(rate + sqrt(rate) * bell + 0.5))
    chances = int(rate * 20) + 1
    chance = rate / chances
    return sum(dice() < chance for _ in range(chances))


class Stamps(dict[int, str]):
    """Times as text, as `format_ms` writes them, in a third of the time: hours are remembered."""

    def __missing__(self, hour: int) -> str:
        text = self[hour] = format_ms(hour * HOUR_MS)[:13]
        return text

    def at(self, ms: int) -> str:
        """RFC 3339 in UTC with three decimals."""
        hour, rest = divmod(ms, HOUR_MS)
        second, milli = divmod(rest, SECOND_MS)
        return self[hour] + _SECONDS[second] + _MILLIS[milli]


_SECONDS = [f":{s // 60:02d}:{s % 60:02d}" for s in range(3600)]
_MILLIS = [f".{ms:03d}Z" for ms in range(1000)]
