"""Recovery: a snapshot if there is one, then the changelog to the end of what is committed."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.core.partition_record import KEY, PartitionRecord
from streams.table.halt import RecoveryStuck
from streams.table.lease import Lease
from streams.table.resume import Log
from streams.table.snapshots import Found, Snapshots

log = logging.getLogger(__name__)

#: Seconds without a single record after which a recovery that is not at its end gives up.
STUCK_AFTER = 60.0


async def read_back(
    consumer: AIOKafkaConsumer,
    changelog: str,
    changelog_id: str | None,
    leases: Iterable[Lease],
    snapshots: Snapshots,
    still_current: Callable[[], bool],
) -> bool:
    """Fill the leases' states from snapshots and the changelog; return whether it was all read.

    The end is judged by the consumer's position: control records, and what compaction removed,
    take offsets and are never delivered. Abandoned (False) when `still_current` turns false.

    Raises:
        RecoveryStuck: nothing arrived for a minute.
        UnknownFormat: a partition record of a newer version.
        CorruptValue: a value that cannot be read.
    """
    by_partition = {TopicPartition(changelog, lease.number): lease for lease in leases}
    loop = asyncio.get_running_loop()
    began = loop.time()
    earliest = await consumer.beginning_offsets(list(by_partition))
    ends = await consumer.end_offsets(list(by_partition))
    starts = {}
    for tp, lease in by_partition.items():
        found = Found(changelog_id, earliest[tp], ends[tp])
        starts[tp] = await snapshots.load(lease, found, still_current)
        if not still_current():
            return False
        lease.recovery_to_read = ends[tp] - starts[tp]
    kept = sum(len(lease.state.relationships) for lease in by_partition.values())
    consumer.assign(list(by_partition))
    for tp, start in starts.items():
        consumer.seek(tp, start)
    read = dict.fromkeys(by_partition, 0)
    last_progress = loop.time()
    while True:
        unfinished = [tp for tp, end in ends.items() if await consumer.position(tp) < end]
        if not unfinished:
            break
        batches = await consumer.getmany(*unfinished, timeout_ms=200, max_records=20_000)
        if not still_current():
            return False
        now = loop.time()
        if batches:
            last_progress = now
        elif now - last_progress > STUCK_AFTER:
            raise RecoveryStuck(
                f"no changelog record arrived for {STUCK_AFTER:.0f} s while {len(unfinished)} of "
                f"{len(ends)} partitions of {changelog} were not read to their end: is the broker "
                "that leads them up, and is an old transaction still open on them?"
            )
        for tp, records in batches.items():
            restore(by_partition[tp], records)
            read[tp] += len(records)
            by_partition[tp].recovery_read = records[-1].offset + 1 - starts[tp]
        await asyncio.sleep(0)
    all_read = loop.time()
    for tp, lease in by_partition.items():
        lease.recovery_read = lease.recovery_to_read
        lease.reached = ends[tp]
        snapshots.recovered(lease, read[tp])
        stand(lease)
        for _ in lease.state.restoring(lease.flushed.clock if lease.flushed else -1):
            await asyncio.sleep(0)
            if not still_current():
                return False
    log.info(
        "Recovered %s relationships of partitions %s: %s from snapshots, %s records from the "
        "changelog, %.1f s to read, %.1f s to count",
        f"{sum(len(lease.state.relationships) for lease in by_partition.values()):,}",
        [lease.number for lease in by_partition.values()],
        f"{kept:,}",
        f"{sum(read.values()):,}",
        all_read - began,
        loop.time() - all_read,
    )
    return True


def restore(lease: Lease, records: Iterable[Any]) -> None:
    """Apply changelog records of one partition to its lease."""
    put = lease.state.restore
    for record in records:
        if record.key == KEY:
            # Without a value it cannot be decoded, and stops the worker: nobody may delete it.
            lease.stored_record = record.value or b""
        else:
            put(record.key, record.value)


def stand(lease: Lease) -> None:
    """Stand where the last partition record says, once the changelog is read to its end.

    Raises:
        UnknownFormat: it cannot be decoded.
    """
    if lease.stored_record is not None:
        # Only the last one: those before it may be of a format that was given up again.
        lease.flushed = PartitionRecord.decode(lease.stored_record)
        lease.positions = dict(lease.flushed.next)


async def source_logs(
    consumer: AIOKafkaConsumer,
    topics: Iterable[str],
    numbers: Iterable[int],
    topic_ids: Mapping[str, str | None],
) -> dict[tuple[str, int], Log]:
    """Ask the broker what the source partitions hold now."""
    partitions = [TopicPartition(topic, number) for topic in topics for number in numbers]
    earliest = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    return {
        (tp.topic, tp.partition): Log(topic_ids.get(tp.topic), earliest[tp], ends[tp])
        for tp in partitions
    }
