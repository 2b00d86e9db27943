"""What the engine counts as it goes.

The engine, in its one thread, calls a method here once per chunk or flush; the scrape reads in
another thread. So everything is a plain number or a dictionary of numbers. A dictionary whose keys
can change is copied before it is read (`dict.copy` is one step under the interpreter's lock); the
others have all their keys from the start, which also makes every counter begin at 0: a counter
that first appears at 100 looks like a rise.
"""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final, NamedTuple

from schemas.events import Reason
from streams.core.partition import Outcome
from streams.metrics.names import TOPICS

FLUSH_BUCKETS: Final = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
"""Upper bounds of the flush histogram, in seconds; one more bucket takes the rest."""

Place = tuple[str, int]
"""A topic without its prefix, and a partition number."""


class Reading(NamedTuple):
    """How far one partition of one topic has been read."""

    lag_records: int
    read_until_ms: int
    """Everything written before this moment has been read (ms since the epoch)."""


class Snapshot(NamedTuple):
    """The local snapshot of one partition: when it was taken, and its size in bytes."""

    taken_ms: int
    size: int


class Meters:
    """One worker's counters and readings since it started."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, int]] = {
            topic: {outcome.value: 0 for outcome in Outcome} for topic in TOPICS
        }
        self.dead_letters: dict[str, int] = {reason.value: 0 for reason in Reason}
        self.last_event_ms: dict[Place, int] = {}
        self.readings: dict[Place, Reading] = {}
        self.flush_buckets: list[int] = [0] * (len(FLUSH_BUCKETS) + 1)
        self.flush_seconds: float = 0.0
        self.flush_records: int = 0
        self.flush_bytes: int = 0
        self.last_flush_ms: int | None = None
        self.rebalances: int = 0
        self.snapshots: dict[int, Snapshot] = {}
        self.snapshot_failures: int = 0

    def count(self, topic: str, outcomes: Mapping[Outcome, int]) -> None:
        """Add one chunk's outcomes to those of its topic (without prefix)."""
        counts = self.events[topic]
        for outcome, n in outcomes.items():
            counts[outcome.value] += n

    @property
    def rerouted(self) -> int:
        """Records sent on to their right partition since the start."""
        return sum(counts[Outcome.REROUTED] for counts in self.events.values())

    def dead_letter(self, reason: Reason, n: int = 1) -> None:
        """Add `n` dead letters of one reason."""
        self.dead_letters[reason.value] += n

    def event_seen(self, topic: str, partition: int, at_ms: int) -> None:
        """Note the latest event time of a chunk; one that held no valid event (-1) says nothing."""
        place = topic, partition
        if at_ms > self.last_event_ms.get(place, -1):
            self.last_event_ms[place] = at_ms

    def position(
        self,
        topic: str,
        partition: int,
        *,
        position: int,
        end: int,
        now_ms: int,
        written_ms: int | None = None,
    ) -> None:
        """Note how far a partition of a topic has been read.

        Call it after a chunk, and from time to time without one, so that the lag of a topic where
        nobody speaks stays small.

        Args:
            topic: Without its prefix.
            partition: Its number.
            position: The next offset to be read.
            end: The end offset, as far as known.
            now_ms: The wall clock.
            written_ms: The Kafka timestamp of the last record read; None if none was.
        """
        place = topic, partition
        if position >= end:
            until = now_ms
        elif written_ms is not None:
            until = written_ms
        else:
            # The true age is not known; it has waited at least since we first looked.
            known = self.readings.get(place)
            until = known.read_until_ms if known else now_ms
        self.readings[place] = Reading(max(0, end - position), until)

    def flushed(self, seconds: float, records: int, size: int, now_ms: int) -> None:
        """Note one committed flush: its duration, records, bytes, and when it ended."""
        self.flush_buckets[bisect_left(FLUSH_BUCKETS, seconds)] += 1
        self.flush_seconds += seconds
        self.flush_records += records
        self.flush_bytes += size
        self.last_flush_ms = now_ms

    def rebalanced(self) -> None:
        """Note one rebalance."""
        self.rebalances += 1

    def snapshot_taken(self, partition: int, taken_ms: int, size: int) -> None:
        """Note the snapshot that a restart would begin with."""
        self.snapshots[partition] = Snapshot(taken_ms, size)

    def snapshot_failed(self) -> None:
        """Note one snapshot that could not be written."""
        self.snapshot_failures += 1

    def lost(self, partition: int) -> None:
        """Forget the readings of a partition that is another worker's now; counters stay."""
        self.snapshots.pop(partition, None)
        for topic in TOPICS:
            self.last_event_ms.pop((topic, partition), None)
            self.readings.pop((topic, partition), None)
