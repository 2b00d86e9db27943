"""The limit: aiokafka's fetch and a JSON parser, and nothing else. Keeps nothing, so no result."""

import asyncio
import json
import sys

import orjson
from aiokafka import AIOKafkaConsumer


async def main(broker: str, topics: list[str], events: int) -> None:
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=broker,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=1 << 20,
    )
    await consumer.start()
    seen = 0
    try:
        while seen < events:
            batches = await consumer.getmany(timeout_ms=1000)
            for records in batches.values():
                for record in records:
                    orjson.loads(record.value)
                seen += len(records)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    order = json.loads(sys.argv[1])
    asyncio.run(main(order["broker"], order["topics"], order["events"]))
