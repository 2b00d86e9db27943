"""The process of a live source: wiring, signals, HTTP, and an end in good order."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, NamedTuple

from streams.metrics.server import Server, application
from streams.sources.live.delivery import Delivery, Places
from streams.sources.live.meters import Meters
from streams.sources.live.source import Kept, Source, SourceFailed
from streams.sources.live.state import read_kept
from streams.table.halt import Halt
from streams.table.producer import Producer

log = logging.getLogger(__name__)

FAILED = 3
"""Exit status of a source that a restart will not mend."""

GC_THRESHOLDS = (100_000, 20, 20)
"""What waits to be delivered holds no cycles: look for garbage seldom, and at what is young."""


class ProcessSettings(NamedTuple):
    """What a source process must know of the settings.

    Attributes:
        app: prefix of the transactional id.
        kafka: how to reach the brokers, as keyword arguments of aiokafka's clients.
        places: where things go.
        transaction_timeout: seconds after which the broker gives a transaction up.
        http_host: where `/metrics` listens.
        http_port: see there; 0 is any free port.
        linger: seconds to wait for company before a transaction is begun.
    """

    app: str
    kafka: dict[str, Any]
    places: Places
    transaction_timeout: float
    http_host: str
    http_port: int
    linger: float = 0.1


Feed = Callable[[Kept, Delivery], Awaitable[None]]
"""Submits batches to the delivery until there are no more, or until it is cancelled."""


def pump(source: Source) -> Feed:
    """Feed what a source yields, one batch at a time, for as long as there is room."""

    async def feed(kept: Kept, delivery: Delivery) -> None:
        async with aclosing(source.batches(kept)) as batches:  # type: ignore[type-var]
            async for batch in batches:
                await delivery.submit(batch)

    return feed


async def run_source(settings: ProcessSettings, name: str, meters: Meters, feed: Feed) -> int:
    """Run a source until it has no more, fails, or is told to stop; return the exit status.

    0 after an orderly end, 3 when a restart will not help, and that of a `Halt` where there was
    one: start it again.

    Raises:
        aiokafka.errors.KafkaError: no broker answers at the start.
        CannotListenError: the port for metrics is taken.
    """
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    producer = Producer(
        **settings.kafka,
        transactional_id=f"{settings.app}-source-{name}",
        transaction_timeout_ms=round(settings.transaction_timeout * 1000),
        acks="all",
        compression_type="zstd",
        max_batch_size=256 << 10,
        max_request_size=64 << 20,
    )
    await producer.start()
    server = Server(application(meters.page, alive=lambda: None, ready=lambda: None))
    try:
        kept = await read_kept(settings.kafka, settings.places.state, name)
        delivery = Delivery(
            name,
            producer,
            settings.places,
            meters,
            linger=settings.linger,
            deadline=settings.transaction_timeout,
        )
        gc.set_threshold(*GC_THRESHOLDS)
        gc.collect()
        gc.freeze()  # what is remembered stays: the collector need not look at it again
        port = server.start(settings.http_host, settings.http_port)
        log.info("Metrics at http://%s:%d/metrics", settings.http_host, port)
        return await _until_over(name, feed(kept, delivery), delivery, stop)
    finally:
        server.stop()
        await producer.stop()


async def _until_over(
    name: str, feeding: Awaitable[None], delivery: Delivery, stop: asyncio.Event
) -> int:
    fed = asyncio.ensure_future(feeding)
    delivering = asyncio.create_task(delivery.run())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({fed, delivering, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    fed.cancel()
    await asyncio.wait({fed})
    delivery.close()
    await asyncio.wait({delivering})
    for task in (delivering, fed):
        if task.cancelled() or (failure := task.exception()) is None:
            continue
        if not isinstance(failure, Halt | SourceFailed):
            raise failure
        log.critical("%s: %s", type(failure).__name__, failure)
        return failure.code if isinstance(failure, Halt) else FAILED
    log.info("The source %s stopped; everything that it said is delivered", name)
    return 0
