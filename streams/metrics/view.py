"""What a scrape needs to see of the table, and nothing more."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol


class CensusView(Protocol):
    """The census of one partition, readable while its owner changes it in another thread."""

    def accounts(self) -> Collection[str]:
        """The accounts that have a count here."""
        ...

    def slots(self, account: str, clock: int) -> list[int]:
        """One account's counts at the clock, an hour, by slot (`streams.core.series.slots`)."""
        ...


class PartitionView(NamedTuple):
    """One partition assigned to this worker, as it is at this moment."""

    number: int
    ready: bool
    """Recovered. Until then only the progress of its recovery is told."""
    clock: int
    """The hour that now is; -1 before anything was read."""
    census: CensusView
    relationships: int
    dirty: int
    recovery_read: int
    """Changelog offsets passed by its recovery."""
    recovery_to_read: int
    """Changelog offsets that its recovery passes in all; equal to `recovery_read` at the end."""


class View(Protocol):
    """The table, as seen by a scrape. Called from the server's thread."""

    @property
    def partition_count(self) -> int:
        """How many partitions there are, over all workers."""
        ...

    def partitions(self) -> Sequence[PartitionView]:
        """The partitions assigned to this worker, ready or not."""
        ...
