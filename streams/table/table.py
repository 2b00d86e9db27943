"""The relationships table of one worker: leases by partition number, taken, applied, flushed."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NoReturn, Protocol

from aiokafka import AIOKafkaProducer
from faust.types import TP

from schemas.events import TOPIC_OF
from streams.core.admission import REROUTED_FROM
from streams.core.dead_letter import dead_letter_headers
from streams.core.formats import UnknownFormat
from streams.core.packing import CorruptValue
from streams.core.partition import Applied, Misplaced, Outcome, Refused
from streams.core.partition_record import Position
from streams.metrics.meters import Meters
from streams.metrics.view import PartitionView
from streams.table.cap import Watch
from streams.table.fit import value_settings
from streams.table.halt import BrokenInvariant, FlushFailed, Halt, UnfitState
from streams.table.lease import Lease, Outgoing
from streams.table.settings import TableSettings
from streams.table.snapshots import Snapshots
from streams.table.sources import Ask, Sources
from streams.table.takeover import new_lease, recover, shut_out_earlier
from streams.table.transaction import commit

log = logging.getLogger(__name__)


class ChunkLike(Protocol):
    """What `RelationshipsTable.apply` needs of a chunk of records."""

    topic: str
    partition: int
    start: int
    end: int
    records: Sequence[Any]


class RelationshipsTable:
    """All relationships in the partition numbers that this worker owns; the transport's ledger.

    Args:
        settings: see `TableSettings`.
        meters: told what happens.
        now: the wall clock, ms since the epoch.
        topic_ids: asks the cluster for the ids of the source topics, None where it has none.
        halt: ends the process; called with the reason and never returns.
    """

    def __init__(
        self,
        settings: TableSettings,
        meters: Meters,
        now: Callable[[], int],
        topic_ids: Ask,
        halt: Callable[[Halt], NoReturn],
    ) -> None:
        self._settings = settings
        self._meters = meters
        self._now = now
        self._topic_ids = topic_ids
        self._sources = Sources(topic_ids)
        self._halt = halt
        self._leases: dict[int, Lease] = {}
        self._names = {topic: TOPIC_OF[kind] for topic, kind in settings.kinds.items()}
        self._closing: set[asyncio.Task[None]] = set()
        self._value_settings = value_settings(settings.rules)
        self._snapshots = Snapshots(
            settings.snapshots, settings.changelog, settings.snapshot_after, meters, now
        )
        self._invalid = Watch(settings.cap)
        self.ready = False

    # -- what is held

    @property
    def topics(self) -> AbstractSet[str]:
        """The source topics."""
        return self._settings.kinds.keys()

    def leases(self) -> list[Lease]:
        """Return the partitions owned and recovered, by number."""
        return [lease for _, lease in sorted(self._leases.items()) if lease.recovered]

    def positions(self) -> Mapping[TP, int]:
        """Return the offset of the next record to apply, by topic and partition."""
        return {
            TP(topic, lease.number): position.offset
            for lease in self.leases()
            for topic, position in lease.positions.items()
        }

    def flushed(self) -> Mapping[TP, int]:
        """Return the offsets up to which a committed transaction holds what was applied."""
        return {
            TP(topic, lease.number): position.offset
            for lease in self.leases()
            if lease.flushed
            for topic, position in lease.flushed.next.items()
        }

    @property
    def partition_count(self) -> int:
        """How many partition numbers there are, over all workers."""
        return self._settings.rules.partitions

    def partitions(self) -> list[PartitionView]:
        """Show every partition assigned to this worker, recovered or not, to a scrape."""
        return [
            PartitionView(
                number=lease.number,
                ready=lease.recovered,
                clock=lease.state.clock,
                census=lease.state.census,
                relationships=len(lease.state.relationships),
                dirty=lease.state.dirty_count,
                recovery_read=lease.recovery_read,
                recovery_to_read=lease.recovery_to_read,
            )
            for lease in self._leases.copy().values()
        ]

    def measure_lag(self, topic: str, number: int, position: int, end: int) -> None:
        """Tell the meters how far a source partition has been applied, of how much there is."""
        lease = self._leases.get(number)
        if lease is not None and lease.recovered:
            self._meters.position(
                self._names[topic],
                number,
                position=position,
                end=end,
                now_ms=self._now(),
                written_ms=lease.written.get(topic),
            )

    @property
    def flush_is_due(self) -> bool:
        """Whether so much is waiting to be written that a flush should not wait for its turn."""
        return self._settings.max_dirty <= sum(
            lease.state.dirty_count + len(lease.outgoing) for lease in self._leases.values()
        )

    # -- applying

    def apply(self, chunk: ChunkLike) -> None:
        """Apply a chunk to the partition that it belongs to: synchronous, so it happens whole.

        Ends the process when the chunk does not continue what was applied before.
        """
        lease = self._leases.get(chunk.partition)
        if lease is None or not lease.recovered:
            self._halt(
                BrokenInvariant(f"a chunk of {chunk.topic}/{chunk.partition}, which is not ours")
            )
        position = lease.positions[chunk.topic]
        if chunk.start > position.offset:
            self._halt(
                BrokenInvariant(
                    f"{chunk.topic}/{chunk.partition}: records from {position.offset} to "
                    f"{chunk.start} were skipped"
                )
            )
        records = chunk.records
        replayed = 0
        if records[0].offset < position.offset:
            records = [record for record in records if record.offset >= position.offset]
            replayed = len(chunk.records) - len(records)
        applied = lease.state.apply(self._settings.kinds[chunk.topic], records, self._now())
        if most := self._invalid.judge(chunk.topic, chunk.partition, len(records), applied.refused):
            self._halt(most)
        lease.outgoing += [self._dead_letter(lease, chunk.topic, r) for r in applied.refused]
        lease.outgoing += [self._rerouted(lease, chunk.topic, m) for m in applied.misplaced]
        lease.positions[chunk.topic] = Position(
            offset=max(chunk.end, position.offset), topic_id=position.topic_id
        )
        lease.written[chunk.topic] = chunk.records[-1].timestamp
        self._count(chunk, applied, replayed)

    def _count(self, chunk: ChunkLike, applied: Applied, replayed: int) -> None:
        meters, name = self._meters, self._names[chunk.topic]
        meters.count(name, applied.outcomes)
        if replayed:
            meters.count(name, {Outcome.REPLAYED: replayed})
        for refused in applied.refused:
            meters.dead_letter(refused.reason)
        meters.event_seen(name, chunk.partition, applied.last_event_ms)

    def _dead_letter(self, lease: Lease, topic: str, refused: Refused) -> Outgoing:
        record: Any = refused.record
        # aiokafka sends no record that has neither key nor value, though Kafka may hold one.
        value = b"" if record.key is None and record.value is None else record.value
        return Outgoing(
            topic=self._settings.dead_letters,
            partition=lease.number,
            key=record.key,
            value=value,
            timestamp=None,
            headers=dead_letter_headers(
                refused.reason,
                refused.detail,
                topic,
                lease.number,
                record.offset,
                record.timestamp,
                record.headers,
            ),
        )

    def _rerouted(self, lease: Lease, topic: str, misplaced: Misplaced) -> Outgoing:
        # Its own headers stay behind: nothing reads them, and with them it might not fit.
        record: Any = misplaced.record
        return Outgoing(
            topic=topic,
            partition=misplaced.partition,
            key=misplaced.key,
            value=record.value,
            timestamp=record.timestamp,
            headers=[(REROUTED_FROM, f"{topic}/{lease.number}/{record.offset}".encode())],
        )

    # -- flushing

    async def flush(self) -> None:
        """Commit everything applied so far; returns when it is committed, or not at all."""
        flushes = []
        for lease in self.leases():
            flushes.append(asyncio.ensure_future(self._flush(lease)))
            # To take a snapshot is one step of many milliseconds: others have their turn between
            # two of them, a scrape and a heartbeat among them.
            await asyncio.sleep(0)
        await asyncio.gather(*flushes)

    async def _flush(self, lease: Lease, *, forced: bool = False) -> None:
        # Shielded: a flush once begun ends in a commit or in the end of the process, whatever
        # becomes of the task that asked for it.
        await asyncio.shield(asyncio.ensure_future(self._flush_now(lease, forced=forced)))

    async def _flush_now(self, lease: Lease, *, forced: bool) -> None:
        async with lease.flushing:
            if self.ready:
                # While partitions change hands, the hour alone is no reason to write.
                lease.state.tell_time(self._now())
            loop = asyncio.get_running_loop()
            started = loop.time()
            covers = self._snapshots.flushing(lease)
            try:
                snapshot = lease.snapshot(self._value_settings, forced=forced)
                if snapshot is None:
                    self._snapshots.flushed(lease, covers=covers, records=0)
                    return
                deadline = self._settings.transaction_timeout_ms / 1000
                await self._confirm_sources(snapshot.record.next, deadline)
                size, lease.reached = await commit(
                    lease, snapshot, self._settings.changelog, deadline
                )
            except Halt as reason:
                self._halt(reason)
            except Exception as error:
                # What was taken for this flush would be missing from the next one.
                self._halt(BrokenInvariant(f"flushing partition {lease.number} failed: {error!r}"))
            lease.flushed = snapshot.record
            self._meters.flushed(loop.time() - started, len(snapshot.values), size, self._now())
            self._snapshots.flushed(lease, covers=covers, records=len(snapshot.values) + 1)

    async def confirm_sources(self) -> None:
        """Return if the source topics are the ones that we read, also where nothing is flushed.

        Raises:
            SourceReplaced: a topic is gone, or another one has its name.
        """
        for lease in self.leases():
            await self._sources.confirm(lease.positions)

    async def _confirm_sources(self, positions: Mapping[str, Position], deadline: float) -> None:
        try:
            async with asyncio.timeout(deadline):
                await self._sources.confirm(positions)
        except TimeoutError as error:
            raise FlushFailed(
                f"no broker told the ids of the source topics within {deadline:.0f} s, so nothing "
                "was flushed: is it reachable? Nothing is lost: start the worker again when it is"
            ) from error

    # -- changing hands

    def rebalancing(self) -> None:
        """Note that what is held may be someone else's soon; nothing is dropped before we know."""
        self.ready = False
        self._meters.rebalanced()

    def serving(self) -> None:
        """Note that the streams run again."""
        self.ready = True

    async def take(self, numbers: AbstractSet[int], still_current: Callable[[], bool]) -> bool:
        """Own exactly these partition numbers.

        Kept ones are *proven* by a transaction: Faust calls a partition kept even if another
        worker owned it meanwhile, and only the broker knows. New ones get their producer, which
        shuts out any earlier owner, *before* their changelog is read, so that nothing can be added
        behind our back.

        Raises:
            UnfitState: the state is not for this worker. Nothing was applied to it, so there is no
                harm in leaving the group in good order first.
        """
        for number, lease in list(self._leases.items()):
            if number not in numbers or not lease.recovered:
                self._release(number)
        await asyncio.gather(*(self._flush(lease, forced=True) for lease in self.leases()))
        if not still_current():
            return False
        new = sorted(numbers - self._leases.keys())
        if not new:
            return True
        leases = [new_lease(number, self._settings) for number in new]
        self._leases.update(zip(new, leases, strict=True))
        await asyncio.gather(*(shut_out_earlier(lease, self._settings) for lease in leases))
        if not still_current():
            return False
        try:
            topic_ids = await self._topic_ids({*self.topics, self._settings.changelog})
            recovered = await recover(
                leases, self._settings, topic_ids, self._snapshots, still_current
            )
        except UnfitState:
            raise
        except UnknownFormat as error:
            raise UnfitState(str(error)) from None
        except Halt as reason:
            self._halt(reason)
        except CorruptValue as error:
            log.debug("The corrupt value is that of the key %r", error.key)
            self._halt(BrokenInvariant(str(error)))
        if recovered:
            for lease in leases:
                lease.state.tell_time(self._now())
                lease.recovered = True
        return recovered

    def _release(self, number: int) -> None:
        lease = self._leases.pop(number)
        self._meters.lost(number)
        self._snapshots.lost(number)
        task = asyncio.ensure_future(_close(lease.producer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    @property
    def unflushed(self) -> bool:
        """Whether anything applied is in no committed transaction."""
        return any(
            lease.flushed is None or lease.flushed.next != lease.positions
            for lease in self.leases()
        )

    async def close(self) -> None:
        """Close every producer."""
        for number in list(self._leases):
            self._release(number)
        self._snapshots.close()
        if self._closing:
            await asyncio.wait(self._closing)


async def _close(producer: AIOKafkaProducer) -> None:
    try:
        await asyncio.wait_for(producer.stop(), timeout=5)
    except (TimeoutError, Exception) as error:
        log.debug("A producer that is no longer needed did not stop cleanly: %r", error)
