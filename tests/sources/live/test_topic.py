"""A topic through a mapping: the contract of live sources, and what is its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from itertools import chain, count, repeat
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from aiokafka import ConsumerRecord
from kafka import KafkaProducer
from kafka.admin import NewPartitions

from schemas.events import Event, Reason
from streams.sources.live import topic as sourcing
from streams.sources.live.meters import Meters
from streams.sources.live.source import Batch, Kept, Source, SourceFailed
from streams.sources.live.topic import TOMBSTONE, Cursor, TopicSource
from streams.sources.mapping import NO_RULE
from streams.sources.mapping_file import read_mapping
from streams.topics import topic_ids
from tests.brokers.clients import Admin, create_topic, run
from tests.conftest import Broker
from tests.sources.live.contract import Case, SourceContract

LENGTH = 300
PACE = 0.02
FLOOD = 8000
MAPPING = """
[[rule]]
when = "what == 'liked'"
kind = "like"
op = "undone && 'remove' || 'add'"
id = "n"
account = "'acme'"
member = "who"
at = "ms"
at_format = "epoch-ms"

[[rule]]
when = "what == 'answered'"
kind = "reply"
id = "n"
account = "'acme'"
member = "who"
at = "ms"
at_format = "epoch-ms"
"""
MAPPED = read_mapping(MAPPING, "m.toml")

_names = count(1)


def record(n: int, what: str = "liked", **fields: Any) -> bytes:
    said = {"n": n, "what": what, "who": f"member-{n % 7}", "ms": 1_783_175_887_000 + n * 60_000}
    return json.dumps(said | fields).encode()


def story() -> list[bytes]:
    """Likes, some of them taken back, answers, and what concerns nobody."""
    told = []
    for n in range(LENGTH):
        if n % 11 == 10:
            told.append(record(n - 10, undone=True, who=f"member-{(n - 10) % 7}"))
        else:
            told.append(record(n, ("liked", "answered", "read")[n % 3]))
    return told


class TopicCase(Case):
    """A topic that somebody writes to while it is read."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self._bootstrap = bootstrap
        self.topic = f"foreign-{next(_names)}-{time.time_ns()}"
        create_topic(bootstrap, self.topic)
        mapping = folder / "mapping.toml"
        mapping.write_text(MAPPING)
        self.command = ["topic", "--from", self.topic, "--mapping", str(mapping), "--name", "t"]
        self._story = story()
        self.events = [event for value in self._story for event in MAPPED.read(value)]
        self._told = self._read = 0
        self._pace = PACE
        self._babbles = self._here = False
        self._ended = threading.Event()
        self._writer = threading.Thread(target=self._tell)

    def __enter__(self) -> TopicCase:
        self._producer = KafkaProducer(bootstrap_servers=self._bootstrap, linger_ms=5)
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._writer.join()
        self._producer.close()

    def _tell(self) -> None:
        for value in chain(self._story, repeat(record(0, "read"))):  # in the end, of no concern
            self._producer.send(self.topic, value)
            if self._babbles:
                self._producer.send(self.topic, b"\xff no event")
            self._told += 1
            if self._ended.wait(self._pace):
                return

    def source(self, meters: Meters) -> Source:
        self._here = True
        case = self

        class Counted(TopicSource):
            def _read(self, records: Sequence[ConsumerRecord[bytes, bytes]]) -> Batch:
                case._read += len(records)
                return super()._read(records)

        return source(self._bootstrap, self.topic, kind=Counted, meters=meters)

    def handed_out(self) -> int:
        return self._read if self._here else self._told

    def babble(self) -> None:
        self._babbles, self._pace = True, 0.002

    def flood(self) -> int:
        values = [record(n) for n in range(FLOOD)]
        for value in values:
            self._producer.send(self.topic, value)
        self._producer.flush()
        return FLOOD


def source(
    bootstrap: str,
    topic: str,
    *,
    kind: type[TopicSource] = TopicSource,
    meters: Meters | None = None,
    start: Any = "beginning",
) -> TopicSource:
    connection = {"bootstrap_servers": [bootstrap]}

    async def ids(names: Sequence[str]) -> dict[str, str | None]:
        return await topic_ids(connection, names)

    return kind("t", topic, MAPPED, connection, ids, start, meters or Meters("t"))


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TopicCase]:
    """On the broker of the test: it is the platform, too."""
    real = "real_kafka" in request.fixturenames
    broker = request.getfixturevalue("real_kafka" if real else "embedded_broker")
    with TopicCase(broker.bootstrap, tmp_path) as found:
        yield found


class TestTopic(SourceContract):
    """See the contract."""


def write(bootstrap: str, topic: str, *values: bytes | None, partition: int = 0) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for value in values:
        producer.send(topic, value, key=b"key", headers=[("own", b"header")], partition=partition)
    producer.flush()
    producer.close()


async def until_idle(batches: AsyncIterator[Batch], events: int) -> list[Batch]:
    """Batches until so many events have come."""
    found: list[Batch] = []
    while sum(len(batch.events) for batch in found) < events:
        found.append(await anext(batches))
    return found


def ids(batches: Sequence[Batch]) -> list[str]:
    return [event.id for batch in batches for event in batch.events]


def read(one: TopicSource, events: int, cursor: bytes | None = None) -> list[Batch]:
    """What a source says from a cursor on."""

    async def story() -> list[Batch]:
        async with aclosing(cast("Any", one.batches(Kept(cursor, {})))) as batches:
            return await until_idle(batches, events)

    return run(story())


