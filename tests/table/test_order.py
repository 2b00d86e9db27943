"""The order of things in a flush and in a takeover: what a crash in between would find."""

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any, cast

import pytest
from aiokafka.errors import IllegalOperation, KafkaConnectionError, ProducerFenced

from streams.core.partition import Partition, Rules
from streams.core.partition_record import KEY
from streams.metrics.meters import Meters
from streams.table import BrokenInvariant, Fenced, FlushFailed, RelationshipsTable, TableSettings
from streams.table.lease import Lease
from streams.table.transaction import commit
from tests.conftest import Broker
from tests.table.test_table import (
    RULES,
    WRITTEN,
    Bench,
    always,
    like,
    likes_of,
    no_topic_ids,
    position,
    run,
    stop,
)


def test_each_transaction_holds_exactly_the_chunks_that_its_offsets_say(broker: Broker) -> None:
    """Chunks are applied while flushes wait; each event is a like, so likes = next offset."""

    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        for offset in range(0, 30, 3):
            table.apply(bench.chunk(offset, like(offset)))
            flushing = asyncio.ensure_future(table.flush())
            for later in (1, 2):
                await asyncio.sleep(0.001 * later)  # somewhere within the flush
                table.apply(bench.chunk(offset + later, like(offset + later)))
            await flushing
        await table.flush()
        likes, seen = 0, []
        for record in await bench.read(bench.changelog):
            if record.key == KEY:
                seen.append((likes, json.loads(record.value)["next"][bench.likes]["offset"]))
            else:
                likes = (len(record.value) - 1) // 16
        assert seen[-1] == (30, 30)
        assert all(held == said for held, said in seen), seen

    run(broker, story)


def test_a_flush_returns_when_it_is_committed(broker: Broker) -> None:
    """What stops in good order says so on the strength of it."""

    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        table.apply(bench.chunk(0, like(1)))
        await table.flush()
        assert not table.unflushed
        assert len(await bench.read(bench.changelog)) == 2

    run(broker, story)


def test_a_flush_whose_asker_is_cancelled_is_committed_all_the_same(broker: Broker) -> None:
    """It has taken what was dirty: nobody else could write that any more."""

    async def story(bench: Bench) -> None:
        table, heir = bench.table(), bench.table()
        assert await table.take({0}, always)
        table.apply(bench.chunk(0, like(1)))
        asker = asyncio.ensure_future(table.flush())
        for _ in range(5):  # steps of the loop, no time
            await asyncio.sleep(0)
        assert table.partitions()[0].dirty == 0, "the flush has not begun"
        asker.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asker
        await table.flush()  # waits for its turn
        assert await heir.take({0}, always)
        assert (likes_of(heir), position(heir, bench)) == (1, 1)

    run(broker, story)


def test_a_partition_is_flushed_once_at_a_time(broker: Broker) -> None:
    """Whoever asks: the clock, a chunk that made too much dirty, a rebalance."""

    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        flushes = []
        for offset in range(10):
            table.apply(bench.chunk(offset, like(offset)))
            flushes.append(asyncio.ensure_future(table.flush()))
            await asyncio.sleep(0)
        await asyncio.gather(*flushes)
        assert not table.unflushed

    run(broker, story)


def test_what_is_sent_beside_the_values_is_sent_once(broker: Broker) -> None:
    async def story(bench: Bench) -> None:
        table = bench.table()
        assert await table.take({0}, always)
        table.apply(bench.chunk(0, b"{nope", like(1, number=1)))
        await table.flush()
        table.apply(bench.chunk(2, like(2)))
        await table.flush()
        assert len(await bench.read(bench.dead_letters)) == 1
        assert len((await bench.read(bench.likes, number=1))[WRITTEN:]) == 1

    run(broker, story)


def test_an_earlier_owner_is_shut_out_before_the_changelog_is_read(broker: Broker) -> None:
    """Else it could add to what has just been read."""

    async def story(bench: Bench) -> None:
        old = bench.table()
        assert await old.take({0}, always)
        old.apply(bench.chunk(0, like(1)))

        async def meanwhile(names: Collection[str]) -> Mapping[str, str | None]:
            """Asked for just before the changelog is read."""
            with pytest.raises(Fenced):
                await old.flush()
            return await no_topic_ids(names)

        new = bench.table(topic_ids=meanwhile)
        assert await new.take({0}, always)
        assert likes_of(new) == 0

    run(broker, story)


