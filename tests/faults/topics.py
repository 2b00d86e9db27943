"""What an administrator, or the broker's own housekeeping, does to topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from streams.topics import administration, find
from tests.engine.system import System, await_that

#: Compacts whatever can be compacted, at once: see `HASTY` for the broker's part. Deletions stay
#: for their day, without which no worker would start: it could not trust its snapshots.
HARD_COMPACTION = {
    "segment.ms": "100",
    "segment.bytes": "1048576",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "100",
}

#: Takes no flush and no dead letter, but the marks that end a transaction: without those it would
#: stay open until the broker is started again, as no administrator wants it.
TOO_SMALL = {"max.message.bytes": "150"}


def move(system: System, place: TopicPartition, node: int) -> None:
    """Make one broker the only one that holds a partition, and wait until it does."""
    with administration(system.settings.connection()) as admin:
        assert admin.alter_partition_reassignments({place: [node]}) == {place: None}

        def moved() -> bool:
            (topic,) = admin.describe_topics([place.topic])
            (found,) = [
                one for one in topic["partitions"] if one["partition_index"] == place.partition
            ]
            return (found["leader_id"], found["replica_nodes"]) == (node, [node])

        await_that(moved, f"{place} is on node {node}")


@contextmanager
def altered(system: System, topic: str, config: Mapping[str, str]) -> Iterator[None]:
    """A topic has other settings while the block runs."""
    with administration(system.settings.connection()) as admin:
        before = find(admin, [topic])[topic].config
    alter(system, topic, config)
    try:
        yield
    finally:
        alter(system, topic, {name: before[name] for name in config})


def alter(system: System, topic: str, config: Mapping[str, str]) -> None:
    """Give a topic other settings."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, dict(config))
    with administration(system.settings.connection()) as admin:
        admin.alter_configs([resource])
