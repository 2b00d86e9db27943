"""The relationships table against a broker: flushed, taken over, recovered, fenced."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, NamedTuple, NoReturn
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from kafka import KafkaProducer

from schemas.events import TOPIC_OF
from streams.committed import committed_records
from streams.core.partition import Rules
from streams.core.partition_record import KEY, PartitionRecord
from streams.core.placement import partition_of, relationship_key
from streams.core.relationship import Strength
from streams.metrics.meters import Meters
from streams.table import (
    BrokenInvariant,
    Fenced,
    Halt,
    RelationshipsTable,
    TableSettings,
    UnfitState,
)
from streams.table.sources import Ask
from streams.topics import administration, create, plan
from tests.conftest import Broker

PARTITIONS = 2
WRITTEN = 50
RULES = Rules(partitions=PARTITIONS)
AT = "2026-03-01T12:00:00Z"


class ChunkOf(NamedTuple):
    topic: str
    partition: int
    start: int
    end: int
    records: list[ConsumerRecord]


class Bench:
    """Topics on a broker, and tables that would share them as workers do."""

    def __init__(self, bootstrap: str) -> None:
        self.app = f"t{uuid4().hex[:10]}"
        self.kafka = {"bootstrap_servers": [bootstrap]}
        self.kinds = {f"{self.app}-{topic}": kind for kind, topic in TOPIC_OF.items()}
        self.likes = f"{self.app}-likes"
        self.changelog, self.dead_letters = f"{self.app}-changelog", f"{self.app}-dead-letters"
        self.tables: list[RelationshipsTable] = []
        self.meters = Meters()
        with administration(self.kafka) as admin:
            create(admin, plan(self.kinds, self.changelog, self.dead_letters, PARTITIONS, 1))
        # Offsets that chunks may have; what is in them, each test tells the table itself.
        producer = KafkaProducer(bootstrap_servers=bootstrap)
        for number in range(PARTITIONS):
            for _ in range(WRITTEN):
                producer.send(self.likes, b"as the test says", partition=number)
        producer.flush()
        producer.close()

    def table(self, rules: Rules = RULES, topic_ids: Ask | None = None) -> RelationshipsTable:
        settings = TableSettings(
            app=self.app,
            kinds=self.kinds,
            changelog=self.changelog,
            dead_letters=self.dead_letters,
            rules=rules,
            kafka=self.kafka,
            transaction_timeout_ms=10_000,
            request_timeout_ms=10_000,
            max_dirty=1000,
        )
        table = RelationshipsTable(
            settings, self.meters, lambda: 0, topic_ids or no_topic_ids, stop
        )
        self.tables.append(table)
        return table

    def chunk(self, start: int, *values: dict[str, Any] | bytes, number: int = 0) -> ChunkOf:
        """Consecutive records of the likes topic."""
        records = [
            ConsumerRecord(
                self.likes, number, start + i, 1_000, 0, None, encoded(value), None, 0, 0, ()
            )
            for i, value in enumerate(values)
        ]
        return ChunkOf(self.likes, number, start, start + len(values), records)

    async def read(self, topic: str, number: int = 0) -> list[ConsumerRecord]:
        """All committed records of a partition."""
        return [
            record
            async for records in committed_records(self.kafka, topic, PARTITIONS)
            for record in records
            if record.partition == number
        ]

    async def write(self, key: bytes, value: bytes) -> None:
        """Put a record into partition 0 of the changelog, as nobody should."""
        producer = AIOKafkaProducer(**self.kafka)
        await producer.start()
        await producer.send_and_wait(self.changelog, value, key, partition=0)
        await producer.stop()


async def no_topic_ids(names: Collection[str]) -> Mapping[str, str | None]:
    return dict.fromkeys(names)


def stop(reason: Halt) -> NoReturn:
    """Raise what would end a worker's process."""
    raise reason


def encoded(value: dict[str, Any] | bytes) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def like(id: int, number: int = 0) -> dict[str, Any]:
    """A like that belongs in the partition number."""
    member = next(
        name
        for name in (f"m{n}" for n in range(100))
        if partition_of(relationship_key("brand", name), PARTITIONS) == number
    )
    return {"kind": "like", "id": str(id), "account": "brand", "member": member, "at": AT}


def always() -> bool:
    return True


Story = Callable[[Bench], Awaitable[None]]


def run(broker: Broker, story: Story) -> None:
    """Play a story, and close the producers of its tables."""

    async def play() -> None:
        bench = Bench(broker.bootstrap)
        try:
            await asyncio.wait_for(story(bench), timeout=60)
        finally:
            await asyncio.gather(*(table.close() for table in bench.tables))

    asyncio.run(play())