def test_what_is_no_event_is_kept_with_its_origin_and_the_rest_is_counted(broker: Broker) -> None:
    """Verbatim: key, value, headers, and where it was."""
    topic = f"foreign-{next(_names)}"
    create_topic(broker.bootstrap, topic)
    write(broker.bootstrap, topic, b"{", None, record(0, "read"), record(1, who=None), record(2))
    batches = read(source(broker.bootstrap, topic), 1)
    refused = [one for batch in batches for one in batch.refused]
    assert [(one.reason, one.offset, one.value) for one in refused] == [
        (Reason.NOT_JSON, 0, b"{"),
        (Reason.MISSING_FIELD, 3, record(1, who=None)),
    ]
    first = refused[0]
    assert (first.topic, first.partition, first.key) == (topic, 0, b"key")
    assert list(first.headers) == [("own", b"header")]
    assert first.timestamp > 0
    assert ids(batches) == ["2"]
    assert sum(batch.left_out.get(TOMBSTONE, 0) for batch in batches) == 1
    assert sum(batch.left_out.get(NO_RULE, 0) for batch in batches) == 1


def test_it_goes_on_behind_its_cursor_in_each_partition(broker: Broker) -> None:
    topic = f"foreign-{next(_names)}"
    create_topic(broker.bootstrap, topic, 2)
    write(broker.bootstrap, topic, record(0), record(1))
    write(broker.bootstrap, topic, record(2), partition=1)
    first = read(source(broker.bootstrap, topic), 3)
    assert sorted(ids(first)) == ["0", "1", "2"]
    write(broker.bootstrap, topic, record(3), partition=1)
    assert ids(read(source(broker.bootstrap, topic), 1, first[-1].cursor)) == ["3"]


def test_it_can_begin_at_the_end(broker: Broker) -> None:
    """And then it goes on from there, even if nothing came before it was stopped."""
    topic = f"foreign-{next(_names)}"
    create_topic(broker.bootstrap, topic)
    write(broker.bootstrap, topic, record(0))
    one = source(broker.bootstrap, topic, start="end")

    async def begin() -> Batch:
        async with aclosing(cast("Any", one.batches(Kept(None, {})))) as batches:
            return cast("Batch", await anext(batches))

    cursor = run(begin()).cursor
    write(broker.bootstrap, topic, record(1))
    assert ids(read(one, 1, cursor)) == ["1"]


@pytest.mark.kafka
@pytest.mark.parametrize("while_running", [False, True])
def test_a_topic_that_was_made_anew_is_read_from_its_start(
    real_kafka: Broker,
    while_running: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Though it has the same name, and offsets that look right."""
    monkeypatch.setattr(sourcing, "LOOK_AGAIN", 0.0)
    topic = f"foreign-{next(_names)}"
    create_topic(real_kafka.bootstrap, topic)
    write(real_kafka.bootstrap, topic, record(0), record(1))
    one = source(real_kafka.bootstrap, topic)

    def make_anew() -> None:
        with Admin(real_kafka.bootstrap) as admin:
            admin.delete_topics([topic])
        create_topic(real_kafka.bootstrap, topic)
        write(real_kafka.bootstrap, topic, record(7), record(8), record(9))

    async def story() -> list[Batch]:
        async with aclosing(cast("Any", one.batches(Kept(None, {})))) as batches:
            await until_idle(batches, 2)
            make_anew()
            return await until_idle(batches, 3)

    if while_running:
        found = run(story())
    else:
        cursor = read(one, 2)[-1].cursor
        make_anew()
        found = read(one, 3, cursor)
    assert set(ids(found)) >= {"7", "8", "9"}
    assert "created anew" in caplog.text


@pytest.mark.kafka
def test_a_partition_that_was_added_is_read_from_its_start(
    real_kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sourcing, "LOOK_AGAIN", 0.0)
    topic = f"foreign-{next(_names)}"
    create_topic(real_kafka.bootstrap, topic)
    write(real_kafka.bootstrap, topic, record(0))
    one = source(real_kafka.bootstrap, topic)

    async def story() -> list[Batch]:
        async with aclosing(cast("Any", one.batches(Kept(None, {})))) as batches:
            await until_idle(batches, 1)
            with Admin(real_kafka.bootstrap) as admin:
                admin.create_partitions({topic: NewPartitions(2)})
            write(real_kafka.bootstrap, topic, record(1), partition=1)
            return await until_idle(batches, 1)

    assert ids(run(story())) == ["1"]


def test_a_cursor_that_is_not_its_own_ends_it_with_what_to_do(embedded_broker: Broker) -> None:

    topic = f"foreign-{next(_names)}"
    create_topic(embedded_broker.bootstrap, topic)
    other = msgspec.json.encode(Cursor("other", None, {0: 1}))
    for cursor in (other, b"1783175887"):
        with pytest.raises(SourceFailed, match="choose another --name"):
            read(source(embedded_broker.bootstrap, topic), 1, cursor)
    with pytest.raises(SourceFailed, match="there is no topic nowhere"):
        read(source(embedded_broker.bootstrap, "nowhere"), 1)


def test_the_story_has_all_kinds_of_things() -> None:
    """Or the contract would ask little."""
    events = [event for value in story() for event in MAPPED.read(value)]
    assert {(event.kind, event.op) for event in events} == {
        ("like", "add"),
        ("like", "remove"),
        ("reply", "add"),
    }
    assert isinstance(events[0], Event)
