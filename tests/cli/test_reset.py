"""Reset: forgets the tables, never under the feet of a worker."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.settings import Settings, load
from streams.topics import administration, find
from tests.cli.conftest import Closeknit
from tests.cli.kafka import Put, read, write


@contextmanager
def member(settings: Settings) -> Iterator[None]:
    """A consumer in the workers' group, which has committed an offset."""
    joined, leave = Event(), Event()

    async def stay() -> None:
        consumer = AIOKafkaConsumer(
            settings.topics["like"], **settings.connection(), group_id=settings.app
        )
        await consumer.start()
        try:
            await consumer.getmany(timeout_ms=100)
            await consumer.commit(dict.fromkeys(consumer.assignment(), 1))
            joined.set()
            await asyncio.to_thread(leave.wait)
        finally:
            await consumer.stop()

    thread = Thread(target=lambda: asyncio.run(stay()))
    thread.start()
    try:
        assert joined.wait(30)
        yield
    finally:
        leave.set()
        thread.join()


def committed(settings: Settings) -> int | None:
    async def ask() -> int | None:
        consumer = AIOKafkaConsumer(**settings.connection(), group_id=settings.app)
        await consumer.start()
        try:
            found: int | None = await consumer.committed(TopicPartition(settings.topics["like"], 0))
            return found
        finally:
            await consumer.stop()

    return asyncio.run(ask())


def test_reset_empties_the_changelog_and_forgets_the_offsets(on_broker: Closeknit) -> None:
    """Nothing else: events and dead letters stay."""
    on_broker("topics", "create")
    settings = load()
    topics = [settings.changelog, settings.dead_letters, settings.topics["like"]]
    write(settings, [Put(topic, 0, b"k", b"v") for topic in topics])
    with member(settings):
        output = on_broker("reset", "--yes", expect=3).output
        assert f"the consumer group {settings.app} has live members (" in output
        assert [len(read(settings, topic)) for topic in topics] == [1, 1, 1]
    assert committed(settings) == 1
    on_broker("reset", "--yes")
    assert [len(read(settings, topic)) for topic in topics] == [0, 1, 1]
    assert committed(settings) is None
    assert "as they should be" in on_broker("topics", "check").output


def test_reset_asks_first(on_broker: Closeknit) -> None:
    """No is no."""
    on_broker("topics", "create")
    settings = load()
    write(settings, [Put(settings.changelog, 0, b"k", b"v")])
    assert "Aborted" in on_broker("reset", input="n\n", expect=1).output
    assert len(read(settings, settings.changelog)) == 1
    on_broker("reset", input="y\n")
    assert read(settings, settings.changelog) == []


def test_resetting_what_never_was_creates_nothing(on_broker: Closeknit) -> None:
    """A mistyped app must not litter a cluster, nor look as if something had been forgotten."""
    settings = load()
    output = on_broker("reset", "--yes", expect=3).output
    assert f"there is nothing of {settings.app} at {settings.broker}" in output
    assert "Is CLOSEKNIT_APP right?" in output
    with administration(settings.connection()) as admin:
        assert find(admin, [settings.changelog]) == {}