@pytest.mark.parametrize(
    ("overtaken_by", "producers", "asked", "restored"),
    [
        ("the proof of what is kept", 0, False, 0),
        ("the producer's start", 1, False, 0),
        ("the question for topic ids", 1, True, 0),
        ("the reading of the changelog", 1, True, 1),
    ],
)
def test_a_takeover_stops_after_the_very_await_in_which_it_was_overtaken(
    broker: Broker, overtaken_by: str, producers: int, asked: bool, restored: int
) -> None:
    """Each row is abandoned one step later, having done nothing of the next."""

    async def story(bench: Bench) -> None:
        writer = bench.table()
        assert await writer.take({0}, always)
        writer.apply(bench.chunk(0, like(1)))
        await writer.flush()
        questions: list[object] = []

        async def topic_ids(names: Collection[str]) -> Mapping[str, str | None]:
            questions.append(names)
            return await no_topic_ids(names)

        table = bench.table(topic_ids=topic_ids)

        def done() -> tuple[int, bool, int]:
            views = table.partitions()
            return len(views), bool(questions), sum(view.relationships for view in views)

        assert not await table.take({0}, lambda: done() != (producers, asked, restored))
        assert done() == (producers, asked, restored), f"overtaken by {overtaken_by}"
        assert table.leases() == []

    run(broker, story)


class Failing:
    """A producer whose nth step fails."""

    def __init__(self, step: str, error: BaseException) -> None:
        self.step, self.error = step, error
        self.failure: BaseException | None = None
        self.aborted = False

    def create_batch(self) -> Any:
        class Batch:
            def append(self, **_: Any) -> object:
                return object()

            def close(self) -> None: ...

        return Batch()

    async def begin_transaction(self) -> None:
        self._maybe_fail("begin")

    async def send_batch(self, *_: Any, **__: Any) -> "asyncio.Future[object]":
        self._maybe_fail("send")
        delivery = asyncio.get_running_loop().create_future()
        if self.step == "deliver":
            delivery.set_exception(self.error)
        else:
            delivery.set_result(object())
        return delivery

    async def commit_transaction(self) -> None:
        self._maybe_fail("commit")
        if self.step == "hang":
            await asyncio.Event().wait()

    async def abort_transaction(self) -> None:
        self.aborted = True

    def _maybe_fail(self, step: str) -> None:
        if step == self.step:
            raise self.error


@pytest.mark.parametrize("step", ["begin", "send", "deliver", "commit", "hang"])
def test_a_transaction_that_fails_ends_the_process_with_76_and_is_never_gone_on_with(
    step: str,
) -> None:
    """The next owner aborts it: what memory holds may not be what the changelog holds."""
    producer = Failing(step, KafkaConnectionError())
    lease = Lease(0, Partition(0, Rules(partitions=1)), cast(Any, producer))
    snapshot = lease.snapshot({}, forced=True)
    assert snapshot is not None
    with pytest.raises(FlushFailed, match="partition 0") as failure:
        asyncio.run(commit(lease, snapshot, "changelog", deadline=0.05))
    assert failure.value.code == 76
    assert not producer.aborted


def test_a_producer_that_was_shut_out_between_two_sends_says_so_all_the_same() -> None:
    """The next send is refused with an error that tells nothing: a matter of microseconds."""
    producer = Failing("send", IllegalOperation("Can't send messages while not in transaction"))
    producer.failure = ProducerFenced()
    lease = Lease(0, Partition(0, Rules(partitions=1)), cast(Any, producer))
    snapshot = lease.snapshot({}, forced=True)
    assert snapshot is not None
    with pytest.raises(Fenced, match="partition 0 has a new owner"):
        asyncio.run(commit(lease, snapshot, "changelog", deadline=5))


class Unsettled:
    """A partition that cannot be settled: around one, as nothing inherits from a compiled class."""

    def __init__(self, number: int, rules: Rules) -> None:
        self._state = Partition(number, rules)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._state, name)

    def settle(self) -> list[tuple[bytes, bytes]]:
        raise KeyError("never expected")


@pytest.mark.parametrize("step", ["settle", "begin", "send", "deliver", "commit"])
def test_an_error_of_our_own_in_a_flush_is_final(step: str) -> None:
    """What this flush had taken would be missing from the next one, and nothing would tell."""
    state: Any = (Unsettled if step == "settle" else Partition)(0, Rules(partitions=1))
    lease = Lease(0, state, cast(Any, Failing(step, KeyError("never expected"))))
    lease.recovered = True
    settings = TableSettings("app", {}, "changelog", "dead-letters", RULES, {}, 1000, 1000, 1000)
    table = RelationshipsTable(settings, Meters(), lambda: 0, no_topic_ids, stop)
    table._leases[0] = lease
    with pytest.raises(BrokenInvariant, match=r"flushing partition 0 failed.*never expected"):
        asyncio.run(table.flush())
