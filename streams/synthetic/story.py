"""All events of a world, in the order of their times."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from operator import attrgetter

from schemas.events import Event
from streams.synthetic.cast import World
from streams.synthetic.life import Life


def events(world: World) -> Iterator[Event]:
    """Every event of a world, in the order of `at`; no ticks: whoever replays them sends those."""
    for lives in zip(*(Life(world, cast).days() for cast in world.accounts), strict=True):
        day = list(chain.from_iterable(lives))
        day.sort(key=attrgetter("at"))
        yield from day
