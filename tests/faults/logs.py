"""What lies in a topic, read by a plain client that shares nothing with the product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition


class Origin(NamedTuple):
    """A place in Kafka."""

    topic: str
    partition: int
    offset: int


class Record(NamedTuple):
    """One committed record."""

    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    def header(self, name: str) -> str | None:
        """The first header of that name, as text."""
        return next((value.decode() for key, value in self.headers if key == name), None)


class Reader:
    """Reads topics on from where it was, up to the end of what is committed."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self._bootstrap = bootstrap
        self._partitions = partitions
        self._next: dict[TopicPartition, int] = {}

    def forget(self, topic: str) -> None:
        """Begin anew with a topic, which is another one now."""
        self._next = {tp: offset for tp, offset in self._next.items() if tp.topic != topic}

    def read(self, *topics: str) -> Iterator[Record]:
        """Yield what is new, each partition in its order."""
        places = [TopicPartition(topic, n) for topic in topics for n in range(self._partitions)]
        with closing(self._consumer()) as consumer:
            ends = committed_ends(consumer, places)
            consumer.assign(places)
            for tp in places:
                consumer.seek(tp, self._next.get(tp, 0))
            while any(consumer.position(tp) < end for tp, end in ends.items()):
                for tp, records in consumer.poll(1000, max_records=5000).items():
                    yield from (
                        Record(Origin(*tp, one.offset), one.key, one.value, list(one.headers))
                        for one in records
                    )
            self._next.update({tp: consumer.position(tp) for tp in places})

    def ends(self, topic: str) -> list[int]:
        """Where the committed records of each partition end."""
        places = [TopicPartition(topic, n) for n in range(self._partitions)]
        with closing(self._consumer()) as consumer:
            ends = committed_ends(consumer, places)
        return [ends[place] for place in places]

    def held_back(self) -> list[str]:
        """Where records wait for a transaction to end, of all that was ever read."""
        with closing(self._consumer()) as committed, closing(self._consumer(False)) as every:
            ends = committed_ends(committed, list(self._next))
            return [
                f"{tp.topic}/{tp.partition}: a transaction is open from {ends[tp]} on, of {end}"
                for tp, end in committed_ends(every, list(self._next)).items()
                if ends[tp] < end
            ]

    def last_value(self, topic: str, number: int, key: bytes, within: int = 2000) -> bytes | None:
        """The newest value of a key among the last records of a partition, or of all of them."""
        tp = TopicPartition(topic, number)
        with closing(self._consumer()) as consumer:
            consumer.assign([tp])
            end = committed_ends(consumer, [tp])[tp]
            for start in (max(0, end - within), 0):
                value = None
                consumer.seek(tp, start)
                while consumer.position(tp) < end:
                    for one in consumer.poll(1000, max_records=5000).get(tp, ()):
                        value = one.value if one.key == key else value
                if value is not None:
                    return value
        return None

    def _consumer(self, committed: bool = True) -> KafkaConsumer:
        return KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            isolation_level="read_committed" if committed else "read_uncommitted",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )


def committed_ends(
    consumer: KafkaConsumer, places: list[TopicPartition]
) -> Mapping[TopicPartition, int]:
    """Where the committed records end."""
    ends: Mapping[TopicPartition, Any] = consumer.end_offsets(places)
    return ends
