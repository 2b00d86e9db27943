"""Real Apache Kafka with the events in it, and what may be asked of it afterwards."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from benchmarks.compare.data import Message
from schemas.events import TOPIC_OF
from streams.committed import committed_records
from streams.core.placement import partitions_of
from streams.topics import Planned, administration, create, plan

PARTITIONS = 4
BATCH_BYTES = 1 << 16
"""What a busy producer sends at once."""


class Stage:
    """A broker of our own for the time of a `with` block."""

    def __init__(self) -> None:
        # Not at the top: what only writes the page needs no Kafka.
        from tests.brokers.kafka import Kafka  # noqa: PLC0415

        self._closing = ExitStack()
        self.folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory()))
        broker = self.folder / "kafka"
        broker.mkdir()
        self._data = broker / "data"
        self._kafka = Kafka(broker)

    def __enter__(self) -> Self:
        with ExitStack() as guard:
            guard.push(self._closing)
            guard.enter_context(self._kafka)
            self._closing = guard.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @property
    def broker(self) -> str:
        """Its address."""
        return self._kafka.bootstrap

    @property
    def connection(self) -> dict[str, Any]:
        """Its address, as an argument of a client."""
        return {"bootstrap_servers": [self.broker]}

    def topics(self, prefix: str) -> list[str]:
        """The four source topics that begin with it."""
        return [prefix + topic for topic in TOPIC_OF.values()]

    def create(self, *topics: Planned) -> None:
        """Create topics."""
        with administration(self.connection) as admin:
            create(admin, topics)

    def delete(self, topics: Sequence[str]) -> None:
        """Delete topics with all that is in them."""
        with administration(self.connection) as admin:
            admin.delete_topics(list(topics))

    def existing(self) -> set[str]:
        """The names of all topics."""
        with administration(self.connection) as admin:
            return set(admin.list_topics())

    def planned(self, prefix: str, app: str) -> list[Planned]:
        """All topics of a Closeknit, as `closeknit topics create` makes them."""
        sources = self.topics(prefix)
        return plan(sources, f"{app}-changelog", f"{app}-dead-letters", PARTITIONS, 1)

    def load(self, prefix: str, messages: Iterable[Message]) -> None:
        """Create four source topics and send the events, each where its key belongs."""
        self.create(*self.planned(prefix, "none")[: len(TOPIC_OF)])
        asyncio.run(self.send(prefix, messages))

    async def send(self, prefix: str, messages: Iterable[Message]) -> None:
        """Send events to source topics that are there."""
        messages = list(messages)
        homes = partitions_of({message.key for message in messages}, PARTITIONS)
        logs: dict[tuple[str, int], list[Message]] = defaultdict(list)
        for message in messages:
            logs[prefix + TOPIC_OF[message.kind], homes[message.key]].append(message)
        await self.write(
            {
                place: ((message.key, message.value, message.at) for message in log)
                for place, log in logs.items()
            }
        )

    async def write(
        self, logs: Mapping[tuple[str, int], Iterable[tuple[bytes, bytes, int | None]]]
    ) -> None:
        """Send key, value and timestamp of records to partitions, in batches."""
        producer = AIOKafkaProducer(**self.connection, max_batch_size=BATCH_BYTES, acks="all")
        await producer.start()
        try:
            for (topic, number), log in logs.items():
                deliveries = []
                batch = producer.create_batch()
                for key, value, at in log:
                    if batch.append(key=key, value=value, timestamp=at) is None:
                        batch.close()
                        sent = await producer.send_batch(batch, topic, partition=number)
                        deliveries.append(sent)
                        batch = producer.create_batch()
                        batch.append(key=key, value=value, timestamp=at)
                batch.close()
                deliveries.append(await producer.send_batch(batch, topic, partition=number))
                await asyncio.gather(*deliveries)
        finally:
            await producer.stop()

    def read(self, topic: str) -> Iterator[Any]:
        """All committed records of a topic."""

        async def read() -> list[Any]:
            found: list[Any] = []
            async for records in committed_records(self.connection, topic, PARTITIONS):
                found += records
            return found

        yield from asyncio.run(read())

    def size(self, topic: str) -> int:
        """Bytes of a topic's log on the broker's disk."""
        return sum(file.stat().st_size for file in self._data.glob(f"{topic}-[0-9]*/*.log"))
