"""What is asked of every live source that goes and gets what happened.

A platform of the test's own tells one story; whatever befalls the source, its events are delivered
once each, in their order, and the tables are those of a source that nothing befell. A test module
subclasses `SourceContract` and says how its platform is made: see `Case`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from random import Random
from typing import Any

import pytest
from aiokafka import TopicPartition

from schemas.events import Event, decode, encode
from streams.sources.live.delivery import ROOM, Delivery, Places
from streams.sources.live.meters import Meters
from streams.sources.live.process import pump
from streams.sources.live.source import Batch, Kept, Source
from streams.table.producer import Producer
from tests.brokers.clients import reader, records, run
from tests.conftest import Broker
from tests.engine.system import PATIENCE, System, Worker, await_that
from tests.engine.test_recorded import assert_equal_to_the_recount
from tests.model.recount import Recount

KILLS = 3

NewSystem = Callable[..., System]


class Case(ABC):
    """A platform of the test's own, and how a source is pointed at it.

    Attributes:
        command: the words after `closeknit source`.
        events: what its whole story means, in its order.
    """

    command: Sequence[str]
    events: Sequence[Event]

    @abstractmethod
    def source(self, meters: Meters) -> Source:
        """The same source, in this process; impatient where it has a choice."""

    @abstractmethod
    def handed_out(self) -> int:
        """How much the platform has told: any number that rises with it, also when repeated."""

    @abstractmethod
    def babble(self) -> None:
        """From now on, say things in between that are no events."""

    @abstractmethod
    def flood(self) -> int:
        """Have far more to tell than may wait anywhere (50 MB); return `handed_out` at its end."""


class SourceContract:
    """The claims. A subclass has the fixture `case`, which yields a `Case` with its story told."""

    @pytest.mark.kafka
    def test_killed_at_any_moment_it_loses_nothing_and_doubles_nothing(
        self, case: Case, real_kafka: Broker, new_system: NewSystem
    ) -> None:
        """Each event is delivered once, in its order; the tables are those of no misfortune."""
        system = new_system(real_kafka, partitions=1)
        random = Random(case.events[0].id)
        for _ in range(KILLS):
            source = system.source(*case.command)
            enough = case.handed_out() + random.randint(1, len(case.events) // KILLS)
            await_that(lambda: case.handed_out() >= enough, "the platform is asked")  # noqa: B023
            source.kill()
        source = system.source(*case.command)
        await_delivered(system, case.events)
        assert stop(source) == 0, source.said()[-3000:]
        assert delivered(system) == by_kind(case.events)

        system.catch_up()
        assert_equal_to_the_recount(system, recounted(case.events))

    def test_it_stops_in_good_order_goes_on_where_it_was_and_its_heart_beats_while_idle(
        self, case: Case, embedded_broker: Broker, new_system: NewSystem
    ) -> None:
        """SIGTERM amid the story and after it: exit status 0, and everything said is delivered."""
        system = new_system(embedded_broker, partitions=1)
        source = system.source(*case.command)
        await_that(lambda: case.handed_out() > 0, "the platform is asked")
        assert stop(source) == 0, source.said()[-3000:]
        assert "everything that it said is delivered" in source.said()

        source = system.source(*case.command)
        await_delivered(system, case.events)
        beat = heartbeat(source)
        assert abs(beat - time.time()) < 120
        await_that(lambda: heartbeat(source) > beat, "its heart beats")
        assert stop(source) == 0, source.said()[-3000:]
        assert delivered(system) == by_kind(case.events)

    def test_what_is_no_event_is_counted_and_does_no_harm(self, case: Case) -> None:
        """Kept for a dead letter each; the events are as without."""
        case.babble()
        events: list[Event] = []
        refused = 0

        async def story() -> None:
            nonlocal refused
            async with asyncio.timeout(60), aclosing(_batches(case)) as batches:
                async for batch in batches:
                    events.extend(batch.events)
                    refused += len(batch.refused)
                    if len(events) >= len(case.events):
                        return

        run(story())
        assert events == list(case.events)
        assert refused > 0

    def test_while_kafka_is_away_it_takes_no_more_than_has_room(
        self, case: Case, embedded_broker: Broker
    ) -> None:
        """The platform is not read on: what waits here is bounded, whatever there is to tell."""
        total = case.flood()
        submitted = 0

        class Counted(Delivery):
            async def submit(self, batch: Batch) -> asyncio.Future[None]:
                nonlocal submitted
                future = await super().submit(batch)
                submitted += len(batch.events)
                return future

        async def story() -> None:
            # Its `run` is never called: nothing is ever delivered.
            producer = Producer(bootstrap_servers=embedded_broker.bootstrap)
            places = Places({}, 1, "", "")
            delivery = Counted("toy", producer, places, Meters("toy"))
            feeding = asyncio.ensure_future(
                pump(case.source(Meters("toy")))(Kept(None, {}), delivery)
            )
            await asyncio.to_thread(await_that, lambda: delivery.full, "there is no more room")
            await asyncio.to_thread(await_that, still(case.handed_out), "the platform is left")
            feeding.cancel()
            await asyncio.wait({feeding})
            await producer.stop()

        run(story())
        assert submitted < 2 * ROOM
        assert case.handed_out() < total * 0.8


def _batches(case: Case) -> Any:
    return case.source(Meters("toy")).batches(Kept(None, {}))


def still(reading: Callable[[], int]) -> Callable[[], bool]:
    """A condition: the reading was the same at twenty looks in a row."""
    seen = [-1] * 20

    def is_still() -> bool:
        seen.append(reading())
        return len(set(seen[-20:])) == 1

    return is_still


def stop(source: Worker) -> int:
    """End it as a supervisor does; its exit status."""
    await_that(lambda: "Metrics at" in source.said(), "the source runs")
    source.signal(signal.SIGTERM)
    return source.wait()


def heartbeat(source: Worker) -> float:
    """When it last heard from the platform."""
    page = source.get("/metrics")[1].splitlines()
    name = "closeknit_source_heartbeat_timestamp_seconds{"
    return max((float(line.split()[-1]) for line in page if line.startswith(name)), default=0.0)


def recounted(events: Iterable[Event]) -> Recount:
    """The tables that these events make if each is read once, in this order."""
    return Recount().read_all(json.loads(encode(event)) for event in events)


def by_kind(events: Sequence[Event]) -> dict[str, list[Event]]:
    """The events of each topic, in their order."""
    return {
        kind: [event for event in events if event.kind == kind]
        for kind in ("like", "reply", "follow", "share")
    }


def delivered(system: System) -> dict[str, list[Event]]:
    """What is in the topics, of which each has one partition."""

    async def read() -> dict[str, list[Event]]:
        return {
            kind: [decode(record.value or b"") for record in await records(broker, topic)]
            for kind, topic in system.settings.topics.items()
        }

    broker = system.settings.broker
    return run(read())


def await_delivered(system: System, events: Sequence[Event]) -> None:
    """Wait until so many are."""
    places = [TopicPartition(topic, 0) for topic in system.settings.topics.values()]

    async def arrive() -> None:
        arrived = 0
        broker = system.settings.broker
        async with asyncio.timeout(PATIENCE), reader(broker, "read_committed") as consumer:
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            while arrived < len(events):
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    arrived += len(batch)

    run(arrive())
