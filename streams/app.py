"""The wiring: the one place where settings, table, transport, agents and metrics meet."""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any, NoReturn

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from streams import kernel, logs
from streams.agents import consume_relationships
from streams.brokers import TopicIds, UnreadableBatch
from streams.metrics.accounts import Account, Accounts
from streams.metrics.collector import Page
from streams.metrics.meters import Meters
from streams.metrics.server import Server, application
from streams.settings import Settings
from streams.table import (
    BrokenInvariant,
    Cap,
    Halt,
    RelationshipsTable,
    SourceReplaced,
    Stalled,
    TableSettings,
    Unreadable,
)
from streams.transport import ChunkedApp, TransportSettings
from streams.watchdog import (
    Joining,
    LoopWatch,
    Reach,
    Serving,
    Watchdog,
    find_cause,
    show_stacks,
)

log = logging.getLogger(__name__)

#: Seconds without a beat after which the event loop counts as hung, and after which that is final.
HUNG_AFTER, HUNG_FOR_GOOD = 30.0, 60.0

#: Seconds between two looks at whether the worker gets anywhere.
LOOK_EVERY = 1.0

#: Seconds between two measurements of how far the worker is behind, at most.
MEASURE_EVERY = 0.5

#: Seconds between two looks at whether the source topics are still the same.
CONFIRM_EVERY = 30.0

#: Seconds that may be spent on finding out why the worker gets nowhere.
FIND_CAUSE_WITHIN = 20.0

#: What the core allocates holds no cycles, and a queue full of records is walked in vain: look for
#: garbage seldom, and at what is young. Some dozen chunks lie between two looks.
GC_THRESHOLDS = (100_000, 20, 20)

#: Seconds that a request to the broker may take.
REQUEST_TIMEOUT = 30.0


def run_worker(settings: Settings, *, until_caught_up: bool = False) -> NoReturn:
    """Run one worker until it is told to stop, and end the process.

    Its exit status is 0 after an orderly stop, 1 after a crash of the engine or when the last
    flush did not succeed, and that of a `Halt` where there was one.

    Args:
        settings: valid settings.
        until_caught_up: apply what the source topics held at the start, flush, and stop.
    """
    logs.configure(settings.log_level)
    gc.set_threshold(*GC_THRESHOLDS)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_Worker(settings).run(until_caught_up=until_caught_up))
    raise AssertionError("a worker ends its process")


Ends = Mapping[tuple[str, int], int]
"""End offset by source topic and partition."""


