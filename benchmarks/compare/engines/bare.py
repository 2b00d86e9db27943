"""The loop that somebody would write without any framework: fetch, count, write what changed.

At least once: changed states are sent and acknowledged before the offsets are committed. No
recovery, no rebalance, no windows, no metrics.
"""

import asyncio
import gc
import json
import sys
import time

import work
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition


async def main(
    broker: str, topics: list[str], events: int, group: str, changelog: str, commit_seconds: float
) -> None:
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=broker,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=1 << 20,
    )
    producer = AIOKafkaProducer(bootstrap_servers=broker, acks="all", max_batch_size=1 << 18)
    await producer.start()
    await consumer.start()
    gc.collect()
    gc.freeze()
    states: dict[bytes, list[int]] = {}
    changed: dict[int, set[bytes]] = {number: set() for number in range(64)}
    positions: dict[TopicPartition, int] = {}

    async def commit() -> None:
        deliveries = []
        for number, keys in changed.items():
            batch = producer.create_batch()
            for key in keys:
                value = json_of(states[key])
                if batch.append(key=key, value=value, timestamp=None) is None:
                    batch.close()
                    sent = await producer.send_batch(batch, changelog, partition=number)
                    deliveries.append(sent)
                    batch = producer.create_batch()
                    batch.append(key=key, value=value, timestamp=None)
            if batch.record_count():
                batch.close()
                deliveries.append(await producer.send_batch(batch, changelog, partition=number))
            keys.clear()
        await asyncio.gather(*deliveries)
        await consumer.commit(positions)

    seen, committed = 0, time.monotonic()
    try:
        while seen < events:
            batches = await consumer.getmany(timeout_ms=1000)
            for tp, records in batches.items():
                touched = changed[tp.partition]
                for record in records:
                    event = work.decode(record.value)
                    key = record.key
                    state = states.get(key)
                    if state is None:
                        state = states[key] = work.new()
                    work.count(state, event.kind, work.day_of[event.at[:10]])
                    touched.add(key)
                positions[tp] = records[-1].offset + 1
                seen += len(records)
            if time.monotonic() - committed >= commit_seconds:
                await commit()
                committed = time.monotonic()
        await commit()
    finally:
        await consumer.stop()
        await producer.stop()


json_of = work.msgspec.json.Encoder().encode

if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.argv[1])))
