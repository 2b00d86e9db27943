"""Delivers what sources say: events, memory and cursor together, in one Kafka transaction.

Whatever happens to a source process, its cursor lies exactly behind the events that were delivered:
none is lost, and none is sent twice. One transaction takes all that is waiting, so a busy source
pays for few of them, and a quiet one waits for none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import xxhash
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced

from schemas.events import InvalidEvent, encode
from streams.core.dead_letter import dead_letter_headers
from streams.core.placement import partition_of
from streams.outbox import DeliveryError, Outbox
from streams.sources.items import sendable
from streams.sources.live.meters import Meters
from streams.sources.live.source import Batch, Refused
from streams.sources.live.state import PARTITION, cursor_key, memory_key
from streams.table.halt import Fenced, FlushFailed

ROOM = 5000
"""Events (a batch counts as one at least) that may wait; whoever has more, waits with them."""

IDLE_COMMIT = 5.0
"""Seconds after which a cursor is committed that moved without events."""

_FENCED = (ProducerFenced, InvalidProducerEpoch)

_LONGEST_LETTER = 1 << 20
"""Bytes of a refused value that are kept: a broker left at its default takes no larger record."""


class Places(NamedTuple):
    """Where things go.

    Attributes:
        topics: source topic by kind.
        partitions: how many each of them has, and the dead letters.
        dead_letters: the topic for what is no event.
        state: the topic for cursors and memory.
    """

    topics: Mapping[str, str]
    partitions: int
    dead_letters: str
    state: str


class _Waiting(NamedTuple):
    batch: Batch
    committed: asyncio.Future[None]


class Delivery:
    """Takes batches, and commits them in their order.

    Args:
        name: of the source.
        producer: transactional and started: an earlier process of the same name is shut out.
        places: see `Places`.
        meters: told what is committed.
        linger: seconds to wait for company before a transaction is begun.
        deadline: seconds after which a transaction that does not end is given up.
    """

    def __init__(
        self,
        name: str,
        producer: AIOKafkaProducer,
        places: Places,
        meters: Meters,
        *,
        linger: float = 0.1,
        deadline: float = 60.0,
    ) -> None:
        self._name = name
        self._producer = producer
        self._places = places
        self._meters = meters
        self._linger = linger
        self._deadline = deadline
        self._waiting: deque[_Waiting] = deque()
        self._load = 0
        self._closed = False
        self._urgent, self._full, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room.set()

    @property
    def full(self) -> bool:
        """Whether a batch submitted now would have to wait for room."""
        return not self._room.is_set()

    async def submit(self, batch: Batch) -> asyncio.Future[None]:
        """Take a batch once there is room for it; what is returned is done when it is committed.

        A batch that only moves the cursor is committed with the next one, or after a few seconds.
        """
        await self._room.wait()
        committed = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(batch, committed))
        self._load += _weight(batch)
        if batch.events or batch.memory or batch.refused:
            self._urgent.set()
        if self._load >= ROOM:
            self._room.clear()
            self._urgent.set()
            self._full.set()
        return committed

    async def run(self) -> None:
        """Commit whatever is submitted, until it is closed and everything is committed.

        Never cancel it: a transaction would be cut in two.

        Raises:
            Fenced: another process of the same name has taken over.
            FlushFailed: a transaction failed; what it held will be read again by the next start.
        """
        while not self._closed:
            await _at_most(IDLE_COMMIT, self._urgent)
            if self._urgent.is_set():
                await _at_most(self._linger, self._full)
            await self._commit()
        await self._commit()

    def close(self) -> None:
        """Let `run` end once everything that was submitted is committed."""
        self._closed = True
        self._urgent.set()
        self._full.set()

    async def _commit(self) -> None:
        taken = list(self._waiting)
        self._waiting.clear()
        self._load = 0
        self._urgent.clear()
        self._full.clear()
        self._room.set()
        if not taken:
            return
        try:
            await self._transact([waiting.batch for waiting in taken])
        except BaseException as error:
            self._room.clear()  # for good: nothing will be committed any more
            for waiting in (*taken, *self._waiting):
                waiting.committed.cancel()
            raise error
        self._meters.delivered(waiting.batch for waiting in taken)
        for waiting in taken:
            if not waiting.committed.done():
                waiting.committed.set_result(None)

    async def _transact(self, batches: Iterable[Batch]) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                await self._producer.begin_transaction()
                outbox = Outbox(self._producer)
                await self._put(outbox, batches)
                await outbox.flush()
                await outbox.delivered()
                await self._producer.commit_transaction()
        except TimeoutError as error:
            raise FlushFailed(
                f"a transaction of the source {self._name} did not end within {self._deadline:.0f} "
                "s: is the broker reachable? Nothing is lost: start the source again when it is"
            ) from error
        except (KafkaError, DeliveryError, OSError) as error:
            if isinstance(error, _FENCED) or isinstance(error.__cause__, _FENCED):
                raise Fenced(
                    f"another process of the source {self._name} has taken over, or the broker "
                    "gave up our transaction because we were paused or cut off. Nothing is lost: "
                    "if this is the only process, start it again; two need different names"
                ) from error
            raise FlushFailed(
                f"a transaction of the source {self._name} failed: {error}. Nothing is lost: start "
                "the source again"
            ) from error

    async def _put(self, outbox: Outbox, batches: Iterable[Batch]) -> None:
        places = self._places
        memory: dict[str, bytes | None] = {}
        cursor = None
        for batch in batches:
            for event in batch.events:
                value = encode(event)
                try:
                    item = sendable(event, value)
                except InvalidEvent as invalid:
                    refused = Refused(value, invalid.reason, invalid.detail, f"source:{self._name}")
                    await self._put_dead_letter(outbox, refused)
                    continue
                number = partition_of(item.key, places.partitions)
                where = TopicPartition(places.topics[item.kind], number)
                await outbox.put(where, item.key, value)
            for refused in batch.refused:
                await self._put_dead_letter(outbox, refused)
            memory |= batch.memory
            if batch.cursor is not None:
                cursor = batch.cursor
        state = TopicPartition(places.state, PARTITION)
        for key, remembered in memory.items():
            await outbox.put(state, memory_key(self._name, key), remembered)
        if cursor is not None:
            await outbox.put(state, cursor_key(self._name), cursor)

    async def _put_dead_letter(self, outbox: Outbox, refused: Refused) -> None:
        if refused.offset < 0:  # a letter is told by its origin: here, by what it says
            said = xxhash.xxh3_64_intdigest(refused.value) >> 1
            refused = refused._replace(partition=0, offset=said)
        number = partition_of(refused.key or refused.value, self._places.partitions)
        headers = dead_letter_headers(
            refused.reason,
            refused.detail,
            refused.topic,
            refused.partition,
            refused.offset,
            refused.timestamp,
            refused.headers,
        )
        where = TopicPartition(self._places.dead_letters, number)
        await outbox.put(where, refused.key, refused.value[:_LONGEST_LETTER], headers)


def _weight(batch: Batch) -> int:
    return max(1, len(batch.events) + len(batch.memory) + len(batch.refused))


async def _at_most(seconds: float, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
