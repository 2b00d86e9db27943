"""What the transport asks of the state that its chunks change."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Protocol

from faust.types import TP


class Ledger(Protocol):
    """Owns state by partition number and knows how far into each topic that state reaches.

    A partition *number* is owned as a whole: the same number of every source topic.
    """

    @property
    def topics(self) -> AbstractSet[str]:
        """The source topics, co-partitioned."""

    def rebalancing(self) -> None:
        """A rebalance has begun: synchronous, first thing, before anything is awaited."""

    async def take(self, numbers: AbstractSet[int], still_current: Callable[[], bool]) -> bool:
        """Become the owner of exactly these partition numbers, recovered and ready to apply.

        `still_current` turns false when a newer rebalance begins; it is asked after every await.
        Returns whether the takeover finished while it was still current.
        """

    def positions(self) -> Mapping[TP, int]:
        """The offset of the next record to apply, for each topic and number owned."""

    def flushed(self) -> Mapping[TP, int]:
        """Like `positions`, as far as a committed transaction says so."""

    async def flush(self) -> None:
        """Commit what was applied; a failure ends the process, so there is none to handle."""

    def serving(self) -> None:
        """Streams run again: the takeover is complete."""
