"""Sends history to the source topics: in the order of time, once, and never far ahead of the table.

Events, and how many of them that makes, are committed in one transaction: a backfill that is killed
at any moment goes on behind the last event that it sent, for what is sent again after its id has
left a relationship's log would count twice.

The four topics are read side by side, each as fast as its records come. So that none is read ahead
of the others by more than the table bears (an event 56 days older than the clock is late), what is
sent is bounded: a span of it must have been applied before the next one is begun. Each span ends
with a tick to every partition of every topic, by which that can be seen.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from schemas.events import Event, encode
from streams.core.placement import partition_of
from streams.core.time import DAY_MS, format_ms
from streams.outbox import DeliveryError, Outbox
from streams.sources import Sendable
from streams.sources.live.state import PARTITION, cursor_key, read_kept
from streams.table.producer import Producer

NAME: Final = "backfill"
"""What its state and its transactional id are called, among those of live sources."""

SPAN_MS: Final = 28 * DAY_MS
"""How much of history is under way at once: half of what may lie between an event and the clock."""

BLOCK: Final = 10_000
"""Events in a transaction, at most."""

_FENCED = (ProducerFenced, InvalidProducerEpoch)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far a backfill is, kept where live sources keep their cursors.

    Attributes:
        digest: of the history: see `streams.sources.history.History`.
        until_ms: what happened from then on is not part of it.
        sent: events that are committed.
        done: whether they are all applied too.
    """

    digest: str
    until_ms: int
    sent: int = 0
    done: bool = False


class Sent(NamedTuple):
    """What is sent, by this run or an earlier one.

    Attributes:
        kinds: events by kind.
        last_ms: the greatest `at`; -1: there was no event.
        state: how far that is.
    """

    kinds: Counter[str]
    last_ms: int
    state: State


class Interrupted(Exception):
    """Nothing more can be sent now; the message says why. What was sent is known."""


class Courier:
    """Commits events and state together. Entering it shuts an earlier backfill of this app out.

    Args:
        app: prefix of the transactional id.
        kafka: how to reach the brokers, as arguments of aiokafka's clients.
        topics: source topic by kind.
        partitions: how many each of them has.
        state_topic: where sources keep their cursors.
        timeout: seconds that a transaction may take.

    Raises:
        aiokafka.errors.KafkaError: on entering: no broker answers.
    """

    def __init__(
        self,
        app: str,
        kafka: Mapping[str, Any],
        topics: Mapping[str, str],
        partitions: int,
        state_topic: str,
        timeout: float,
    ) -> None:
        self._app, self._kafka = app, kafka
        self._topics, self._partitions = topics, partitions
        self._state_topic = state_topic
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        self._producer = Producer(
            **self._kafka,
            transactional_id=f"{self._app}-source-{NAME}",
            transaction_timeout_ms=round(self._timeout * 1000),
            acks="all",
            compression_type="zstd",
            max_batch_size=256 << 10,
            max_request_size=64 << 20,
        )
        await self._producer.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._producer.stop()

    async def state(self) -> State | None:
        """What an earlier backfill of this app left; None: there was none.

        Raises:
            ReadingStuck: see `committed_records`, with what else it raises.
        """
        kept = await read_kept(self._kafka, self._state_topic, NAME)
        return None if kept.cursor is None else msgspec.json.decode(kept.cursor, type=State)

    async def written(self) -> int:
        """How many offsets the source topics have: what was ever written to them, and markers."""
        consumer = AIOKafkaConsumer(**self._kafka, client_id="closeknit-backfill")
        await consumer.start()
        try:
            numbers = range(self._partitions)
            ends: Mapping[TopicPartition, int] = await consumer.end_offsets(
                [TopicPartition(topic, n) for topic in self._topics.values() for n in numbers]
            )
            return sum(ends.values())
        finally:
            await consumer.stop()

    async def commit(
        self, items: Sequence[Sendable], state: State, tick_ms: int | None = None
    ) -> None:
        """Send events, perhaps a tick to everybody, and the state behind them: all, or nothing.

        Raises:
            Interrupted: it was nothing.
        """
        try:
            async with asyncio.timeout(self._timeout):
                await self._producer.begin_transaction()
                outbox = Outbox(self._producer)
                for item in items:
                    await self._put(outbox, item)
                if tick_ms is not None:
                    await self._tick(outbox, tick_ms)
                where = TopicPartition(self._state_topic, PARTITION)
                await outbox.put(where, cursor_key(NAME), msgspec.json.encode(state))
                await outbox.flush()
                await outbox.delivered()
                await self._producer.commit_transaction()
        except TimeoutError as error:
            raise Interrupted(
                f"a transaction did not end within {self._timeout:.0f} s: is the broker reachable?"
            ) from error
        except (KafkaError, DeliveryError, OSError) as error:
            if isinstance(error, _FENCED) or isinstance(error.__cause__, _FENCED):
                raise Interrupted(f"another backfill of {self._app} has taken over") from error
            raise Interrupted(str(error) or type(error).__name__) from error

    async def _put(self, outbox: Outbox, item: Sendable) -> None:
        if item.kind == "tick":
            await self._tick(outbox, item.at_ms)
            return
        number = partition_of(item.key, self._partitions)
        await outbox.put(TopicPartition(self._topics[item.kind], number), item.key, item.value)

    async def _tick(self, outbox: Outbox, at_ms: int) -> None:
        value = encode(Event(kind="tick", at=format_ms(at_ms)))
        for topic in self._topics.values():
            for number in range(self._partitions):
                await outbox.put(TopicPartition(topic, number), None, value)


