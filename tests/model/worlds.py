"""Worlds: short histories, made up at random, that walk along every edge the design draws.

A world is a list of moves; `tell` turns moves into canonical events. `random_moves` draws them by
seed, `moves()` is the same for Hypothesis, which shrinks a failing world to a few moves. Few
accounts, members and ids make collisions common: duplicates, removals that hit, ids used again.
"""

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any, NamedTuple

from hypothesis import strategies as st
from kafka.partitioner.default import murmur2

Event = dict[str, Any]
Hours = tuple[int, ...]

HOUR_MS = 3_600_000
BEGINNING = 1_767_225_600_000 // HOUR_MS  # 2026-01-01T00Z, an hour that begins a day
KINDS = ("like", "reply", "share", "follow", "tick")
# How many hours ago: the edges of windows, bands, horizon, depth, and of the days within them.
EDGES = (
    *(0, 1, 23, 24, 25, 71, 72, 73, 167, 168, 169, 335, 336, 504, 648, 649, 671, 672, 673),
    *(695, 696, 839, 840, 1343, 1344, 1345, 2159, 2160, 2161, 5000),
)
# How time goes on between moves. Each world keeps one pace: windows fill only where time is slow.
PACES = (
    (0, 0, 0, 1),  # hours
    (0, 0, 0, 1, 2, 23, 24),  # weeks
    (0, 0, 1, 24, 167, 168, 336),  # seasons
    (0, 0, 0, 0, 1, 24, 671, 672, 1344, 2160),  # leaps
)
# Who is there: one member at length, a few, or many of whom little is known.
CROWDS = ((0,), (0, 0, 1, 2), tuple(range(12)))
# Within the hour, in ms; the last one is the edge that rounding would cross.
MOMENTS = (0, 1, 1_800_000, HOUR_MS - 1)
# How a time is written: to the ms in UTC, with digits to be cut off, with an offset.
STYLES = ("plain", "finer", "offset")
# How many of the same at once: more than 64 push the first ones out of the log.
BURSTS = (1,) * 20 + (3, 63, 66)


class Move(NamedTuple):
    """Somebody does something `ago` hours before now, `step` hours after the last move.

    In both directions, it happens in the same millisecond.
    """

    kind: str
    op: str
    direction: str
    account: int
    member: int
    id: int
    step: int
    ago: int
    moment: int
    style: str
    burst: int
    seeded: bool


def _choices(pace: Hours, crowd: tuple[int, ...], bursty: bool) -> dict[str, tuple[Any, ...]]:
    """What each field of a move is drawn from; the more often it stands there, the likelier."""
    return _CHOICES | {"step": pace, "member": crowd, "burst": BURSTS if bursty else (1,)}


_CHOICES: dict[str, tuple[Any, ...]] = {
    "kind": ("like", "reply", "reply", "share", "follow", "follow", "tick"),
    "op": ("add", "add", "remove"),
    "direction": ("inbound", "inbound", "outbound", "both"),
    "account": (0, 0, 1),
    "id": (*range(4), *range(40)),
    "ago": (0,) * 25 + tuple(range(24, 672, 24)) + EDGES,
    "moment": MOMENTS,
    "style": STYLES,
    "burst": BURSTS,
    "seeded": (False, False, False, True),
}


def random_moves(seed: int, n: int = 300) -> list[Move]:
    """The moves of world number `seed`: 24 in a row have every pace, crowd and burstiness."""
    chance = random.Random(seed)
    kinds_of_world = tuple(product(PACES, CROWDS, (False, True)))
    choices = _choices(*kinds_of_world[seed % len(kinds_of_world)])
    return [
        Move(**{field: chance.choice(values) for field, values in choices.items()})
        for _ in range(n)
    ]


def moves(max_size: int = 40) -> st.SearchStrategy[list[Move]]:
    """Moves for Hypothesis: each field's simplest choices first, as it shrinks towards them."""
    kinds_of_world = st.tuples(st.sampled_from(PACES), st.sampled_from(CROWDS), st.booleans())
    return kinds_of_world.map(lambda kind: _choices(*kind)).flatmap(
        lambda choices: st.lists(
            st.builds(Move, **{field: st.sampled_from(c) for field, c in choices.items()}),
            min_size=1,
            max_size=max_size,
        )
    )


def tell(story: Iterable[Move], beginning: int = BEGINNING) -> Iterator[Event]:
    """The canonical events of a story, in arrival order; a tick is for every partition."""
    now = beginning
    for move in story:
        now += move.step
        hour = max(now - move.ago, 0)  # no time is before 1970
        at = written(hour * HOUR_MS + move.moment, move.style)
        if move.kind == "tick":
            yield {"kind": "tick", "at": at}
            continue
        ids = 2 if move.kind == "follow" else 40  # so few that follows end now and then
        directions = ("inbound", "outbound") if move.direction == "both" else (move.direction,)
        for direction, i in product(directions, range(move.burst)):
            yield {
                "kind": move.kind,
                "op": move.op,
                "direction": direction,
                "id": str(move.id % ids + i),
                "account": f"brand-{move.account}",
                "member": f"fan-{move.member}",
                "at": at,
                "seeded": move.seeded,
            }


def written(ms: int, style: str = "plain") -> str:
    """A time in RFC 3339."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    if style == "offset":
        at = at.astimezone(timezone(timedelta(hours=-3, minutes=-30)))
    text = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return text[:-1] + "9999Z" if style == "finer" else text


def key_of(event: Mapping[str, Any]) -> bytes:
    """The record key of an event of a relationship."""
    return f"{event['account']} {event['member']}".encode()


def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's default partitioner puts a key; kafka-python's word for it, not ours."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def value_of(event: Mapping[str, Any]) -> bytes:
    """An event as it is on the wire."""
    return json.dumps(event).encode()
