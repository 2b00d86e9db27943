"""Hindsight: a relationship looked back on is what a recount of the events up to then says.

The recount reads only the events of hours up to the earlier clock, and none of an interaction that
was removed, at whatever time: what is removed is as if it had never been.
"""

import random
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from streams.core.hindsight import as_it_stood, deepest
from streams.core.partition import Partition, Rules
from streams.core.relationship import Relationship, Strength
from streams.core.series import SERIES
from streams.core.time import DEPTH, HORIZON
from tests.core.worlds import HOUR0
from tests.model.recount import Recount, Relation, hour, milliseconds, rfc3339
from tests.model.worlds import HOUR_MS, value_of

STRENGTH = Strength()
LAST = 100 * 24
"""Hours that a story lasts: nearly twice the depth."""

Event = dict[str, Any]


class Record:
    """A record as the core reads it."""

    timestamp = -1
    headers = ()

    def __init__(self, event: Event) -> None:
        self.value = value_of(event)


def story(seed: int, length: int, members: int, burst: int) -> list[Event]:
    """Events of a few members: interactions and their removals in any order, follows in theirs."""
    chance = random.Random(seed)
    ids = map(str, count())
    told: list[tuple[int, Event]] = []

    def tell(arrival: int, at: int, kind: str, member: int, id: str, **more: Any) -> None:
        more |= {"account": "brand", "member": f"fan-{member}"}
        told.append((arrival, {"kind": kind, "at": rfc3339(at), "id": id, **more}))

    def some_time() -> int:
        return (HOUR0 + chance.randrange(LAST)) * HOUR_MS + chance.choice((0, 1, HOUR_MS - 1))

    for _ in range(length):
        kind, direction = chance.choice(("like", "reply", "share")), chance.choice(("in", "out"))
        member, at = chance.randrange(members), some_time()
        for _ in range(chance.choice((1, 1, 1, burst))):
            id, arrival = next(ids), at + chance.choice((0, 0, 5, 700)) * HOUR_MS
            more = {"direction": f"{direction}bound"}
            tell(arrival, at, kind, member, id, **more)
            if chance.random() < 0.1:
                tell(arrival, at, kind, member, id, **more, op="remove")
    for member in range(members):
        seeded = chance.random() < 0.3
        for number in range(chance.randrange(6)):
            at = HOUR0 * HOUR_MS if seeded and number == 0 else some_time()
            tell(at, at, "follow", member, f"f{number % 3}", seeded=seeded and number == 0)
            if chance.random() < 0.8:
                at = some_time()
                tell(at, at, "follow", member, f"f{number % 3}", op="remove")
    told.sort(key=lambda each: each[0])
    return [event for _, event in told]


def partition_of(events: list[Event]) -> Partition:
    partition = Partition(0, Rules(partitions=1, strength=STRENGTH))
    for event in events:
        partition.apply(event["kind"], [Record(event)], 0)
    partition.settle()
    return partition


def recounted(events: list[Event], clock: int) -> Recount:
    """What is known at `clock` to one who is told nothing later, and nothing that is taken back."""
    removed = {
        (e["member"], e["kind"], e["id"])
        for e in events
        if e.get("op") == "remove" and e["kind"] != "follow"
    }
    counted = Recount()
    for event in events:
        was_removed = (event["member"], event["kind"], event["id"]) in removed
        if hour(milliseconds(event["at"])) <= clock and not was_removed:
            counted.read(event)
    return counted


def pairs(
    partition: Partition, counted: Recount, clock: int
) -> Iterator[tuple[Relationship, Relation]]:
    """Each relationship looked back on, and what was recounted of it."""
    for key, value in partition.relationships.items():
        account, _, member = key.decode().partition(" ")
        then = as_it_stood(Relationship.unpack(value), clock, STRENGTH)
        assert Relationship.unpack(then.pack()).pack() == then.pack()
        yield then, counted.relations.get((account, member), Relation())


def totals(relationship: Relationship, clock: int) -> dict[str, dict[str, int]]:
    return {
        direction: {kind: counts["total"] for kind, counts in kinds.items()}
        for direction, kinds in relationship.counts(clock).items()
    }