async def send(
    items: Iterator[Sendable],
    courier: Courier,
    state: State,
    *,
    applied: Callable[[int, int], Awaitable[None]],
    on_progress: Callable[[int], None],
    span_ms: int = SPAN_MS,
) -> Sent:
    """Send what was not sent before, span by span, until everything is applied.

    Args:
        items: all of the history, in the order of time; iterated in a thread.
        courier: entered.
        state: of this very history.
        applied: returns when the table has applied everything up to a tick at this moment, ms,
            the last of so many that this run has sent.
        on_progress: told how many events are sent, those of earlier runs included.
        span_ms: of history, that may be sent and not yet applied.

    Raises:
        Interrupted: see `Courier`.
    """
    kinds: Counter[str] = Counter()
    last_ms, passed, ticks, settled = -1, 0, 0, not state.sent

    async def settle() -> None:
        """Have applied what an earlier run has sent: how far it came with that is not known."""
        nonlocal ticks, settled
        ticks, settled = ticks + 1, True
        await courier.commit((), state, last_ms)
        await applied(last_ms, ticks)

    cut = _cut(items, span_ms)
    while (piece := await asyncio.to_thread(next, cut, None)) is not None:
        block, ends = piece
        kinds.update(item.kind for item in block if item.kind != "tick")
        known = min(len(block), max(0, state.sent - passed))
        passed += len(block)
        if known:
            last_ms = block[known - 1].at_ms
        if fresh := block[known:]:
            if not settled:
                await settle()
            last_ms = fresh[-1].at_ms
            state = msgspec.structs.replace(state, sent=passed)
            ticks += ends + sum(item.kind == "tick" for item in fresh)
            await courier.commit(fresh, state, last_ms if ends else None)
            on_progress(passed)
            if ends:
                await applied(last_ms, ticks)
    if not settled and passed:
        await settle()
    return Sent(kinds, last_ms, state)


def _cut(items: Iterator[Sendable], span_ms: int) -> Iterator[tuple[list[Sendable], bool]]:
    """What goes into one transaction, and whether a span ends with it."""
    block: list[Sendable] = []
    begin_ms = -1
    for item in items:
        if begin_ms < 0:
            begin_ms = item.at_ms
        elif item.at_ms - begin_ms >= span_ms:
            yield block, True
            block, begin_ms = [], item.at_ms
        if len(block) == BLOCK:
            yield block, False
            block = []
        block.append(item)
    if block:
        yield block, True
