"""The consumer: reads committed records, cuts them into chunks, leaves commits to the ledger.

References are to Faust 0.15.3, whose methods are replaced here; each says why.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.brokers.compatibility import accommodate
from streams.transport.chunks import Chunk
from streams.transport.records import read_plain_records

log = logging.getLogger(__name__)

#: Seconds between two commits of the group's offsets. Nothing is ever resumed from them: they only
#: tell lag tools how far the group is.
GROUP_COMMIT_INTERVAL = 5.0


class BrokenChain(RuntimeError):
    """Records arrived that do not follow the ones before them."""


class LostMembership(RuntimeError):
    """The consumer group works without this worker; only a new start brings it back."""


class Progress(NamedTuple):
    """Offsets of one source partition: the next to apply, and the end as far as known.

    `answered` changes whenever a broker answers for it; `led`: it has a leader as far as we know.
    """

    position: int
    end: int
    answered: int
    led: bool


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread around an aiokafka consumer of our own making."""

    mundane_level = "debug"

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:  # noqa: ARG002
        read_plain_records()
        # Faust would read uncommitted records and, having no tables of its own to look after,
        # spread one partition number over several workers.
        self._assignor = self.app.assignor
        return accommodate(
            AIOKafkaConsumer(
                **self.app.kafka,
                **self.app.consumer_settings,
                group_id=self.app.conf.id,
                partition_assignment_strategy=[self.app.assignor],
                isolation_level="read_committed",
                enable_auto_commit=False,
                # Where to read, only the ledger says. To go elsewhere would be to skip records.
                auto_offset_reset="none",
            )
        )


