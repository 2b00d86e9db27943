"""Reading the changelog back: from its start to the end of what is committed, by position."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.core.partition_record import KEY, PartitionRecord
from streams.table.halt import RecoveryStuck
from streams.table.lease import Lease
from streams.table.resume import Log

#: Seconds without a single record after which a recovery that is not at its end gives up.
STUCK_AFTER = 60.0


async def read_back(
    consumer: AIOKafkaConsumer,
    changelog: str,
    leases: Iterable[Lease],
    still_current: Callable[[], bool],
) -> bool:
    """Fill the leases' states from the changelog; return whether it was read to its end.

    The end is judged by the consumer's position: control records, and what compaction removed,
    take offsets and are never delivered. Abandoned (False) when `still_current` turns false.

    Raises:
        RecoveryStuck: nothing arrived for a minute.
        UnknownFormat: a partition record of a newer version.
        CorruptValue: a value that cannot be read.
    """
    by_partition = {TopicPartition(changelog, lease.number): lease for lease in leases}
    consumer.assign(list(by_partition))
    ends = await consumer.end_offsets(list(by_partition))
    await consumer.seek_to_beginning(*by_partition)
    for tp, end in ends.items():
        by_partition[tp].recovery_to_read = end
    last_progress = asyncio.get_running_loop().time()
    while True:
        unfinished = [tp for tp, end in ends.items() if await consumer.position(tp) < end]
        if not unfinished:
            break
        batches = await consumer.getmany(*unfinished, timeout_ms=200, max_records=20_000)
        if not still_current():
            return False
        now = asyncio.get_running_loop().time()
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
            by_partition[tp].recovery_read = records[-1].offset + 1
        await asyncio.sleep(0)
    for lease in by_partition.values():
        lease.recovery_read = lease.recovery_to_read
        if lease.stored_record is not None:
            # Only the last one: those before it may be of a format that was given up again.
            lease.flushed = PartitionRecord.decode(lease.stored_record)
            lease.positions = dict(lease.flushed.next)
        for _ in lease.state.restoring(lease.flushed.clock if lease.flushed else -1):
            await asyncio.sleep(0)
            if not still_current():
                return False
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