def assert_all_agrees(then: Relationship, relation: Relation, clock: int) -> None:
    """All but the times within an hour."""
    assert then.stage(clock) == relation.stage(clock)
    assert then.following == relation.following
    assert then.active_days(clock) == relation.active_days(clock)
    for direction in ("inbound", "outbound"):
        assert then.counts(clock)[direction] == {
            kind: Recount._by_days(relation.times(direction, kind), clock // 24)
            for kind in ("like", "share", "reply")
        }
        first = min(relation.times(direction), default=None)
        assert getattr(then, f"first_{direction}_at") == first
    weights = {"like": 1.0, "share": 2.0, "reply": 4.0}
    strength = relation.strength(clock, weights, 14.0)
    assert then.strength(clock, STRENGTH) == pytest.approx(strength, rel=1e-9, abs=1e-9)


WORLDS = [
    # seed, interactions, members, how many at once now and then
    *[(seed, 120, 3, 3) for seed in range(4)],  # everything is in the log
    *[(seed, 60, 2, 70) for seed in range(4, 14)],  # much is evicted
    *[(seed, 4, 4, 1) for seed in range(14, 18)],  # hardly anything ever happened
]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_looking_back_four_weeks_is_as_having_been_there(world: tuple[int, int, int, int]) -> None:
    """Stage, following, days, counts, totals, first times and strength, less a day."""
    events = story(*world)
    partition = partition_of(events)
    now = partition.clock
    chance = random.Random(world[0])
    for clock in (now, deepest(now), *chance.sample(range(deepest(now), now), 5)):
        counted = recounted(events, clock)
        for then, relation in pairs(partition, counted, clock):
            assert_all_agrees(then, relation, clock)


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_following_and_totals_go_back_eight_weeks(world: tuple[int, int, int, int]) -> None:
    """And everything to the beginning, where nothing was ever evicted."""
    events = story(*world)
    partition = partition_of(events)
    now = partition.clock
    chance = random.Random(world[0])
    for clock in (now - DEPTH, *chance.sample(range(now - DEPTH, now), 3)):
        counted = recounted(events, clock)
        for then, relation in pairs(partition, counted, clock):
            assert then.following == relation.following
            assert totals(then, clock) == {
                direction: {
                    k: len(relation.times(direction, k)) for k in ("like", "share", "reply")
                }
                for direction in ("inbound", "outbound")
            }
            if world[3] < 70:
                assert_all_agrees(then, relation, clock)
                assert then.awaiting(clock) == relation.awaiting(clock)


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_its_census_is_the_census_of_then(world: tuple[int, int, int, int]) -> None:
    """Every series, as far as it looks back; a tenure of more than four weeks may be unknown."""
    events = story(*world)
    partition = partition_of(events)
    now = partition.clock
    for clock in (now - 168, deepest(now)):
        then = Partition(0, Rules(partitions=1, strength=STRENGTH))
        for key, value in partition.relationships.items():
            looked_back = as_it_stood(Relationship.unpack(value), clock, STRENGTH)
            then.restore(key, looked_back.pack())
        then.restored(clock)
        series = dict(zip(map(str, SERIES), then.census.read("brand", clock), strict=True))
        (document,) = recounted(events, clock).census(clock) or [
            {"series": dict.fromkeys(series, 0)}
        ]
        expected = document["series"]
        for name in [name for name in expected if "tenure" in name or "previous" in name]:
            # The weeks before then, and follows from before, may be deeper than is remembered.
            if "previous" in name or not ("0-7d" in name or '"7-28d' in name):
                del expected[name], series[name]
        assert series == expected


def test_what_came_later_is_as_if_it_were_not_known() -> None:
    """A relationship that began after the clock is nothing yet."""
    begun = partition_of(story(1, 60, 1, 3))
    (value,) = begun.relationships.values()
    then = as_it_stood(Relationship.unpack(value), HOUR0 - HORIZON, STRENGTH)
    if not then.following:  # seeded: it was there before anybody looked
        assert then.pack() == Relationship().pack()
    assert as_it_stood(Relationship.unpack(value), begun.clock, STRENGTH).pack() == value


def looked_back_on(clock: int, *moves: tuple[str, int, str, str]) -> Relationship:
    """One member's relationship after (kind, hour, id, op), looked back on from the last hour."""
    events = [
        {
            "kind": kind,
            "at": rfc3339((HOUR0 + at) * HOUR_MS),
            "id": id,
            "op": op,
            "account": "brand",
            "member": "ada",
        }
        for kind, at, id, op in moves
    ]
    (value,) = partition_of(events).relationships.values()
    return as_it_stood(Relationship.unpack(value), HOUR0 + clock, STRENGTH)


def test_a_follow_that_ended_later_is_open_again_and_starts_once() -> None:
    """Its start is that of the open follow, and no longer a count beside it."""
    then = looked_back_on(15, ("follow", 10, "f", "add"), ("follow", 20, "f", "remove"))
    assert then.following
    assert then.followed_at == (HOUR0 + 10) * HOUR_MS
    assert then.cells == b""


def test_evicted_times_remain_where_nothing_was_evicted_since() -> None:
    """A share of then is still the last inbound one, when only likes came later."""
    shares = [("share", 10, f"s{n}", "add") for n in range(65)]
    likes = [("like", 20, f"l{n}", "add") for n in range(66)]
    then = looked_back_on(15, *shares, *likes)
    assert then.summary is not None
    assert then.last_inbound_at == (HOUR0 + 10) * HOUR_MS
    assert then.counts(HOUR0 + 15)["inbound"]["share"]["total"] == 65
    assert then.summary.last[1] == (HOUR0 + 10) * HOUR_MS