class ChunkConsumer(driver.Consumer):  # type: ignore[misc]
    """Delivers `Chunk`s, resumes where the ledger says, and lets the ledger commit.

    Attributes:
        epoch: the flow epoch, one more at every stop of the flow and every seek. A fetch that
            began before can still return after, so each chunk carries the epoch it was read in and
            is applied only while that lasts.
    """

    mundane_level = "debug"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.epoch = 0
        self._chain: dict[TP, int] = {}
        self._read: dict[TP, int] = {}
        self._group_committed: dict[TP, int] = {}
        self._group_commit_at = monotonic()
        self._group_commit: asyncio.Task[None] | None = None

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def stop_flow(self) -> None:
        """Stop the flow; what is under way belongs to an epoch that is over."""
        self.epoch += 1
        super().stop_flow()

    def is_current(self, chunk: Chunk) -> bool:
        """Whether the chunk was read in the present epoch and may be applied."""
        return chunk.epoch == self.epoch

    async def perform_seek(self) -> None:
        """Seek every owned partition to the ledger's position."""
        self.epoch += 1
        self._read = {}
        self._chain = dict(self.app.ledger.positions())
        await self.seek_wait(self._chain)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Refuse: the group's offsets are not the state's."""
        raise BrokenChain("asked to resume from the group's offsets, which only feed lag tools")

    # -- commits: every commit path of Faust ends in one of these two

    async def commit(
        self,
        topics: Any = None,  # noqa: ARG002 - a flush is of everything
        start_new_transaction: bool = True,  # noqa: ARG002 - each flush is its own transaction
    ) -> bool:
        """Flush the ledger, and now and then tell the group how far it got."""
        await self.app.ledger.flush()
        # During a rebalance a commit can confuse brokers about who is a member. And nothing may
        # wait for one: it can take as long as the group's coordinator is away.
        due = monotonic() - self._group_commit_at >= GROUP_COMMIT_INTERVAL
        idle = self._group_commit is None or self._group_commit.done()
        if due and idle and not self.app.rebalancing and not self.app.should_stop:
            self._group_commit_at = monotonic()
            self._group_commit = asyncio.create_task(self._commit_group_offsets())
        return True

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Do as `commit` does."""
        return await self.commit(topics, start_new_transaction)

    async def _commit_group_offsets(self) -> None:
        assigned = self.assignment()
        moved = {
            tp: offset
            for tp, offset in self.app.ledger.flushed().items()
            if tp in assigned and self._group_committed.get(tp) != offset
        }
        if not moved:
            return
        offsets = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in moved.items()
        }
        try:
            consumer = self._thread._ensure_consumer()
            await self._thread.call_thread(consumer.commit, offsets)
        except (KafkaError, RuntimeError) as error:
            log.warning("The group's offsets were not updated (lag tools will lag): %r", error)
        else:
            self._group_committed.update(moved)

    # -- Faust's own notions of progress and pressure, which per-record acks would drive

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: a full queue blocks delivery, which is pressure enough.

        Faust would stop fetching this partition and, with all of them full, sleep for a second.
        """

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing, as in `on_buffer_full`."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: Faust judges progress by acks, of which chunks have none."""

    async def check_membership(self) -> None:
        """Ask aiokafka whether it is still a working member of the group, and still reading.

        It would tell whoever polls it; Faust goes past that, and would wait for ever. That its
        reading has ended it tells nobody.

        Raises:
            LostMembership: it is not, and will not become one by itself.
        """
        try:
            await self._thread.call_thread(self._ask_aiokafka)
        except KafkaError as error:
            raise LostMembership(f"this worker lost its place in the group: {error}") from error

    async def _ask_aiokafka(self) -> None:
        consumer = self._thread._consumer
        if consumer is None or consumer._coordinator is None:
            return
        consumer._coordinator.check_errors()
        if consumer._fetcher._fetch_task.done() and not consumer._fetcher._closed:
            raise KafkaError("reading from the brokers has ended, see the log above")

    def progress(self) -> dict[TP, Progress]:
        """How far each owned partition has been applied, and how far it goes."""
        return {tp: self._progress(tp, at) for tp, at in self.app.ledger.positions().items()}

    def _progress(self, tp: TP, applied: int) -> Progress:
        state = self._state(tp)
        end = -1 if state is None or state.lso is None else state.lso
        # With all that was delivered applied, we are where the consumer is: past control records.
        if self._chain.get(tp) == applied:
            applied = max(applied, self._read.get(tp, applied))
        leader = self._thread._ensure_consumer()._client.cluster.leader_for_partition(tp)
        answered = 0 if state is None else state.timestamp or 0
        return Progress(applied, max(end, applied), answered, leader not in {None, -1})

    def _state(self, tp: TP) -> Any:
        consumer = self._thread._ensure_consumer()
        subscription = consumer._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return None
        if tp not in subscription.assignment.tps:
            return None
        return subscription.assignment.state_value(TopicPartition(tp.topic, tp.partition))

    def _note_positions(self) -> None:
        # Only between a delivery and the next fetch is the consumer's position also ours.
        for tp in self._chain:
            state = self._state(tp)
            if state is not None and state.has_valid_position:
                self._read[tp] = state.position

    # -- the flow

    async def _drain_messages(self, fetcher: Any) -> None:
        # Runs for as long as Faust's fetcher does: the one place where chunks are made.
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                if not self.flow_active:
                    await self.wait(self.can_resume_flow)
                    continue
                epoch = self.epoch
                self._note_positions()
                try:
                    records, _ = await self._wait_next_records(timeout=1.0)
                except (NoOffsetForPartitionError, OffsetOutOfRangeError) as error:
                    if epoch == self.epoch:
                        raise BrokenChain(
                            f"the records that are next were deleted before they were read: {error}"
                        ) from error
                    continue  # aiokafka does not know yet where the ledger reads on
                await asyncio.sleep(0)
                if not records:
                    continue
                if epoch == self.epoch:
                    await self._deliver(records, epoch)
                else:
                    await self._give_back(records)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError as error:
            if not (self.app.should_stop or fetcher._stopped.is_set()):
                # Not as it is: a service of Faust's that is cancelled ends, and nobody is told.
                raise BrokenChain("reading was cancelled, though nobody stops") from error

    async def _deliver(
        self, records: Mapping[TopicPartition, list[ConsumerRecord]], epoch: int
    ) -> None:
        for tp, part in chunked(records, self.app.chunk_size):
            if epoch != self.epoch:
                return
            start = self._chain.get(tp)
            if start is None or part[0].offset < start:
                raise BrokenChain(f"{tp} gave offset {part[0].offset} where {start} was next")
            chunk = Chunk(tp, part, start, epoch, self.app.consumer_generation_id)
            self._chain[tp] = chunk.end
            await self.wait_first(self.callback(chunk), self.suspend_flow.wait())

    async def _give_back(self, records: Iterable[TopicPartition]) -> None:
        # The fetch was overtaken by a seek and has moved the consumer past it: seek again.
        assigned = self.assignment()
        back = {
            tp: self._chain[tp]
            for tp in map(ensure_TP, records)
            if tp in self._chain and tp in assigned
        }
        if back:
            try:
                await self.seek_wait(back)
            except (KafkaError, RuntimeError, TimeoutError) as error:
                log.info("A rebalance overtook a seek, which it makes needless: %r", error)


def chunked(
    records: Mapping[TopicPartition, list[ConsumerRecord]], size: int
) -> Iterable[tuple[TP, list[ConsumerRecord]]]:
    """Cut each partition's records into pieces of at most `size`, the partitions taking turns."""
    longest = max(map(len, records.values()))
    for at in range(0, longest, size):
        for tp, whole in records.items():
            if part := whole[at : at + size]:
                yield ensure_TP(tp), part


class Producer(driver.Producer):  # type: ignore[misc]
    """No producer at all: whatever Closeknit sends belongs to a transaction of the table."""

    mundane_level = "debug"

    async def on_start(self) -> None:
        """Connect to nothing."""

    async def on_stop(self) -> None:
        """Disconnect from nothing."""

    async def flush(self) -> None:
        """Have nothing to flush."""


class Transport(driver.Transport):  # type: ignore[misc]
    """``chunks://``: Faust's aiokafka transport with our consumer."""

    Consumer = ChunkConsumer
    Producer = Producer
