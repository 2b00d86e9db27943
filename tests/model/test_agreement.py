"""The core and the recount agree: every field of every relationship, every series of every account.

The worlds reach the core the way Kafka would bring them: cut into chunks at random, topics
interleaved at random (only the order within a topic and partition is kept), several partitions,
flushes at any time, and now and then a partition rebuilt from what was flushed.
"""

import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.census import SERIES
from streams.core.partition import Outcome, Partition, Rules
from streams.core.relationship import Relationship, Strength
from tests.model import collegemsg, recount, worlds
from tests.model.recount import Document, Recount, hour, milliseconds, rfc3339
from tests.model.worlds import HOUR_MS, Event, moves, random_moves, tell

NAMES = [str(series) for series in SERIES]
KINDS = ("like", "reply", "share", "follow")
IGNORED = frozenset({"fan-11"})
ERAS = (0, worlds.BEGINNING, 1_800_000)  # hours: from 1970 on, of our time, of 2175
LONG_AFTER = milliseconds("2199-01-01T00:00:00Z")


class Record(NamedTuple):
    """A record as the transport hands it over."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes]]
    offset: int


class Chunk(NamedTuple):
    """Consecutive events of one topic and partition."""

    partition: int
    kind: str
    events: list[Event]


def rules(partitions: int, clock: Any = "event") -> Rules:
    return Rules(partitions=partitions, strength=Strength(), clock=clock, ignored_members=IGNORED)


def chunks(events: Iterable[Event], partitions: int, chance: random.Random) -> Iterator[Chunk]:
    """One order, of all that Kafka permits, in which the events may be read."""
    queues: dict[tuple[int, str], deque[Event]] = {}
    for event in events:
        if event["kind"] == "tick":
            topic = chance.choice(KINDS)
            places = [(number, topic) for number in range(partitions)]
        else:
            number = worlds.partition_of(worlds.key_of(event), partitions)
            places = [(number, event["kind"])]
        for place in places:
            queues.setdefault(place, deque()).append(event)
    while queues:
        place = chance.choice(list(queues))
        queue = queues[place]
        size = min(chance.choice((1, 2, 5, 1000)), len(queue))
        yield Chunk(*place, [queue.popleft() for _ in range(size)])
        if not queue:
            del queues[place]


class Core:
    """Partitions of the core, and beside them the changelog that their flushes would leave."""

    def __init__(self, partitions: int, clock: str = "event") -> None:
        self.rules = rules(partitions, clock)
        self.partitions = [Partition(number, self.rules) for number in range(partitions)]
        self.changelog: list[dict[bytes, bytes]] = [{} for _ in self.partitions]
        self._offsets = count()

    def read(self, chunk: Chunk, now_ms: int = LONG_AFTER) -> Counter[str]:
        """Applies a chunk; returns how many records had which outcome."""
        records = [
            Record(
                key=None if event["kind"] == "tick" else worlds.key_of(event),
                value=worlds.value_of(event),
                timestamp=now_ms,
                headers=(),
                offset=next(self._offsets),
            )
            for event in chunk.events
        ]
        applied = self.partitions[chunk.partition].apply(chunk.kind, records, now_ms)
        assert (applied.refused, applied.misplaced) == ([], [])
        return +Counter({Outcome(name).value: n for name, n in applied.outcomes.items()})

    def flush(self, number: int) -> None:
        partition = self.partitions[number]
        self.changelog[number].update(partition.settle())
        assert partition.dirty_count == 0
        assert self.changelog[number] == partition.relationships

    def flush_all(self) -> None:
        for number in range(len(self.partitions)):
            self.flush(number)

    def restart(self, number: int) -> None:
        """Another worker takes over: all it has is the changelog and the stored clock."""
        self.flush(number)
        successor = Partition(number, self.rules)
        for key, value in self.changelog[number].items():
            successor.restore(key, value)
        successor.restored(self.partitions[number].clock)
        self.partitions[number] = successor

    @property
    def clock(self) -> int:
        return max(partition.clock for partition in self.partitions)

    def relationships(self, clock: int) -> list[Document]:
        documents = (
            document(key, Relationship.unpack(value), clock, self.rules.strength)
            for partition in self.partitions
            for key, value in partition.relationships.items()
        )
        return sorted(documents, key=lambda d: (d["account"], d["member"]))

    def census(self, clock: int) -> list[Document]:
        totals: dict[str, dict[str, int]] = {}
        for partition in self.partitions:
            for account in partition.census.accounts():
                of_account = totals.setdefault(account, dict.fromkeys(NAMES, 0))
                values = partition.census.read(account, clock)
                for name, n in zip(NAMES, values, strict=True):
                    of_account[name] += n
        return [
            {"account": account, "as_of": rfc3339(clock * HOUR_MS), "series": totals[account]}
            for account in sorted(totals)
        ]


def document(key: bytes, relationship: Relationship, clock: int, strength: Strength) -> Document:
    """A relationship of the core as the export would write it."""
    account, member = key.decode().split(" ")
    return {
        "account": account,
        "member": member,
        "stage": relationship.stage(clock).value,
        "following": relationship.following,
        "followed_at": rfc3339(relationship.followed_at),
        "first_inbound_at": rfc3339(relationship.first_inbound_at),
        "last_inbound_at": rfc3339(relationship.last_inbound_at),
        "first_outbound_at": rfc3339(relationship.first_outbound_at),
        "last_outbound_at": rfc3339(relationship.last_outbound_at),
        **relationship.counts(clock),
        "active_days": relationship.active_days(clock),
        "awaiting": relationship.awaiting(clock),
        "strength": relationship.strength(clock, strength),
        "as_of": rfc3339(clock * HOUR_MS),
    }


def assert_agreement(core: Core, counted: Recount, clock: int) -> None:
    """Exact in everything but strength, which is a sum of floats."""
    for got, want in zip(core.relationships(clock), counted.relationships(clock), strict=True):
        assert got == want | {"strength": pytest.approx(want["strength"], rel=1e-9, abs=1e-9)}
    for got, want in zip(core.census(clock), counted.census(clock), strict=True):
        assert got == want


def live(
    events: Iterable[Event], partitions: int, chance: random.Random, *, compare: float = 0.03
) -> tuple[Core, Recount]:
    """Has both read a world, in one of the orders that Kafka permits; compares on the way."""
    core, counted = Core(partitions), Recount(ignored_members=IGNORED)
    for chunk in chunks(events, partitions, chance):
        outcomes = Counter(counted.read(event, chunk.partition) for event in chunk.events)
        assert core.read(chunk) == outcomes
        if chance.random() < 0.1:
            core.flush(chunk.partition)
        if chance.random() < 0.03:
            core.restart(chunk.partition)
        if chance.random() < compare:
            core.flush_all()
            assert_agreement(core, counted, counted.clock)
    core.flush_all()
    clocks = {number: core.partitions[number].clock for number in counted.clocks}
    assert clocks == counted.clocks
    return core, counted


def grow_older(core: Core, counted: Recount, chance: random.Random) -> None:
    """Nobody speaks any more, the clock goes on: ticks move it, and both still agree."""
    for hours in (1, 22, 1, 144, 504, 1, 671, 816):
        at = worlds.written((counted.clock + hours) * HOUR_MS)
        for number in range(len(core.partitions)):
            tick = Chunk(number, chance.choice(KINDS), [{"kind": "tick", "at": at}])
            assert core.read(tick) == {counted.read(tick.events[0], number): 1}
        core.flush_all()
        assert core.clock == counted.clock
        assert_agreement(core, counted, counted.clock)


def test_the_census_has_the_series_of_the_design() -> None:
    assert sorted(NAMES) == list(recount.SERIES)


@pytest.mark.parametrize("seed", range(48))
def test_core_and_recount_agree_on_a_world_and_ever_after(seed: int) -> None:
    """With any chunking, interleaving, flushing and restarting, at any later hour."""
    chance = random.Random(seed)
    story = tell(random_moves(seed), chance.choice(ERAS))
    core, counted = live(story, chance.choice((1, 3, 12)), chance)
    assert_agreement(core, counted, counted.clock)
    for later in (1, 24, 168, 672, 1344):
        assert_agreement(core, counted, counted.clock + later)
    grow_older(core, counted, chance)


@settings(deadline=None)  # the machine may be busy
@given(story=moves(), partitions=st.sampled_from((1, 2, 5)), seed=st.integers(0, 2**16))
def test_core_and_recount_agree_on_any_small_world(
    story: list[worlds.Move], partitions: int, seed: int
) -> None:
    chance = random.Random(seed)
    core, counted = live(tell(story), partitions, chance)
    if counted.clocks:
        assert_agreement(core, counted, counted.clock)
        assert_agreement(core, counted, counted.clock + chance.choice(worlds.EDGES))


@pytest.mark.parametrize("seed", range(12))
def test_they_agree_when_an_event_lies_in_the_hour_after_the_wall_clock(seed: int) -> None:
    """The wall clock never overtakes the events here, so the last hour is always ahead of it."""
    core, counted = Core(1, "wall"), Recount(ignored_members=IGNORED)
    now = 0
    for event in tell(random_moves(seed)):
        now = max(now, milliseconds(event["at"]) - HOUR_MS)
        kind = "like" if event["kind"] == "tick" else event["kind"]
        core.partitions[0].tell_time(now)
        core.read(Chunk(0, kind, [event]), now)
        counted.read(event)
        core.flush_all()
        assert core.clock == hour(now)
    assert_agreement(core, counted, core.clock)
    assert_agreement(core, counted, core.clock + 1)


@collegemsg.needs_recording
def test_they_agree_on_collegemsg() -> None:
    """119,670 events of real people: 27,676 relationships and 1,899 censuses, equal."""
    core, counted = live(collegemsg.events(), 12, random.Random(0), compare=0)
    assert len(counted.relations) == 27_676
    assert_agreement(core, counted, counted.clock)