def likes_of(table: RelationshipsTable, number: int = 0) -> int:
    """Interactions remembered in a partition: 16 bytes each after the head."""
    (lease,) = (lease for lease in table.leases() if lease.number == number)
    return sum((len(value) - 1) // 16 for value in lease.state.relationships.values())


def position(table: RelationshipsTable, bench: Bench, number: int = 0) -> int:
    return {(tp.topic, tp.partition): at for tp, at in table.positions().items()}[
        bench.likes, number
    ]


def test_the_next_owner_finds_what_was_flushed_and_reads_on_from_there(broker: Broker) -> None:
    async def story(bench: Bench) -> None:
        first, second = bench.table(), bench.table()
        assert await first.take({0}, always)
        first.apply(bench.chunk(0, like(1), like(2), like(2)))
        await first.flush()
        first.apply(bench.chunk(3, like(3)))  # never flushed: to be read again
        assert await second.take({0, 1}, always)
        assert (likes_of(second), position(second, bench)) == (2, 3)
        (lease, _) = second.leases()
        assert lease.state.clock == first.leases()[0].state.clock

    run(broker, story)


def test_an_owner_that_was_replaced_can_write_no_more_and_is_told_to_stop(broker: Broker) -> None:
    async def story(bench: Bench) -> None:
        old, new = bench.table(), bench.table()
        assert await old.take({0}, always)
        old.apply(bench.chunk(0, like(1)))
        assert await new.take({0}, always)
        with pytest.raises(Fenced, match="partition 0 has a new owner"):
            await old.flush()
        new.apply(bench.chunk(0, like(1), like(2)))
        await new.flush()
        third = bench.table()
        assert await third.take({0}, always)
        assert (likes_of(third), position(third, bench)) == (2, 2)

    run(broker, story)


def test_a_partition_that_seems_kept_is_proven_even_with_nothing_to_write(broker: Broker) -> None:
    """Faust says "kept" of a partition that another worker owned in between."""

    async def story(bench: Bench) -> None:
        sleeper, other = bench.table(), bench.table()
        assert await sleeper.take({0}, always)
        await sleeper.flush()  # what it has is written
        assert await other.take({0}, always)
        other.apply(bench.chunk(0, like(1)))
        await other.flush()
        with pytest.raises(Fenced):
            await sleeper.take({0}, always)

    run(broker, story)


def test_a_kept_partition_keeps_its_memory_and_its_producer(broker: Broker) -> None:
    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        table.apply(bench.chunk(0, like(1)))
        (before,) = table.leases()
        assert await table.take({0, 1}, always)
        kept, new = table.leases()
        assert kept is before
        assert kept.producer is before.producer
        assert (likes_of(table), new.number) == (1, 1)

    run(broker, story)


def test_a_partition_that_was_lost_is_dropped_and_read_anew_when_it_returns(
    broker: Broker,
) -> None:
    async def story(bench: Bench) -> None:
        table, other = bench.table(), bench.table()
        assert await table.take({0, 1}, always)
        table.apply(bench.chunk(0, like(1)))
        await table.flush()
        assert await table.take({1}, always)
        assert [lease.number for lease in table.leases()] == [1]
        assert await other.take({0}, always)
        other.apply(bench.chunk(1, like(2)))
        await other.flush()
        assert await other.take(set(), always)
        assert await table.take({0, 1}, always)
        assert (likes_of(table), position(table, bench)) == (2, 2)

    run(broker, story)


@pytest.mark.parametrize("asked", [1, 2, 3])
def test_a_takeover_that_a_rebalance_overtakes_is_abandoned_and_can_be_done_again(
    broker: Broker, asked: int
) -> None:
    """It is asked after every await whether it is still current; here the nth answer is no."""

    async def story(bench: Bench) -> None:
        writer, table = bench.table(), bench.table()
        assert await writer.take({0}, always)
        writer.apply(bench.chunk(0, like(1)))
        await writer.flush()
        answers = iter([True] * asked)
        next(answers)
        assert not await table.take({0}, lambda: next(answers, False))
        assert table.leases() == []
        assert await table.take({0}, always)
        assert likes_of(table) == 1

    run(broker, story)


def test_chunks_applied_while_a_flush_is_under_way_belong_to_the_next_one(broker: Broker) -> None:
    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        for offset in range(0, 40, 2):
            table.apply(bench.chunk(offset, like(offset)))
            flushing = asyncio.ensure_future(table.flush())
            await asyncio.sleep(0)  # the flush has begun and waits for the broker
            table.apply(bench.chunk(offset + 1, like(offset + 1)))
            await flushing
        await table.flush()
        heir = bench.table()
        assert await heir.take({0}, always)
        assert (likes_of(heir), position(heir, bench)) == (40, 40)

    run(broker, story)


def test_a_flush_with_nothing_to_say_writes_nothing(broker: Broker) -> None:
    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        table.apply(bench.chunk(0, like(1)))
        await table.flush()
        before = len(await bench.read(bench.changelog))
        await table.flush()
        assert len(await bench.read(bench.changelog)) == before == 2

    run(broker, story)


def test_records_that_were_skipped_stop_the_worker_and_repeated_ones_are_passed_over(
    broker: Broker,
) -> None:
    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        table.apply(bench.chunk(0, like(1), like(2)))
        table.apply(bench.chunk(0, like(1), like(2), like(3)))
        assert (likes_of(table), position(table, bench)) == (3, 3)
        assert bench.meters.events["likes"]["replayed"] == 2
        with pytest.raises(BrokenInvariant, match="records from 3 to 5 were skipped"):
            table.apply(bench.chunk(5, like(6)))
        with pytest.raises(BrokenInvariant, match="not ours"):
            table.apply(bench.chunk(0, like(1), number=1))

    run(broker, story)


def test_dead_letters_and_re_sent_records_go_with_the_flush_of_their_chunk(
    broker: Broker,
) -> None:
    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        table.apply(bench.chunk(0, b"{nope", like(1, number=1), like(2)))
        assert await bench.read(bench.dead_letters) == []
        await table.flush()
        (dead,) = await bench.read(bench.dead_letters)
        headers = dict(dead.headers)
        assert dead.value == b"{nope"
        assert headers["closeknit-reason"] == b"not_json"
        origin = [headers[f"closeknit-{part}"] for part in ("topic", "partition", "offset")]
        assert origin == [bench.likes.encode(), b"0", b"0"]
        (again,) = (await bench.read(bench.likes, number=1))[WRITTEN:]
        assert json.loads(again.value) == like(1, number=1)
        assert again.timestamp == 1_000
        assert dict(again.headers) == {"closeknit-rerouted-from": f"{bench.likes}/0/1".encode()}

    run(broker, story)


def test_a_dead_letter_is_kept_whole_however_large_its_record(broker: Broker) -> None:
    """A megabyte, near the most that a source topic takes by default, and our headers."""
    large = b"x" * 1_000_000

    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        table.apply(bench.chunk(0, large, large))
        await table.flush()
        dead = await bench.read(bench.dead_letters)
        assert [letter.value for letter in dead] == [large, large]
        assert {dict(letter.headers)["closeknit-reason"] for letter in dead} == {b"too_large"}

    run(broker, story)


def test_a_record_re_sent_once_and_misplaced_again_is_a_dead_letter(broker: Broker) -> None:
    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        chunk = bench.chunk(0, like(1, number=1))
        headers = (("closeknit-rerouted-from", b"likes/1/7"),)
        chunk.records[0].headers = headers
        table.apply(chunk)
        await table.flush()
        (dead,) = await bench.read(bench.dead_letters)
        assert dict(dead.headers)["closeknit-reason"] == b"misplaced"
        assert dead.headers[-1] == headers[0]

    run(broker, story)


def test_values_written_with_other_settings_stop_the_worker_and_both_are_named(
    broker: Broker,
) -> None:
    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        table.apply(bench.chunk(0, like(1)))
        await table.flush()
        heavier = bench.table(RULES._replace(strength=Strength(like=3.0)))
        with pytest.raises(UnfitState, match=r"like was 1\.0 and is now 3\.0.*closeknit reset"):
            await heavier.take({0}, always)
        wider = bench.table(RULES._replace(partitions=4))
        with pytest.raises(UnfitState, match=r"partitions was 2\.0 and is now 4\.0"):
            await wider.take({0}, always)

    run(broker, story)


def test_a_changelog_of_a_newer_version_stops_the_worker(broker: Broker) -> None:
    async def story(bench: Bench) -> None:
        record = PartitionRecord(format=9, clock=5, next={}, settings={})
        await bench.write(KEY, record.encode())
        with pytest.raises(UnfitState, match="format 9"):
            await bench.table().take({0}, always)

    run(broker, story)


def test_a_value_that_we_cannot_have_written_stops_the_worker(broker: Broker) -> None:
    async def story(bench: Bench) -> None:
        await bench.write(b"brand m0", b"\x10too short")
        with pytest.raises(BrokenInvariant, match="corrupt"):
            await bench.table().take({0}, always)

    run(broker, story)
