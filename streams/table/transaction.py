"""One flush is one transaction: everything in it becomes visible, or nothing does."""

import asyncio
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from streams.table.halt import Fenced, FlushFailed
from streams.table.lease import Lease, Snapshot, changelog_records


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
        async with asyncio.timeout(deadline):
            await producer.begin_transaction()
            size, deliveries, in_last = await _send_batches(
                producer, changelog, lease.number, snapshot
            )
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
    except (ProducerFenced, InvalidProducerEpoch) as error:
        raise Fenced(
            f"partition {lease.number} has a new owner, or the broker aborted our transaction "
            "because it stayed open too long: this worker was paused, or cut off from the broker. "
            "Nothing is lost: start it again"
        ) from error
    except TimeoutError as error:
        raise FlushFailed(
            f"the transaction of partition {lease.number} did not end within {deadline:.0f} s: is "
            "the broker reachable? Nothing is lost: start the worker again when it is"
        ) from error
    except (KafkaError, OSError, asyncio.CancelledError, ValueError, AssertionError) as error:
        raise FlushFailed(
            f"the transaction of partition {lease.number} failed ({len(snapshot.values)} values, "
            f"{len(snapshot.outgoing)} other records): {error!r}"
        ) from error
    return Committed(size, last.result().offset + in_last)


async def _send_batches(
    producer: AIOKafkaProducer, changelog: str, number: int, snapshot: Snapshot
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
