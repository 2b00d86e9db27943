"""What a scrape of a thousand accounts takes, and what it does to the stream.

A worker reads events at half of what it can. For a while nobody asks it for its metrics, then
somebody does every two seconds. Its event loop is felt for all the time (`engines/pulse.py`), so
that the longest halt with scrapes can be held against that without.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from aiokafka import AIOKafkaProducer

from benchmarks.compare.contestants import Job
from benchmarks.compare.data import Shape, live, messages
from benchmarks.compare.live import Worker, await_idle, await_ready, half_of_its_speed, workers
from benchmarks.compare.match import say
from benchmarks.compare.pace import addressed, send_evenly
from benchmarks.compare.stage import BATCH_BYTES, Stage

ACCOUNTS = 1000
HISTORY = 100_000
"""Events of the four weeks before."""

EVERY = 2.0
PULSE = Path(__file__).parent / "engines" / "pulse.py"


def measure(stage: Stage, rate: float | None, seconds: float) -> dict[str, Any]:
    """Half of the time without scrapes, half with.

    Args:
        stage: where to.
        rate: events a second; None: half of what this worker is found to read.
        seconds: each half.
    """
    say(f"scrapes: {ACCOUNTS} accounts")
    name = "scrape"
    job = Job(stage, f"{name}-", 0, name, stage.folder / name)
    job.folder.mkdir()
    stage.create(*stage.planned(job.prefix, name))
    shape = Shape(1.0, ACCOUNTS)
    asyncio.run(stage.send(job.prefix, messages(shape, HISTORY)))
    pulse = job.folder / "pulse"
    launcher = [sys.executable, str(PULSE), str(pulse)]
    with workers(job, launcher=launcher, max_accounts=str(ACCOUNTS)) as [worker]:
        await_ready([worker])
        await_idle([worker])
        rate = rate or half_of_its_speed(stage, job.prefix, worker, shape)
        say(f"scrapes: {rate:,.0f} events a second")
        stream = addressed(job.prefix, list(live(shape, int(rate * (2 * seconds + 5)))))
        found = asyncio.run(_watch(stage, worker, stream, rate, seconds))
    halts = [tuple(map(float, line.split())) for line in pulse.read_text().splitlines()]
    for period in ("without", "with"):
        begin, end = found.pop(period)
        late = [late for at, late in halts if begin <= at < end]
        found[f"longest_halt_{period}"] = round(max(late, default=0.0), 4)
    stage.delete([topic for topic in stage.existing() if topic.startswith(name)])
    return {"accounts": ACCOUNTS, "rate": rate, "seconds": seconds, **found}


async def _watch(
    stage: Stage, worker: Worker, stream: list[Any], rate: float, seconds: float
) -> dict[str, Any]:
    producer = AIOKafkaProducer(**stage.connection, max_batch_size=BATCH_BYTES)
    await producer.start()
    sending = asyncio.create_task(send_evenly(producer, stream, rate))
    try:
        await asyncio.sleep(4)  # until every account is known, and the loop is warm
        begin, before = time.monotonic(), worker.state
        await asyncio.sleep(seconds)
        middle, between = time.monotonic(), worker.state
        took, size, accounts = [], 0, 0
        while time.monotonic() < middle + seconds:
            asked = time.perf_counter()
            _, page = await asyncio.to_thread(worker.get, "/metrics")
            took.append(time.perf_counter() - asked)
            size, accounts = len(page), page.count("\ncloseknit_followers{")
            await asyncio.sleep(max(0.0, EVERY - took[-1]))
        end, after = time.monotonic(), worker.state
        behind = not sending.done()
        sending.cancel()
    finally:
        await producer.stop()
    return {
        "without": (begin, middle),
        "with": (middle, end),
        "still_sending": behind,
        "scrapes": len(took),
        "accounts_on_page": accounts,
        "page_bytes": size,
        "scrape_median": round(median(took), 4),
        "scrape_max": round(max(took), 4),
        "cpu_share_without": round((between.cpu - before.cpu) / (between.at - before.at), 3),
        "cpu_share_with": round((after.cpu - between.cpu) / (after.at - between.at), 3),
    }
