"""From an event at the broker to its number in `/metrics`, while a worker is half busy.

Ten times a second a reply to an account of its own is sent; the time counts from the broker's
acknowledgement to the end of the first page that counts it. The page is asked for every 20 ms, so
only a few accounts are on it (`CLOSEKNIT_ACCOUNTS`); the others share one series.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from statistics import quantiles
from typing import Any

import aiohttp
from aiokafka import AIOKafkaProducer

from benchmarks.compare.contestants import Job
from benchmarks.compare.data import SHAPES, Message, live, messages
from benchmarks.compare.left import Wrong
from benchmarks.compare.live import Worker, await_idle, await_ready, half_of_its_speed, workers
from benchmarks.compare.match import say
from benchmarks.compare.pace import addressed, send_evenly
from benchmarks.compare.stage import BATCH_BYTES, Stage
from streams.core.placement import relationship_key
from streams.core.time import format_ms

PROBE = "probe"
NAMED = [PROBE, *(f"brand-{number:04d}" for number in range(9))]
HISTORY = 500_000
"""Events of the four weeks before."""

EVERY = 0.1
LOOK = 0.02
PATIENCE = 120.0
"""Seconds in which the last probe must be counted."""

_COUNTED = re.compile(
    r'^closeknit_interactions\{account="probe",direction="inbound",kind="reply",'
    r'window="28d"\} (\S+)',
    re.M,
)


def measure(stage: Stage, rate: float | None, seconds: float) -> dict[str, Any]:
    """Latencies at so many events a second (None: half of its speed), for so many seconds."""
    name = "latency"
    job = Job(stage, f"{name}-", 0, name, stage.folder / name)
    job.folder.mkdir()
    accounts = job.folder / "accounts.csv"
    accounts.write_text("id,name,group\n" + "".join(f"{one},{one},\n" for one in NAMED))
    stage.create(*stage.planned(job.prefix, name))
    shape = SHAPES["zipf"]
    asyncio.run(stage.send(job.prefix, messages(shape, HISTORY)))
    with workers(job, accounts=str(accounts)) as [worker]:
        await_ready([worker])
        await_idle([worker])
        rate = rate or half_of_its_speed(stage, job.prefix, worker, shape)
        say(f"latency: {rate:,.0f} events a second")
        stream = addressed(job.prefix, list(live(shape, int(rate * (seconds + 8)))))
        before = worker.state
        waits = asyncio.run(_watch(stage, worker, stream, rate, seconds))
        after = worker.state
    stage.delete([topic for topic in stage.existing() if topic.startswith(name)])
    cuts = quantiles(waits, n=100, method="inclusive")
    return {
        "rate": rate,
        "seconds": seconds,
        "probes": len(waits),
        "p50": round(cuts[49], 3),
        "p99": round(cuts[98], 3),
        "max": round(max(waits), 3),
        "cpu_share": round((after.cpu - before.cpu) / (after.at - before.at), 3),
    }


async def _watch(
    stage: Stage, worker: Worker, stream: list[Any], rate: float, seconds: float
) -> list[float]:
    producer = AIOKafkaProducer(**stage.connection, max_batch_size=BATCH_BYTES)
    await producer.start()
    sending = asyncio.create_task(send_evenly(producer, stream, rate))
    acknowledged: list[float] = []
    waits: list[float] = []
    try:
        await asyncio.sleep(4)
        probing = asyncio.create_task(_probe(producer, stream, acknowledged, seconds))
        url = worker.address + "/metrics"
        last = time.monotonic() + seconds + PATIENCE
        async with aiohttp.ClientSession() as session:
            while not probing.done() or len(waits) < len(acknowledged):
                async with session.get(url) as answer:
                    counted = _COUNTED.search(await answer.text())
                now = time.monotonic()
                if counted is not None:
                    waits += (now - at for at in acknowledged[len(waits) : int(float(counted[1]))])
                if now > last:
                    raise Wrong(f"{len(waits)} of {len(acknowledged)} probes were ever counted")
                await asyncio.sleep(LOOK)
        await probing
    finally:
        sending.cancel()
        await producer.stop()
    return waits


async def _probe(
    producer: AIOKafkaProducer, stream: list[Any], acknowledged: list[float], seconds: float
) -> None:
    at = stream[0][2].at  # the clock is moved by the others alone
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        number = len(acknowledged)
        event = {
            "kind": "reply",
            "id": f"probe/{number}",
            "account": PROBE,
            "member": f"asker{number}",
            "at": format_ms(at),
        }
        key = relationship_key(PROBE, f"asker{number}")
        value = json.dumps(event).encode()
        [(topic, home, _)] = addressed(_prefix(stream), [Message("reply", key, value, at)])
        await producer.send_and_wait(topic, key=key, value=value, partition=home, timestamp_ms=at)
        acknowledged.append(time.monotonic())
        await asyncio.sleep(EVERY)


def _prefix(stream: list[Any]) -> str:
    return str(stream[0][0]).rpartition("-")[0] + "-"
