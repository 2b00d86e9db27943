"""The events that every engine reads: seeded, in canonical form, and a recount of them.

Accounts and members are drawn by Zipf's law (a few of either have most of the events) or uniformly,
where nearly every event begins a relationship of its own: the worst case for whatever coalesces.
Half of the members are named as on Bluesky, half as on Mastodon.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from streams.core.placement import relationship_key
from streams.core.time import DAY_MS, HORIZON, HOUR_MS, format_ms, parse_at

START_MS = 1_772_323_200_000  # 2026-03-01
DAYS = 28
MEMBERS = 50_000
KINDS = ("like",) * 60 + ("reply",) * 20 + ("share",) * 12 + ("follow",) * 8
OUTBOUND = 0.1
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class Shape(NamedTuple):
    """What a set of events looks like.

    Attributes:
        exponent: of Zipf's law for accounts and members alike; 0 is uniform.
        accounts: how many there are.
    """

    exponent: float
    accounts: int = 200


SHAPES = {"zipf": Shape(1.0), "uniform": Shape(0.0)}


class Message(NamedTuple):
    """One event as it is sent."""

    kind: str
    key: bytes
    value: bytes
    at: int


def messages(
    shape: Shape, count: int, seed: int = 1, start_ms: int = START_MS, span_ms: int = DAYS * DAY_MS
) -> Iterator[Message]:
    """Seeded events in the order of their time, over four weeks or another span."""
    random_ = random.Random(seed)
    accounts = _chosen(random_, [f"brand-{n:04d}" for n in range(shape.accounts)], shape, count)
    members = _chosen(random_, _members(), shape, count)
    kinds = random_.choices(KINDS, k=count)
    for number, (kind, account, member) in enumerate(zip(kinds, accounts, members, strict=True)):
        at = start_ms + number * span_ms // count
        name = f"at://{member}/{kind}/" if member.startswith("did:") else f"{kind}/"
        event = {"kind": kind, "id": f"{name}{number}", "account": account, "member": member}
        if random_.random() < OUTBOUND:
            event["direction"] = "outbound"
        event["at"] = format_ms(at)
        value = json.dumps(event, separators=(",", ":")).encode()
        yield Message(kind, relationship_key(account, member), value, at)


def live(shape: Shape, count: int, seed: int = 4) -> Iterator[Message]:
    """Events that follow those four weeks as in life: all in one hour, however fast they are sent.

    Four weeks in a minute would pass an hour with each flush, and have every account read anew.
    """
    return messages(shape, count, seed, START_MS + DAYS * DAY_MS, span_ms=HOUR_MS)


@cache
def _members() -> list[str]:
    random_ = random.Random(2)
    named = [f"did:plc:{''.join(random_.choices(_LETTERS, k=24))}" for _ in range(MEMBERS // 2)]
    named += [f"person{n}@example.social" for n in range(MEMBERS - len(named))]
    random_.shuffle(named)
    return named


def _chosen(random_: random.Random, names: Sequence[str], shape: Shape, count: int) -> list[str]:
    weights = list(accumulate(rank**-shape.exponent for rank in range(1, len(names) + 1)))
    return random_.choices(names, cum_weights=weights, k=count)


@dataclass
class Truth:
    """What of a relationship an engine must have kept.

    Attributes:
        counts: likes, replies, shares, follows, of either direction.
        days: each on which anything happened.
        inbound_days: those with an inbound like, reply or share.
        followed: does the member follow?
    """

    counts: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    days: set[date] = field(default_factory=set)
    inbound_days: set[date] = field(default_factory=set)
    followed: bool = False


_ORDER = ("like", "reply", "share", "follow")


def recount(values: Iterable[bytes]) -> tuple[dict[bytes, Truth], int]:
    """Count naively; return each relationship, and the last hour. Shares nothing with an engine."""
    found: dict[bytes, Truth] = {}
    last = 0
    for value in values:
        event = json.loads(value)
        truth = found.setdefault(f"{event['account']} {event['member']}".encode(), Truth())
        truth.counts[_ORDER.index(event["kind"])] += 1
        day = date.fromisoformat(event["at"][:10])
        truth.days.add(day)
        if event.get("direction", "inbound") == "inbound":
            if event["kind"] == "follow":
                truth.followed = True
            else:
                truth.inbound_days.add(day)
        last = max(last, parse_at(event["at"]) // 3_600_000)
    return found, last


def in_horizon(days: Iterable[date], clock: int) -> int:
    """How many of these days are among the last 28 days at this hour: a day lasts to its end."""
    first = (clock - HORIZON + 1) // 24
    return sum((day - date(1970, 1, 1)).days >= first for day in days)
