"""One flush is one transaction: everything in it becomes visible, or nothing does."""

import asyncio
from typing import Any, NamedTuple

from aiokafka.errors import IllegalOperation, InvalidProducerEpoch, KafkaError, ProducerFenced

from streams.table.halt import Fenced, FlushFailed, Halt
from streams.table.lease import Lease, Snapshot, changelog_records
from streams.table.producer import Producer

_FAILURES = (
    AssertionError,
    IllegalOperation,
    KafkaError,
    OSError,
    ValueError,
    asyncio.CancelledError,
)


class Committed(NamedTuple):
    """What a transaction wrote: bytes to the changelog, and the offset after the last of them."""

    size: int
    reached: int


async def commit(lease: Lease, snapshot: Snapshot, changelog: str, deadline: float) -> Committed:
    """Write a snapshot in one transaction, awaiting every delivery.

    A broker that is away for a while is waited for: aiokafka retries everything. After `deadline`
    seconds it gives up, for by then the broker has aborted the transaction anyway.

    Raises:
        Fenced: another worker owns the partition now.
        FlushFailed: anything else; the transaction is left for the next owner to abort.
    """
    producer = lease.producer
    try:
        return await _commit(producer, lease.number, snapshot, changelog, deadline)
    except TimeoutError as error:
        raise FlushFailed(
            f"the transaction of partition {lease.number} did not end within {deadline:.0f} s: is "
            "the broker reachable? Nothing is lost: start the worker again when it is"
        ) from error
    except _FAILURES as error:
        # Between two sends these two tell only that the producer has failed, and not why.
        told = not isinstance(error, AssertionError | IllegalOperation)
        cause = error if told else producer.failure or error
        raise _judge(cause, lease.number, snapshot) from error


async def _commit(
    producer: Producer, number: int, snapshot: Snapshot, changelog: str, deadline: float
) -> Committed:
    async with asyncio.timeout(deadline):
        await producer.begin_transaction()
        size, deliveries, in_last = await _send_batches(producer, changelog, number, snapshot)
        last = deliveries[-1]
        for record in snapshot.outgoing:
            deliveries.append(
                await producer.send(
                    record.topic,
                    key=record.key,
                    value=record.value,
                    partition=record.partition,
                    timestamp_ms=record.timestamp,
                    headers=list(record.headers),
                )
            )
        await asyncio.gather(*deliveries)
        await producer.commit_transaction()
    return Committed(size, last.result().offset + in_last)


def _judge(error: BaseException, number: int, snapshot: Snapshot) -> Halt:
    if isinstance(error, ProducerFenced | InvalidProducerEpoch):
        return Fenced(
            f"partition {number} has a new owner, or the broker aborted our transaction "
            "because it stayed open too long: this worker was paused, or cut off from the broker. "
            "Nothing is lost: start it again"
        )
    return FlushFailed(
        f"the transaction of partition {number} failed ({len(snapshot.values)} values, "
        f"{len(snapshot.outgoing)} other records): {error!r}. Nothing is lost: start it again"
    )


async def _send_batches(
    producer: Producer, changelog: str, number: int, snapshot: Snapshot
) -> tuple[int, list[asyncio.Future[Any]], int]:
    """Send the changelog records; return their size, the deliveries, how many the last one has."""
    # Batches built by hand cost a sixth of a send per record.
    deliveries = []
    size = in_batch = 0
    batch = producer.create_batch()
    for key, value in changelog_records(snapshot):
        size += len(key) + len(value)
        if batch.append(key=key, value=value, timestamp=None) is None:
            batch.close()
            deliveries.append(await producer.send_batch(batch, changelog, partition=number))
            batch, in_batch = producer.create_batch(), 0
            if batch.append(key=key, value=value, timestamp=None) is None:
                raise ValueError(f"a changelog record of {len(value)} bytes fits no batch")
        in_batch += 1
    batch.close()
    deliveries.append(await producer.send_batch(batch, changelog, partition=number))
    return size, deliveries, in_batch
