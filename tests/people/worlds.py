"""Changelogs that a worker would have written after a story, and the naive answer beside them.

A story is what members do to the account, hours before now, in order of arrival:

    ada: follow in 200h, reply in 190h, reply out 180h
    ben: 3 like in 30h

`3 like in 30h` is three likes in that hour. Everything happens at half past the hour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from streams.changelog import Changelog
from streams.core.partition import Partition, Rules
from streams.core.partition_record import PartitionRecord
from streams.core.relationship import Strength
from streams.core.time import HOUR_MS, hour_of, parse_at
from tests.model.worlds import key_of, value_of, written

NOW = hour_of(parse_at("2026-03-20T10:00:00Z"))
STRENGTH = Strength()
_CLAUSE = re.compile(r"(?:(\d+) )?(like|reply|share|follow|seeded|unfollow) (in|out) (\d+)h")


def at(hours: int) -> int:
    """The half hour of the hour that lies so many before now, in ms."""
    return (NOW - hours) * HOUR_MS + HOUR_MS // 2


def events(story: str, account: str = "acme") -> Iterator[dict[str, Any]]:
    """The canonical events of a story, each interaction with an id of its own."""
    for line in filter(None, map(str.strip, story.splitlines())):
        member, _, clauses = line.partition(": ")
        for number, clause in enumerate(clauses.split(", ")):
            match = _CLAUSE.fullmatch(clause)
            assert match, f"no clause of a story: {clause!r}"
            often, what, direction, hours = match.groups()
            kind = "follow" if what in {"seeded", "unfollow"} else what
            for i in range(int(often or 1)):
                yield {
                    "kind": kind,
                    "op": "remove" if what == "unfollow" else "add",
                    "id": "f" if kind == "follow" else f"{number}.{i}",
                    "account": account,
                    "member": member,
                    "direction": f"{direction}bound",
                    "seeded": what == "seeded",
                    "at": written(at(int(hours))),
                }


def changelog_after(told: Iterable[dict[str, Any]], clock: int = NOW) -> Changelog:
    """What a worker writes down of these events; the stored clock is at least `clock`."""
    partition = Partition(0, Rules(partitions=1, strength=STRENGTH, clock="event"))
    for offset, event in enumerate(told):
        ticks = event["kind"] == "tick"
        record = SimpleNamespace(
            key=None if ticks else key_of(event),
            value=value_of(event),
            timestamp=0,
            headers=(),
            offset=offset,
        )
        partition.apply("like" if ticks else event["kind"], [record], 0)
    partition.settle()
    stored = PartitionRecord(
        clock=max(clock, partition.clock),
        next={},
        settings={"partitions": 1.0, **STRENGTH._asdict()},
    )
    return Changelog(dict(partition.relationships), {0: stored})


def after(story: str) -> Changelog:
    """What a worker writes down after a story of one account."""
    return changelog_after(events(story))
