"""Local snapshots: what a restart need not read from the changelog again.

A snapshot is a copy of a partition's relationships, made while the worker works. It begins at a
changelog offset, `head.offset`, and takes each value as it is when its turn comes: perhaps newer
than that offset, perhaps not yet committed. It becomes a snapshot only when a flush that began
after the last value was taken has been committed; from then on the changelog before `end.covered`
holds whatever is in the copy. So to restore it is to put the copy and then every changelog record
from `head.offset` on: what was not yet in the copy is read, what was is put once more. The values
of the copy need not even be of one moment.

The changelog alone decides what is true. A snapshot is another way of having read its beginning,
and wherever there is a doubt the changelog is read from its start.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import BinaryIO, NamedTuple

from streams.core.packing import FORMAT
from streams.metrics.meters import Meters
from streams.table.lease import Lease
from streams.table.snapshot_file import End, Head, Reader, Unusable, Writer, encode

log = logging.getLogger(__name__)

#: Relationships copied in one go: 1 ms, in which nothing else happens.
BITE = 2000

#: What a copy leaves to the stream: so many times what it takes itself.
REST = 5.0

HOUR_MS = 3_600_000

#: Older snapshots are not used. A changelog forgets *that* a key was deleted after its
#: `delete.retention.ms` (a day), and a snapshot from before would bring the key back.
OLDEST_MS = 12 * HOUR_MS

#: When a snapshot is replaced although little has changed.
STALE_MS = 6 * HOUR_MS

#: Seconds until the next attempt after the disk has refused one.
RETRY_AFTER = 300.0

_names = count()


class Found(NamedTuple):
    """The changelog of one partition, as the broker has it now."""

    topic_id: str | None
    earliest: int
    end: int


class _Copy:
    """A copy in the making.

    Attributes:
        head: its first frame.
        taken: whether the last value has been taken.
        covered: the changelog offset before which everything taken is committed.
    """

    def __init__(self, head: Head) -> None:
        self.head = head
        self.taken = False
        self.covered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None


class _Kept:
    """What is known of the snapshot of a partition that this worker owns.

    Attributes:
        topic_id: of its changelog.
        taken_ms: when the last snapshot was taken, None if there is none.
        changed: changelog records since then.
        copy: the next one, in the making.
    """

    def __init__(self, topic_id: str) -> None:
        self.topic_id = topic_id
        self.taken_ms: int | None = None
        self.changed = 0
        self.copy: _Copy | None = None


class Snapshots:
    """The snapshots of one worker's partitions, in a directory that only one process may use.

    Args:
        folder: where they are; made when there is a first one. None: there are none.
        changelog: the topic that they are snapshots of.
        after: records after which a new one is written, if they are as many as relationships.
        meters: told of snapshots and failures.
        now: the wall clock, ms since the epoch.
    """

    def __init__(
        self,
        folder: Path | None,
        changelog: str,
        after: int,
        meters: Meters,
        now: Callable[[], int],
    ) -> None:
        self._folder = folder
        self._changelog = changelog
        self._after = after
        self._meters = meters
        self._now = now
        self._kept: dict[int, _Kept] = {}
        self._lock: BinaryIO | None = None
        self._retry_at = 0.0
        self._complained = False

    # -- starting from one

    async def load(self, lease: Lease, found: Found, still_current: Callable[[], bool]) -> int:
        """Fill an empty lease from its snapshot; return the changelog offset to read on from.

        Without one that can be trusted, the lease stays empty and that is the changelog's start.
        """
        self._kept.pop(lease.number, None)
        if found.topic_id is None or self._folder is None or not self._locked(self._folder):
            return found.earliest
        kept = self._kept[lease.number] = _Kept(found.topic_id)
        path = self._path(self._folder, lease.number)
        try:
            with await asyncio.to_thread(Reader, path) as reader:
                head = reader.head
                self._judge(head, lease.number, found)
                maps = reader.maps()
                while (some := await asyncio.to_thread(next, maps, None)) is not None:
                    if not still_current():
                        break
                    lease.state.relationships.update(some)
                else:
                    if reader.end.covered > found.end:
                        raise Unusable(
                            f"it holds changes up to offset {reader.end.covered}, and the "
                            f"changelog ends at {found.end}: the broker lost records, or was "
                            "restored from a copy"
                        )
        except FileNotFoundError:
            return found.earliest
        except (Unusable, OSError) as error:
            lease.state.relationships.clear()
            log.warning(
                "The snapshot %s is not used, and written anew: %s. Its changelog is read from the "
                "start instead",
                path,
                error,
            )
            return found.earliest
        lease.flushed = head.record
        lease.positions = dict(head.record.next)
        kept.taken_ms = head.taken_ms
        self._meters.snapshot_taken(lease.number, head.taken_ms, reader.size)
        return head.offset

    def recovered(self, lease: Lease, records: int) -> None:
        """Note how many changelog records were read beside the snapshot."""
        if kept := self._kept.get(lease.number):
            kept.changed = records

    def _judge(self, head: Head, number: int, found: Found) -> None:
        age = self._now() - head.taken_ms
        if (head.changelog, head.topic_id) != (self._changelog, found.topic_id):
            raise Unusable(
                f"it is of the topic {head.changelog} with the id {head.topic_id}, and "
                f"{self._changelog} has the id {found.topic_id}: deleted and created anew, as "
                "`closeknit reset` does, or in another cluster"
            )
        if head.number != number:
            raise Unusable(f"it is of partition {head.number}")
        if head.format != FORMAT:
            raise Unusable(f"its relationships have format {head.format}, and we write {FORMAT}")
        if not 0 <= age <= OLDEST_MS:
            raise Unusable(
                f"it is {age / HOUR_MS:.1f} h old, and after {OLDEST_MS // HOUR_MS} h the "
                "changelog may have forgotten deletions that it misses"
            )
        if not found.earliest <= head.offset <= found.end:
            raise Unusable(
                f"it goes on at offset {head.offset}, and the changelog has {found.earliest} to "
                f"{found.end}"
            )

    # -- making one, beside the flushes of a lease

    def flushing(self, lease: Lease) -> bool:
        """Note that a flush begins; return whether it covers the copy that is being made."""
        kept = self._kept.get(lease.number)
        return kept is not None and kept.copy is not None and kept.copy.taken

    def flushed(self, lease: Lease, *, covers: bool, records: int) -> None:
        """Note that a flush ended, with so many changelog records, and that nothing is on its way.

        Args:
            lease: the partition that was flushed.
            covers: what `flushing` said when it began.
            records: how many changelog records it wrote.
        """
        kept = self._kept.get(lease.number)
        if kept is None:
            return
        kept.changed += records
        if kept.copy is not None:
            if covers and not kept.copy.covered.done():
                kept.copy.covered.set_result(lease.reached)
        elif self._due(lease, kept):
            self._begin(lease, kept)

    def lost(self, number: int) -> None:
        """Stop copying a partition that is another worker's now; its snapshot stays true."""
        kept = self._kept.pop(number, None)
        if kept is not None and kept.copy is not None and kept.copy.task is not None:
            kept.copy.task.cancel()

    def close(self) -> None:
        """Let go of the directory."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _due(self, lease: Lease, kept: _Kept) -> bool:
        # One at a time, as each holds a list of all keys of its partition.
        if lease.flushed is None or any(other.copy for other in self._kept.values()):
            return False
        if asyncio.get_running_loop().time() < self._retry_at:
            return False
        if kept.taken_ms is not None and self._now() - kept.taken_ms > STALE_MS:
            return True
        return kept.changed >= max(self._after, len(lease.state.relationships))

    def _begin(self, lease: Lease, kept: _Kept) -> None:
        # Synchronous: what is in memory now is all that the changelog has before this offset.
        assert lease.flushed is not None  # noqa: S101 - for the type checker; it is due
        head = Head(
            changelog=self._changelog,
            topic_id=kept.topic_id,
            number=lease.number,
            offset=lease.reached,
            taken_ms=self._now(),
            record=lease.flushed,
        )
        kept.copy = _Copy(head)
        kept.copy.task = asyncio.ensure_future(self._make(lease, kept, kept.copy, kept.changed))

    async def _make(self, lease: Lease, kept: _Kept, copy: _Copy, changed: int) -> None:
        assert self._folder is not None  # noqa: S101 - for the type checker; else nothing is kept
        path = self._path(self._folder, lease.number)
        part = path.with_suffix(f".{next(_names)}.part")
        loop = asyncio.get_running_loop()
        writer = None
        try:
            writer = await asyncio.to_thread(Writer, part, copy.head)
            relationships = lease.state.relationships
            keys = list(relationships)
            for start in range(0, len(keys), BITE):
                began = loop.time()
                some = keys[start : start + BITE]
                bite = encode(dict(zip(some, map(relationships.__getitem__, some), strict=True)))
                spent = loop.time() - began
                await asyncio.to_thread(writer.add, bite)
                await asyncio.sleep(REST * spent)
            copy.taken = True
            covered = await copy.covered
            end = End(covered=covered, relationships=len(keys))
            size = await asyncio.to_thread(writer.finish, end, path)
            writer = None
            self._meters.snapshot_taken(lease.number, copy.head.taken_ms, size)
            kept.taken_ms = copy.head.taken_ms
            kept.changed -= changed
            self._complained = False
        except OSError as error:
            self._retry_at = loop.time() + RETRY_AFTER
            self._refused(self._folder, error)
        finally:
            kept.copy = None
            if writer is not None:
                # In a thread, as one may be writing; and not awaited, as we may be cancelled.
                loop.run_in_executor(None, writer.abandon)

    # -- the directory

    @staticmethod
    def _path(folder: Path, number: int) -> Path:
        return folder / f"{number}.snapshot"

    def _locked(self, folder: Path) -> bool:
        """Have the directory to ourselves, and clear out what a crash left or nobody can use."""
        if self._lock is not None:
            return True
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / "lock").open("ab")
        except OSError as error:
            self._refused(folder, error)
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for leftover in folder.glob("*.part"):
                leftover.unlink()
            for snapshot in folder.glob("*.snapshot"):
                if self._now() - snapshot.stat().st_mtime_ns // 1_000_000 > OLDEST_MS:
                    snapshot.unlink()
        except BlockingIOError:
            lock.close()
            self._meters.snapshot_failed()
            log.warning(
                "Another process keeps its snapshots in %s, so this worker keeps none and restarts "
                "more slowly: give each worker a CLOSEKNIT_DATA_DIR of its own",
                folder,
            )
            return False
        except OSError as error:
            lock.close()
            self._refused(folder, error)
            return False
        self._lock = lock
        return True

    def _refused(self, folder: Path, error: OSError) -> None:
        self._meters.snapshot_failed()
        if not self._complained:
            self._complained = True
            log.warning(
                "No snapshot could be written to %s (%s). Nothing is lost: a restart reads the "
                "changelog instead, which takes longer. Make room there, or name another "
                "CLOSEKNIT_DATA_DIR; it is tried again every %.0f s",
                folder,
                error.strerror or os.strerror(error.errno or 0),
                RETRY_AFTER,
            )