class _Worker:
    """Everything that makes a worker, put together."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._meters = Meters()
        self._table = RelationshipsTable(
            table_settings(settings),
            self._meters,
            now=now_ms,
            topic_ids=TopicIds(settings.connection()),
            halt=halt,
        )
        self._loop = LoopWatch(HUNG_FOR_GOOD, end_stuck_process)

    async def run(self, *, until_caught_up: bool) -> NoReturn:
        app = ChunkedApp(transport_settings(self._settings), self._table)
        app.in_worker = True
        consume_relationships(app, self._table, halt)
        stop = self._stop_when_told()
        ends = await self._ends() if until_caught_up else None

        server = Server(application(self._page(), self._alive, self._ready))
        port = server.start(self._settings.http_host, self._settings.http_port)
        log.info("Metrics at http://%s:%d/metrics", self._settings.http_host, port)
        log.info("The core runs %s", "compiled" if kernel.in_use() else "in Python")
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(stop.wait()),
            asyncio.create_task(app.start()),
            asyncio.create_task(self._watch(app, ends)),
            asyncio.create_task(self._guard(app)),
            asyncio.create_task(self._confirm_sources()),
        ]
        pulse = asyncio.create_task(self._pulse())
        self._loop.start()
        reason = await self._explained(await self._until_over(app, tasks))
        status = await self._leave(app, reason)
        pulse.cancel()
        server.stop()
        end_process(status)

    def _stop_when_told(self) -> asyncio.Event:
        """Return what SIGTERM or SIGINT sets, once; the next one ends the process at once."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        signs = (signal.SIGTERM, signal.SIGINT)

        def told() -> None:
            stop.set()
            for sign in signs:
                loop.remove_signal_handler(sign)
                signal.signal(sign, signal.SIG_DFL)
            log.info("Told to stop: flushing and leaving the group; again, and it is at once")

        for sign in signs:
            loop.add_signal_handler(sign, told)
        return stop

    async def _until_over(
        self, app: ChunkedApp, tasks: list[asyncio.Task[Any]]
    ) -> BaseException | None:
        """Wait for the first of: told to stop, caught up, crashed. Return what it crashed with."""
        stopped, started, *watching = tasks
        crashed = asyncio.create_task(app.wait_until_stopped())
        over = {stopped, crashed, *watching}
        await asyncio.wait({started, *over}, return_when=asyncio.FIRST_COMPLETED)
        if started.done() and started.exception() is not None:
            return started.exception()
        await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
        for watch in watching:
            if watch.done() and watch.exception() is not None:
                return watch.exception()
            watch.cancel()
        crash: BaseException | None = app.crash_reason
        return crash

    async def _explained(self, reason: BaseException | None) -> BaseException | None:
        """Return a better reason where there is one: much goes wrong when a topic is gone."""
        if isinstance(reason, UnreadableBatch):
            return Unreadable(str(reason))
        if reason is not None and not isinstance(reason, Halt):
            try:
                await asyncio.wait_for(self._table.confirm_sources(), FIND_CAUSE_WITHIN)
            except SourceReplaced as replaced:
                return replaced
            except Exception as error:
                log.debug("The source topics were not asked for: %r", error)
        return reason

    async def _leave(self, app: ChunkedApp, reason: BaseException | None) -> int:
        """Flush and leave the group, in time; return the exit status."""
        if isinstance(reason, Halt):
            log.critical("%s: %s", type(reason).__name__, reason)
        grace = self._settings.stop_timeout
        stopping = asyncio.ensure_future(app.stop())
        await asyncio.wait({stopping}, timeout=grace)
        if isinstance(reason, Halt):
            log.critical("%s ends it with %d, see above", type(reason).__name__, reason.code)
            return reason.code
        if isinstance(reason, KafkaConnectionError) and not app.consumer_started:
            log.critical("No broker answers at %s: start it again", self._settings.broker)
            return 3
        if reason is not None:
            log.critical("The worker crashed; start it again: %r", reason, exc_info=reason)
            return 1
        if self._table.unflushed:
            log.error(
                "The last changes were not flushed within %.0f s. Nothing is lost: they will be "
                "read again",
                grace,
            )
            return 1
        if not stopping.done():
            log.error(
                "Leaving the group took more than %.0f s: gone without. Everything is flushed; the "
                "others take over when the session times out",
                grace,
            )
            return 1
        log.info("Stopped, everything applied is flushed")
        return 0

    async def _pulse(self) -> None:
        """Beat for as long as the event loop does; waits for nothing, so nothing can hold it up."""
        while True:
            self._loop.beat()
            await asyncio.sleep(LOOK_EVERY)

    async def _guard(self, app: ChunkedApp) -> None:
        """End when the worker gets nowhere: waits for nothing that a broker could hold up."""
        settings = self._settings
        patience = settings.stall_timeout
        watchdog = Watchdog(patience, joining=patience + settings.rebalance_timeout)
        # A clock of our own, which stands still while the process is stopped as a whole.
        clock, before = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = time.monotonic()
            clock, before = clock + min(now - before, 5 * LOOK_EVERY), now
            if stands_still := watchdog.look(clock, self._seen(app)):
                raise Stalled(
                    f"{stands_still}: {await self._cause()}. Nothing is lost: start the worker "
                    "again"
                )

    def _seen(self, app: ChunkedApp) -> Serving | Joining:
        if self._table.ready:
            return Serving(
                {
                    (tp.topic, tp.partition): Reach(*reached)
                    for tp, reached in app.consumer.progress().items()
                }
            )
        views = self._table.partitions()
        return Joining(
            sum(view.recovery_read for view in views), sum(view.recovery_to_read for view in views)
        )

    async def _cause(self) -> str:
        settings = self._settings
        names = [*settings.topics.values(), settings.changelog, settings.dead_letters]
        asking = asyncio.to_thread(find_cause, settings.connection(), names, settings.app)
        try:
            return await asyncio.wait_for(asking, FIND_CAUSE_WITHIN)
        except TimeoutError:
            return f"asking the brokers why took more than {FIND_CAUSE_WITHIN:.0f} s"

    async def _confirm_sources(self) -> None:
        """End when a source topic was deleted or created anew, even with nothing to flush."""
        while True:
            await asyncio.sleep(CONFIRM_EVERY)
            await self._table.confirm_sources()

    async def _watch(self, app: ChunkedApp, ends: Ends | None) -> None:
        """Watch over membership and lag, and end once caught up with `ends`, if there are any."""
        frozen = False
        resent = self._meters.rerouted
        while True:
            await asyncio.sleep(min(self._settings.flush_interval, MEASURE_EVERY))
            if app.failure is not None:
                raise app.failure
            if app.consumer_started:
                await app.consumer.check_membership()
            if not self._table.ready:
                frozen = False
                continue
            if not frozen:
                # What was just recovered stays: the collector need not look at it again.
                gc.collect()
                gc.freeze()
                frozen = True
            progress = app.consumer.progress()
            for tp, reached in progress.items():
                self._table.measure_lag(tp.topic, tp.partition, reached.position, reached.end)
            if ends is None or any(
                reached.position < ends[tp.topic, tp.partition] for tp, reached in progress.items()
            ):
                continue
            await self._table.flush()
            if resent == self._meters.rerouted:
                return
            # What was in the wrong partition is in the right one now, and still to be applied.
            resent, ends = self._meters.rerouted, await self._ends()

    async def _ends(self) -> Ends:
        """Where the source topics end, uncommitted records included.

        A commit is acknowledged before it shows in the end of committed records.
        """
        consumer = AIOKafkaConsumer(**self._settings.connection())
        await consumer.start()
        try:
            ends = await consumer.end_offsets(
                [
                    TopicPartition(topic, number)
                    for topic in self._table.topics
                    for number in range(self._settings.partitions)
                ]
            )
        finally:
            await consumer.stop()
        return {(tp.topic, tp.partition): end for tp, end in ends.items()}

    # -- what HTTP says of us

    def _page(self) -> Page:
        listed = self._settings.accounts
        accounts = None if listed.path is None else [Account(*entry) for entry in listed.entries]
        return Page(
            self._table,
            self._meters,
            Accounts(accounts, limit=self._settings.max_accounts),
            now=lambda: now_ms() / 1000,
        )

    def _alive(self) -> str | None:
        silence = self._loop.silence
        return (
            None if silence < HUNG_AFTER else f"the event loop has been stuck for {silence:.0f} s"
        )

    def _ready(self) -> str | None:
        if not self._table.ready:
            return "partitions are being assigned or recovered"
        return None


