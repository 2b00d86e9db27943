"""Makes the sample: eight weeks of three invented accounts, the same on every machine.

- `harbour-coffee` is small and answers everybody: members come back, replies grow into talk.
- `inkwell-books` is liked and shared a lot, and talks to nobody.
- `peak-sneakers` talks with its people until it begs ("follow us and win"): followers pour in, say
  nothing, and those who used to talk fall silent while nobody answers them.

Run `python -m streams.sample.make` to write it again.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import NamedTuple

import msgspec

from schemas.events import Direction, Event, Kind, Op, encode
from streams.core.time import DAY_MS, HOUR_MS, MINUTE_MS, format_ms, parse_at
from streams.sample import PATH

FIRST_DAY = "2026-08-31T00:00:00Z"
DAYS = 56
CAMPAIGN_DAY = 49
"""From this day on, `peak-sneakers` begs for followers."""

_FIRST_NAMES = (
    "ada ben cleo dario edda finn greta hugo ines jonas kira leo mila nils olga paul quinn rosa "
    "sami tove uma vito wanda xenia yaro zoe"
)
_LAST_NAMES = (
    "adler birch cole dove ember fern gale heath iris jay kestrel lark moss north oak pike quill "
    "reed stone thorn umber vale wren yew"
)


class Brand(NamedTuple):
    """How an account and its audience behave, in events per day and chances from 0 to 1."""

    name: str
    regulars: int
    likes: float
    shares: float
    replies: float
    answers: float
    follows: float
    newcomers_talk: float
    unfollows: float


_HARBOUR = Brand("harbour-coffee", 40, 5, 0.5, 5, 0.95, 0.8, 0.8, 0.05)
_INKWELL = Brand("inkwell-books", 60, 13, 3, 0.3, 0.0, 1.2, 0.3, 0.2)
_PEAK = Brand("peak-sneakers", 80, 8, 1, 7, 0.5, 2, 0.4, 0.3)
_PEAK_BEGGING = _PEAK._replace(likes=6, replies=1.5, answers=0.0, follows=28, newcomers_talk=0.03)


def events() -> list[Event]:
    """All events, in the order of their times."""
    people = _people(_dice(1))
    found = [
        *_world(_dice(2), [_HARBOUR] * DAYS, people),
        *_world(_dice(3), [_INKWELL] * DAYS, people),
        *_world(_dice(4), [_PEAK] * CAMPAIGN_DAY + [_PEAK_BEGGING] * (DAYS - CAMPAIGN_DAY), people),
    ]
    return sorted(found, key=lambda event: event.at)


def main() -> None:
    """Write the sample."""
    lines = b"".join(encode(event) + b"\n" for event in events())
    PATH.write_bytes(gzip.compress(lines, compresslevel=9, mtime=0))


def _dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311  people are invented here, not secrets


def _people(random: Random) -> list[str]:
    names = [f"{first}.{last}" for first in _FIRST_NAMES.split() for last in _LAST_NAMES.split()]
    random.shuffle(names)
    return names


def _world(random: Random, days: Sequence[Brand], people: list[str]) -> Iterator[Event]:
    """One account's events, day by day."""
    account = days[0].name
    start = parse_at(FIRST_DAY)
    strangers = iter(random.sample(people, len(people)))
    regulars = [next(strangers) for _ in range(days[0].regulars)]
    follow_ids = {member: f"{account}-f{n}" for n, member in enumerate(regulars)}
    ids = (f"{account}-{n}" for n in count())

    def event(
        kind: Kind, member: str, at: int, id: str, op: Op = "add", direction: Direction = "inbound"
    ) -> Event:
        return Event(
            kind=kind,
            op=op,
            id=id,
            account=account,
            member=member,
            direction=direction,
            at=format_ms(at),
        )

    for member, id in follow_ids.items():  # they were there before we looked
        yield msgspec.structs.replace(event("follow", member, start, id), seeded=True)

    def speak(kind: Kind, member: str, at: int, answers: float) -> Iterator[Event]:
        id = next(ids)
        yield event(kind, member, at, id)
        if kind == "like" and random.random() < 0.03:  # a slip of the finger
            yield event(kind, member, at + MINUTE_MS, id, op="remove")
        if kind == "reply" and random.random() < answers:
            later = at + int(random.expovariate(1 / (2 * HOUR_MS)))
            yield event("reply", member, later, next(ids), direction="outbound")

    for number, brand in enumerate(days):
        day = start + number * DAY_MS
        rates: dict[Kind, float] = {
            "like": brand.likes,
            "share": brand.shares,
            "reply": brand.replies,
        }
        for kind, rate in rates.items():
            for _ in range(_some(random, rate)):
                member, at = _regular(random, regulars), day + _hour_of_day(random)
                yield from speak(kind, member, at, brand.answers)
        for _ in range(_some(random, brand.follows)):
            member, at = next(strangers), day + _hour_of_day(random)
            follow_ids[member] = next(ids)
            yield event("follow", member, at, follow_ids[member])
            if random.random() < brand.newcomers_talk:
                regulars.append(member)
                (kind,) = random.choices(list(rates), list(rates.values()))
                yield from speak(kind, member, at + 2 * MINUTE_MS, brand.answers)
        for _ in range(_some(random, brand.unfollows)):
            member = random.choice(sorted(follow_ids))
            yield event(
                "follow", member, day + _hour_of_day(random), follow_ids.pop(member), op="remove"
            )


def _some(random: Random, rate: float) -> int:
    """How many of a thing that happens `rate` times a day happen on one day."""
    return sum(random.random() < rate / 100 for _ in range(100))


def _hour_of_day(random: Random) -> int:
    """A moment of the day, ms: few at night."""
    return min(int(random.gauss(15, 4) % 24 * HOUR_MS), DAY_MS - 3 * MINUTE_MS)


def _regular(random: Random, regulars: Sequence[str]) -> str:
    """Somebody: a few people do most of the talking."""
    return regulars[int(len(regulars) * random.random() ** 2)]


if __name__ == "__main__":
    main()
