"""Taking partitions over: shut their earlier owner out, read what it left, find where to go on."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer

from streams.brokers.compatibility import accommodate
from streams.core.formats import to_write
from streams.core.partition import Partition
from streams.core.partition_record import Position
from streams.table.fit import misfit, value_settings
from streams.table.halt import RecoveryStuck, UnfitState
from streams.table.lease import Lease
from streams.table.producer import Producer
from streams.table.recovery import STUCK_AFTER, read_back, source_logs
from streams.table.resume import resume
from streams.table.settings import TableSettings
from streams.table.snapshots import Snapshots

log = logging.getLogger(__name__)


def new_lease(number: int, settings: TableSettings) -> Lease:
    """Return an empty lease, its producer not started."""
    producer = Producer(
        **settings.kafka,
        transactional_id=f"{settings.app}-{number}",
        transaction_timeout_ms=settings.transaction_timeout_ms,
        request_timeout_ms=settings.request_timeout_ms,
        acks="all",
        max_batch_size=512 << 10,  # a broker takes batches of up to 1 MiB, headers included
        max_request_size=64 << 20,
    )
    return Lease(number, Partition(number, settings.rules), producer)


async def shut_out_earlier(lease: Lease, settings: TableSettings) -> None:
    """Make the lease's producer the only one that may write, and end what another left open.

    Raises:
        RecoveryStuck: no broker did that in a minute.
    """
    try:
        async with asyncio.timeout(STUCK_AFTER):
            await lease.producer.start()
    except TimeoutError as error:
        raise RecoveryStuck(
            f"an earlier transaction of {settings.app}-{lease.number} did not end within "
            f"{STUCK_AFTER:.0f} s, or no broker answers: is the one that leads the changelog's "
            "partition up, and its max.message.bytes large enough?"
        ) from error


async def recover(
    leases: Sequence[Lease],
    settings: TableSettings,
    topic_ids: Mapping[str, str | None],
    snapshots: Snapshots,
    still_current: Callable[[], bool],
) -> bool:
    """Fill leases with what the changelog has, and place them where to read on in each topic.

    Abandoned (False) when `still_current` turns false.

    Raises:
        RecoveryStuck, UnknownFormat, CorruptValue: see `read_back`.
        UnfitState: the values were made with other settings.
    """
    consumer = accommodate(
        AIOKafkaConsumer(
            **settings.kafka,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=settings.request_timeout_ms,
            max_partition_fetch_bytes=4 << 20,
            fetch_max_wait_ms=50,
            retry_backoff_ms=20,
        )
    )
    await consumer.start()
    try:
        # First what the broker answers at once: a consumer that has partitions answers after its
        # long polls.
        numbers = [lease.number for lease in leases]
        logs = await source_logs(consumer, settings.kinds, numbers, topic_ids)
        changelog_id = topic_ids.get(settings.changelog)
        if not await read_back(
            consumer, settings.changelog, changelog_id, leases, snapshots, still_current
        ):
            return False
    finally:
        await consumer.stop()
    if not still_current():
        return False
    for lease in leases:
        _check_fit(lease, settings)
        was = lease.flushed.format if lease.flushed else None
        lease.format = to_write(settings.state_format, was)
        for topic in settings.kinds:
            name, log_now = f"{topic}/{lease.number}", logs[topic, lease.number]
            offset, warning = resume(name, lease.positions.get(topic), log_now)
            if warning:
                log.error(warning)
            lease.positions[topic] = Position(offset=offset, topic_id=log_now.topic_id)
    return True


def _check_fit(lease: Lease, settings: TableSettings) -> None:
    if lease.flushed is None:
        return
    if differing := misfit(lease.flushed.settings, value_settings(settings.rules)):
        raise UnfitState(
            f"the changelog was written with other settings than this worker has: {differing}. "
            "Values depend on them: set them back, or rebuild everything from the source "
            "topics with: closeknit reset"
        )