def halt(reason: Halt) -> NoReturn:
    """End the process at once: see `streams.table.halt`."""
    # Without a traceback, the exception would only be the same words once more.
    told = reason if reason.__traceback__ or reason.__cause__ else None
    log.critical("%s: %s", type(reason).__name__, reason, exc_info=told)
    end_process(reason.code)


def end_stuck_process(silence: float) -> NoReturn:
    """End the process from another thread: not even the log may be used, it may be locked."""
    message = (
        f"the event loop has been stuck for {silence:.0f} s: a defect of ours, or a machine out of "
        "breath. This is what every thread was doing; keep it, and start the worker again\n"
    )
    os.write(sys.stderr.fileno(), message.encode())
    show_stacks()
    os._exit(BrokenInvariant.code)


def end_process(status: int) -> NoReturn:
    """End the process without waiting for threads: one may wait for a broker that is gone."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def now_ms() -> int:
    """The wall clock, ms since the epoch: read here, and passed in everywhere else."""
    return time.time_ns() // 1_000_000


def table_settings(settings: Settings) -> TableSettings:
    """What the table needs of the settings."""
    return TableSettings(
        app=settings.app,
        kinds={topic: kind for kind, topic in settings.topics.items()},
        changelog=settings.changelog,
        dead_letters=settings.dead_letters,
        rules=settings.rules,
        kafka=settings.connection(),
        transaction_timeout_ms=round(settings.transaction_timeout * 1000),
        # A shorter one would end a flush before the transaction's own time is up.
        request_timeout_ms=round(max(REQUEST_TIMEOUT, settings.transaction_timeout) * 1000),
        max_dirty=settings.flush_max_dirty,
        snapshots=settings.data_dir / "snapshots" / settings.app if settings.snapshots else None,
        snapshot_after=settings.snapshot_after,
        cap=Cap(settings.max_invalid_percent, settings.max_invalid_window),
        state_format=settings.state_format,
    )


def transport_settings(settings: Settings) -> TransportSettings:
    """What the transport needs of the settings."""
    return TransportSettings(
        group=settings.app,
        broker=settings.broker,
        kafka=settings.connection(),
        chunk_size=settings.chunk_size,
        flush_interval=settings.flush_interval,
        session_timeout=settings.session_timeout,
        heartbeat_interval=settings.heartbeat_interval,
        rebalance_timeout=settings.rebalance_timeout,
        request_timeout=max(REQUEST_TIMEOUT, settings.session_timeout + 5),
        group_instance_id=settings.group_instance_id,
        data_dir=str(settings.data_dir),
        partitions=len(settings.topics) * settings.partitions,
    )
