"""Crashes and takeovers: the tables still equal the recount of the logs, each record read once.

What is real here is all that decides: the table's `apply`, a flush's snapshot and its changelog
records, recovery's `restore`, `resume`. What is played is Kafka: source partitions and changelogs
are lists, and a transaction is one `append`, so that thousands of crashes cost seconds. A chunk can
be applied while a flush is under way; a worker can die between the two, or at any other moment; its
successor has the changelog and nothing else. What it takes a real broker to get wrong is in
`tests/table` and `tests/engine`.
"""

import json
import random
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, NoReturn

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from streams.core.admission import REROUTED_FROM
from streams.core.partition import Partition
from streams.core.partition_record import Position
from streams.metrics.meters import Meters
from streams.table import Halt, RelationshipsTable, TableSettings
from streams.table.lease import Lease, changelog_records
from streams.table.recovery import restore
from streams.table.resume import Log, resume
from tests.model import worlds
from tests.model.recount import Recount, hour, milliseconds
from tests.model.test_agreement import IGNORED, KINDS, Core, assert_agreement
from tests.model.worlds import HOUR_MS, Event, moves, random_moves, tell

Clock = Literal["event", "wall"]
GARBAGE = b"{nope"


class ChunkOf(NamedTuple):
    topic: str
    partition: int
    start: int
    end: int
    records: list[ConsumerRecord]


class Written(NamedTuple):
    """A changelog record."""

    key: bytes
    value: bytes


def stop(reason: Halt) -> NoReturn:
    raise reason


async def no_topic_ids(_: object) -> dict[str, str | None]:
    raise AssertionError("nobody asks for topic ids here")


class Cluster:
    """Source partitions, changelogs, dead letters; and the one worker that is alive."""

    def __init__(self, partitions: int, clock: Clock, chance: random.Random) -> None:
        self.chance = chance
        self.core = Core(partitions, clock)  # for its rules, and to read what the states say
        self.now = 0
        self.numbers = range(partitions)
        self.sources: dict[tuple[str, int], list[ConsumerRecord]] = {
            (kind, number): [] for kind in KINDS for number in self.numbers
        }
        self.changelogs: list[list[Written]] = [[] for _ in self.numbers]
        self.dead_letters: list[tuple[str, int, int]] = []
        settings = TableSettings(
            app="app",
            kinds={kind: kind for kind in KINDS},
            changelog="changelog",
            dead_letters="dead-letters",
            rules=self.core.rules,
            kafka={},
            transaction_timeout_ms=1000,
            request_timeout_ms=1000,
            max_dirty=1000,
        )
        self.table = RelationshipsTable(settings, Meters(), lambda: self.now, no_topic_ids, stop)
        for number in self.numbers:
            self.take(number)

    # -- what producers do

    def produce(self, kind: str, number: int, value: bytes, at: int, headers: Any = ()) -> None:
        """Append a record; now and then a control record takes the offset before it."""
        log = self.sources[kind, number]
        offset = log[-1].offset + 1 if log else 0
        offset += self.chance.random() < 0.1
        log.append(ConsumerRecord(kind, number, offset, at, 0, None, value, None, 0, 0, headers))

    def tell(self, events: Iterable[Event]) -> None:
        """Append events to their topics: some in a wrong partition, some garbage between them."""
        for event in events:
            at = milliseconds(event["at"])
            self.now = max(self.now, at)
            if event["kind"] == "tick":
                kind = self.chance.choice(KINDS)
                for number in self.numbers:
                    self.produce(kind, number, worlds.value_of(event), at)
                continue
            number = worlds.partition_of(worlds.key_of(event), len(self.numbers))
            if self.chance.random() < 0.03:
                number = self.chance.choice(self.numbers)
            self.produce(event["kind"], number, worlds.value_of(event), at)
            if self.chance.random() < 0.01:
                self.produce(event["kind"], number, GARBAGE, at)

    # -- what a worker does

    def lease(self, number: int) -> Lease:
        return self.table._leases[number]

    def take(self, number: int) -> None:
        """Own a partition anew, knowing only what is in Kafka; whoever had it is dead."""
        lease = Lease(number, Partition(number, self.core.rules), None)
        restore(lease, self.changelogs[number])
        lease.state.restored(lease.flushed.clock if lease.flushed else -1)
        for kind in KINDS:
            end = next((r.offset + 1 for r in self.sources[kind, number][-1:]), 0)
            known = lease.positions.get(kind)
            read_on = resume(kind, known, Log(None, 0, end))
            assert read_on.warning == ""
            lease.positions[kind] = Position(read_on.offset)
        lease.state.tell_time(self.now)
        lease.recovered = True
        self.table._leases[number] = lease

    def read(self, kind: str, number: int, *, again: int = 0) -> bool:
        """Apply the next chunk of a source partition, with so many records read once more."""
        position = self.lease(number).positions[kind].offset
        log = self.sources[kind, number]
        first = next((i for i, r in enumerate(log) if r.offset >= position), len(log))
        begin = max(0, first - again)
        size = self.chance.choice((1, 2, 5, 1000))
        if not (records := log[begin : begin + size]):
            return False
        start = min(position, records[0].offset)
        self.table.apply(ChunkOf(kind, number, start, records[-1].offset + 1, records))
        return True

    def flush(self, number: int, *, meanwhile: bool = False, dies: bool = False) -> None:
        """Commit what was applied, unless the worker dies first; or apply more meanwhile."""
        lease = self.lease(number)
        snapshot = lease.snapshot(self.table._value_settings, forced=self.chance.random() < 0.2)
        if snapshot is None:
            return
        if meanwhile:
            self.read(self.chance.choice(KINDS), number)
        if dies:
            self.take(number)
            return
        self.changelogs[number] += [Written(*record) for record in changelog_records(snapshot)]
        for sent in snapshot.outgoing:
            if sent.topic in KINDS:
                assert sent.value is not None
                assert sent.timestamp is not None
                self.produce(
                    sent.topic, sent.partition, sent.value, sent.timestamp, tuple(sent.headers)
                )
            else:
                said = dict(sent.headers)
                kind, at, offset = (
                    said[f"closeknit-{part}"].decode() for part in ("topic", "partition", "offset")
                )
                self.dead_letters.append((kind, int(at), int(offset)))
        lease.flushed = snapshot.record

    def compact(self, number: int) -> None:
        """Keep the last value of each key, where it is."""
        kept: dict[bytes, Written] = {}
        for written in self.changelogs[number]:
            kept.pop(written.key, None)
            kept[written.key] = written
        self.changelogs[number] = list(kept.values())

    # -- what must be true

    def unread(self) -> list[tuple[str, int]]:
        return [
            (kind, number)
            for (kind, number), log in self.sources.items()
            if log and log[-1].offset >= self.lease(number).positions[kind].offset
        ]

    def recounted(self) -> tuple[Recount, list[tuple[str, int, int]]]:
        """Each record of the logs once, one topic after the other; and what nobody can read."""
        counted, garbage = Recount(ignored_members=IGNORED), []
        for (kind, number), log in self.sources.items():
            for record in log:
                if record.value == GARBAGE:
                    garbage.append((kind, number, record.offset))
                    continue
                event = json.loads(record.value)
                if event["kind"] != "tick":
                    home = worlds.partition_of(worlds.key_of(event), len(self.numbers))
                    if home != number:  # it only tells the time; it was sent on, and is read there
                        event = {"kind": "tick", "at": event["at"]}
                counted.read(event, number)
        return counted, garbage

    def assert_nothing_lost_or_doubled(self) -> None:
        counted, garbage = self.recounted()
        resent = [r for log in self.sources.values() for r in log if r.headers]
        origins = [dict(r.headers)[REROUTED_FROM] for r in resent]
        assert len(origins) == len(set(origins)), "a record was re-sent twice"
        assert sorted(self.dead_letters) == sorted(garbage)
        states = [self.lease(number).state for number in self.numbers]
        self.core.partitions = states
        if self.core.rules.clock == "event":
            clocks = {number: state.clock for number, state in enumerate(states)}
            assert clocks == {number: counted.clocks.get(number, -1) for number in self.numbers}
        else:
            assert {state.clock for state in states} == {hour(self.now)}
        if self.core.clock >= 0:
            for later in (0, self.chance.choice(worlds.EDGES)):
                assert_agreement(self.core, counted, self.core.clock + later)


