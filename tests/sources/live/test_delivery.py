"""Delivery: events, memory and cursor in one transaction, in order, and by one process only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from schemas.events import Event, Reason, decode
from streams.dead_letters.letters import Box, DeadLetter, Selection, read_letters
from streams.sources.live import delivery as delivering
from streams.sources.live.delivery import Delivery, Places
from streams.sources.live.meters import Meters
from streams.sources.live.process import _until_over, pump
from streams.sources.live.source import Batch, Kept, Refused, Source, SourceFailed
from streams.sources.live.state import read_kept
from streams.table.halt import Fenced, FlushFailed
from streams.table.producer import Producer
from tests.brokers.clients import create_topic, records, run
from tests.conftest import Broker

_apps = count(1)


def like(number: int, **fields: Any) -> Event:
    return Event(
        kind="like",
        id=f"like-{number}",
        account="acme",
        member="ada",
        at="2026-03-01T12:00:00Z",
        **fields,
    )


class Place:
    """Topics of one partition each, and deliveries into them."""

    def __init__(self, broker: Broker) -> None:
        self.app = f"delivery{next(_apps)}"
        self.kafka = {"bootstrap_servers": [broker.bootstrap]}
        self.bootstrap = broker.bootstrap
        self.places = Places(
            {kind: f"{self.app}-{kind}" for kind in ("like", "reply", "follow", "share")},
            1,
            f"{self.app}-dead-letters",
            f"{self.app}-sources",
        )
        for topic in (*self.places.topics.values(), *self.places[2:]):
            create_topic(broker.bootstrap, topic)

    @asynccontextmanager
    async def producer(self, name: str = "toy") -> AsyncIterator[Producer]:
        producer = Producer(**self.kafka, transactional_id=f"{self.app}-source-{name}")
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    @asynccontextmanager
    async def delivery(self, **options: Any) -> AsyncIterator[Delivery]:
        """A delivery at work, closed at the end: all that was submitted is committed."""
        async with self.producer() as producer:
            delivery = Delivery("toy", producer, self.places, Meters("toy"), **options)
            running = asyncio.create_task(delivery.run())
            try:
                yield delivery
            finally:
                delivery.close()
                await running

    async def likes(self, **options: Any) -> list[str]:
        """The ids of the delivered likes."""
        found = await records(self.bootstrap, self.places.topics["like"], **options)
        return [decode(record.value or b"").id for record in found]

    async def kept(self, name: str = "toy") -> Kept:
        return await read_kept(self.kafka, self.places.state, name)


@pytest.fixture
def place(broker: Broker) -> Place:
    return Place(broker)


def test_what_was_delivered_is_given_back_at_the_next_start(place: Place) -> None:
    """The latest cursor, and what is remembered and not forgotten; of this source alone."""

    async def story() -> None:
        assert await place.kept() == Kept(None, {})
        async with place.delivery() as delivery:
            await delivery.submit(Batch([like(1)], {"a": b"1", "b": b"2"}, b"at 1"))
            await delivery.submit(Batch([like(2)], {"a": None, "c": b"3"}, b"at 2"))
            await delivery.submit(Batch([like(3)], {"c": b"4"}))
        assert await place.likes() == ["like-1", "like-2", "like-3"]
        assert await place.kept() == Kept(b"at 2", {"b": b"2", "c": b"4"})
        assert await place.kept("other") == Kept(None, {})
        assert await place.kept("to") == Kept(None, {})

    run(story())


def test_a_batch_is_committed_when_its_future_is_done(place: Place) -> None:
    """What a gateway waits for before it thanks the sender."""

    async def story() -> None:
        async with place.delivery() as delivery:
            committed = await delivery.submit(Batch([like(1)]))
            assert not committed.done()
            await committed
            assert await place.likes() == ["like-1"]

    run(story())


def test_what_waits_together_goes_in_one_transaction(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy source pays for few."""

    async def story() -> None:
        async with place.delivery(linger=30.0) as delivery:
            begun = 0
            begin = delivery._producer.begin_transaction

            async def counted() -> None:
                nonlocal begun
                begun += 1
                await begin()

            monkeypatch.setattr(delivery._producer, "begin_transaction", counted)
            for number in range(100):
                await delivery.submit(Batch([like(number)]))
        assert begun == 1
        assert await place.likes() == [f"like-{number}" for number in range(100)]

    run(story())


def test_a_cursor_alone_is_committed_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the look-back of a platform would run out while nothing happens that concerns us."""
    monkeypatch.setattr(delivering, "IDLE_COMMIT", 0.05)

    async def story() -> None:
        async with place.delivery() as delivery:
            await (await delivery.submit(Batch(cursor=b"far", left_out={"not ours": 9})))
            assert (await place.kept()).cursor == b"far"

    run(story())


def test_whoever_has_more_than_fits_waits_for_room(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a source cannot hoard: with the broker away its memory stays what it was."""
    monkeypatch.setattr(delivering, "ROOM", 10)

    async def story() -> None:
        async with place.producer() as producer:
            delivery = Delivery("toy", producer, place.places, Meters("toy"))
            for number in range(10):
                assert not delivery.full
                await delivery.submit(Batch([like(number)]))
            assert delivery.full
            eleventh = asyncio.create_task(delivery.submit(Batch([like(10)])))
            await asyncio.wait({eleventh}, timeout=0.2)
            assert not eleventh.done()
            running = asyncio.create_task(delivery.run())
            await (await eleventh)
            delivery.close()
            await running
        assert len(await place.likes()) == 11

    run(story())


def test_what_is_no_event_becomes_a_dead_letter_beside_the_others(place: Place) -> None:
    """Refused by the source, or by the rules that the engine applies."""

    async def story() -> None:
        from_elsewhere = Refused(
            b"{oops", Reason.NOT_JSON, "broken", "theirs", 3, 14, 1500, b"key", [("own", b"header")]
        )
        async with place.delivery() as delivery:
            batch = Batch([like(1), like(2, direction="outbound"), Event("like", "now")])
            await delivery.submit(batch._replace(refused=[from_elsewhere]))
        assert await place.likes() == ["like-1", "like-2"]
        by_topic = {
            dict(letter.headers)["closeknit-topic"]: letter
            for letter in await records(place.bootstrap, place.places.dead_letters)
        }
        theirs = by_topic[b"theirs"]
        assert (theirs.key, theirs.value) == (b"key", b"{oops")
        assert dict(theirs.headers)["closeknit-offset"] == b"14"
        assert theirs.headers[-1] == ("own", b"header")
        ours = by_topic[b"source:toy"]
        assert dict(ours.headers)["closeknit-reason"] == b"invalid_time"

    run(story())


def test_what_a_source_refused_is_listed_each_once(place: Place) -> None:
    """However often the platform says it."""

    async def story() -> list[DeadLetter]:
        async with place.delivery() as delivery:
            for value in (b"one", b"two", b"one"):
                refused = Refused(value, Reason.NOT_JSON, "nonsense", "source:toy")
                await delivery.submit(Batch(refused=[refused]))
        box = Box(place.kafka, place.places.dead_letters, 1)
        return [letter async for letter in read_letters(box, Selection())]

    assert sorted(letter.value or b"" for letter in run(story())) == [b"one", b"two"]


def test_a_second_process_of_the_same_name_shuts_the_first_out(place: Place) -> None:
    """Its writes are refused, so nothing is delivered by both."""

    async def story() -> None:
        async with place.producer() as first:
            delivery = Delivery("toy", first, place.places, Meters("toy"))
            running = asyncio.create_task(delivery.run())
            await (await delivery.submit(Batch([like(1)], cursor=b"1")))
            async with place.delivery() as second:
                await (await second.submit(Batch([like(2)], cursor=b"2")))
            committed = await delivery.submit(Batch([like(3)], cursor=b"3"))
            with pytest.raises(Fenced, match="two need different names"):
                await running
            assert committed.cancelled()
        assert await place.likes() == ["like-1", "like-2"]
        assert (await place.kept()).cursor == b"2"

    run(story())