def live(events: Iterable[Event], partitions: int, clock: Clock, chance: random.Random) -> None:
    """Write a log, have it read through any number of deaths, and compare."""
    cluster = Cluster(partitions, clock, chance)
    cluster.tell(events)
    cluster.now -= chance.choice((0, 1, HOUR_MS // 2, HOUR_MS))
    pace = chance.choice((0.02, 0.2))  # how often anything but reading happens
    while unread := cluster.unread():
        kind, number = chance.choice(unread)
        again = chance.choice((1, 3, 70)) if chance.random() < pace else 0
        cluster.read(kind, number, again=again)
        if chance.random() < pace:
            cluster.flush(number, meanwhile=chance.random() < 0.5, dies=chance.random() < 0.3)
        if chance.random() < pace / 2:
            cluster.take(number)
        if chance.random() < pace / 2:
            cluster.compact(number)
        if clock == "wall" and chance.random() < pace / 2:
            cluster.now += chance.choice((1, HOUR_MS, 24 * HOUR_MS, 700 * HOUR_MS))
        if len(unread) == 1 and not cluster.unread():
            for other in cluster.numbers:  # what was misplaced is in its place once it is flushed
                cluster.flush(other)
    for number in cluster.numbers:
        cluster.lease(number).state.tell_time(cluster.now)
        cluster.flush(number)
    cluster.assert_nothing_lost_or_doubled()
    for number in cluster.numbers:
        cluster.compact(number)
        cluster.take(number)
    cluster.assert_nothing_lost_or_doubled()


@pytest.mark.parametrize("seed", range(48))
def test_crashes_and_takeovers_change_nothing(seed: int) -> None:
    """A worker dies again and again, between any two steps, and the tables equal the recount."""
    chance = random.Random(seed)
    clock: Clock = chance.choice(("event", "wall"))
    live(tell(random_moves(seed, 200)), chance.choice((1, 3, 7)), clock, chance)


@given(
    story=moves(),
    partitions=st.sampled_from((1, 2, 5)),
    clock=st.sampled_from(("event", "wall")),
    seed=st.integers(0, 2**16),
)
def test_no_small_world_is_changed_by_crashes(
    story: list[worlds.Move], partitions: int, clock: Clock, seed: int
) -> None:
    live(tell(story), partitions, clock, random.Random(seed))