@pytest.mark.parametrize("commits", [0, 1])
def test_a_transaction_that_fails_leaves_nothing_and_is_not_gone_on_with(
    place: Place, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    """Events, memory and cursor, all or none, however many were committed before."""

    async def story() -> None:
        async with place.producer() as producer:
            delivery = Delivery("toy", producer, place.places, Meters("toy"))
            commit, left = producer.commit_transaction, iter(range(commits))

            async def refuse_at_last() -> None:
                if next(left, None) is None:
                    raise OSError("no more")
                await commit()

            monkeypatch.setattr(producer, "commit_transaction", refuse_at_last)
            running = asyncio.create_task(delivery.run())
            for n in range(commits + 1):
                batch = Batch([like(n)], {str(n): b"1"}, b"%d" % n)
                committed = await delivery.submit(batch)
                await asyncio.wait({committed, running}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():  # nothing more will be taken
                    break
            with pytest.raises(FlushFailed, match="Nothing is lost"):
                await running
        async with place.delivery() as successor:
            await successor.submit(Batch([like(9)]))
        before = range(commits)
        assert await place.likes() == [f"like-{n}" for n in (*before, 9)]
        assert await place.kept() == Kept(
            b"%d" % before[-1] if before else None, {str(n): b"1" for n in before}
        )

    run(story())


class Toy:
    """A source that yields, and then does as it is told."""

    name = "toy"

    def __init__(self, batches: Sequence[Batch], then: Callable[[], Any]) -> None:
        self._batches = batches
        self._then = then
        self.closed = False

    async def batches(self, _: Kept) -> AsyncIterator[Batch]:
        try:
            for batch in self._batches:
                yield batch
            await self._then()
        finally:
            self.closed = True


async def _nothing() -> None:
    pass


async def _refused() -> None:
    raise SourceFailed("the token is wrong: make a new one")


def _end(place: Place, source: Source, stop: asyncio.Event | None = None) -> int:
    async def story() -> int:
        async with place.producer() as producer:
            delivery = Delivery("toy", producer, place.places, Meters("toy"))
            feeding = pump(source)(Kept(None, {}), delivery)
            return await _until_over("toy", feeding, delivery, stop or asyncio.Event())

    return run(story())


def test_a_source_that_has_no_more_ends_with_everything_delivered(place: Place) -> None:
    """Exit status 0."""
    assert _end(place, Toy([Batch([like(1)]), Batch([like(2)])], _nothing)) == 0
    assert run(place.likes()) == ["like-1", "like-2"]


def test_a_source_that_is_told_to_stop_is_closed_and_all_it_said_delivered(place: Place) -> None:
    """Also what it said just before."""

    async def story() -> None:
        stop = asyncio.Event()

        async def wait_after_asking_to_stop() -> None:
            stop.set()
            await asyncio.Event().wait()

        source = Toy([Batch([like(1)])], wait_after_asking_to_stop)
        async with place.producer() as producer:
            delivery = Delivery("toy", producer, place.places, Meters("toy"), linger=30.0)
            feeding = pump(source)(Kept(None, {}), delivery)
            assert await _until_over("toy", feeding, delivery, stop) == 0
        assert source.closed
        assert await place.likes() == ["like-1"]

    run(story())


def test_a_source_that_a_restart_will_not_mend_ends_with_3_and_says_why(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """What it said before is delivered."""
    assert _end(place, Toy([Batch([like(1)])], _refused)) == 3
    assert "the token is wrong" in caplog.text
    assert run(place.likes()) == ["like-1"]


def test_a_defect_of_a_source_is_not_hidden(place: Place) -> None:
    """It ends the process with its traceback."""

    async def crash() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _end(place, Toy([], crash))


def test_metrics_name_the_source_and_no_member() -> None:
    """What Prometheus sees of a delivered batch."""
    meters = Meters("toy")
    meters.heard()
    refused = [Refused(b"", Reason.EMPTY, "", "x")]
    meters.delivered(
        [Batch([like(1)], refused=refused), Batch([like(2)], left_out={"not ours": 4})]
    )
    page = meters.page().decode()
    assert 'closeknit_source_events_total{kind="like",op="add",source="toy"} 2.0' in page
    assert 'closeknit_source_refused_total{reason="empty",source="toy"} 1.0' in page
    assert 'closeknit_source_left_out_total{reason="not ours",source="toy"} 4.0' in page
    assert "ada" not in page
