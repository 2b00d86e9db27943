"""What happens, and in which order, when partitions change hands.

Without tables of its own Faust goes from an assignment straight to `Recovery._resume_streams`;
that is the one place to take partitions, seek and let the streams run again. In order:

1. revoked (main loop, synchronous): the round advances, the flow stops, queues are emptied; then
   the app's signal flushes what was applied. *Everything* is revoked in every rebalance, so nothing
   is dropped yet.
2. assigned: wakes the recovery task and returns, so heartbeats go on while it works.
3. recovery task: the ledger takes the partitions, we seek to its positions, the streams resume.
4. Another rebalance meanwhile: the round differs, this one is abandoned wherever it is.
"""

import logging
from collections.abc import Callable
from typing import Any

from aiokafka.errors import KafkaError
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP

from streams.transport.consumer import BrokenChain

log = logging.getLogger(__name__)


class NotCoPartitioned(RuntimeError):
    """A partition number was assigned for some of the source topics only."""


class Takeover(Recovery):  # type: ignore[misc]
    """Faust's recovery task, recovering the ledger instead of Faust's tables."""

    mundane_level = "debug"

    async def _resume_streams(self, generation_id: int = 0) -> None:
        app, consumer, ledger = self.app, self.app.consumer, self.app.ledger
        current = self.tables.still_current(generation_id)
        if not current():
            return
        assigned = {tp for tp in consumer.assignment() if tp.topic in ledger.topics}
        numbers = co_partitioned(assigned, ledger.topics)

        try:
            taken = await ledger.take(numbers, current)
        except Exception as error:
            # Not for Faust, which would only log it: whoever runs the app ends it in good order.
            app.failure = error
            return
        if not taken:
            log.info("Another rebalance began: takeover of %s abandoned", sorted(numbers))
            return
        await app.on_rebalance_complete.send()
        if not current():
            return
        if assigned:
            consumer.resume_partitions(assigned)
            try:
                await consumer.perform_seek()
            except (KafkaError, RuntimeError, TimeoutError) as error:
                if current():
                    # Not as it is: Faust takes some of these for a rebalance, and would wait.
                    raise BrokenChain(f"seeking to the ledger's positions: {error!r}") from error
        if not current():
            return
        ledger.serving()
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()
        log.info("Ready with partitions %s", sorted(numbers))


class TakeoverManager(TableManager):  # type: ignore[misc]
    """Faust's table manager with no tables, starting a `Takeover` at every assignment.

    Attributes:
        round: the one of the latest assignment. Its takeover may start much later, when the one
            before has come to its end; by then another round may have begun.
    """

    mundane_level = "debug"

    _recovery: Takeover | None

    round = 0

    @property
    def recovery(self) -> Takeover:
        """The takeover task, made when first asked for."""
        if self._recovery is None:
            self._recovery = Takeover(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Start at once: Faust would sleep for a second first."""
        await self._update_channels()
        await self.recovery.start()

    def still_current(self, generation_id: int) -> Callable[[], bool]:
        """Return a question to ask after every await: is that assignment still the latest word?"""
        app, number = self.app, self.round

        def still_current() -> bool:
            return bool(app.rounds == number and app.consumer_generation_id == generation_id)

        return still_current

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Start a takeover: Faust calls this on every assignment."""
        self.round = self.app.rounds
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop everything at once: Faust calls this first, on rebalance and on shutdown."""
        app: Any = self.app
        app.rounds += 1
        app.ledger.rebalancing()
        app.consumer.stop_flow()
        app.flow_control.suspend()
        app.flow_control.clear()
        super().on_partitions_revoked(revoked)


def co_partitioned(assigned: set[TP], topics: Any) -> set[int]:
    """Return the partition numbers of an assignment.

    Raises:
        NotCoPartitioned: a number came without some of the topics.
    """
    by_number: dict[int, set[str]] = {}
    for tp in assigned:
        by_number.setdefault(tp.partition, set()).add(tp.topic)
    for number, found in by_number.items():
        if found != set(topics):
            raise NotCoPartitioned(
                f"partition {number} was assigned for {sorted(found)} but not for "
                f"{sorted(set(topics) - found)}: the source topics must have the same number of "
                "partitions (closeknit topics check) and every member of the group must be a "
                "Closeknit worker"
            )
    return set(by_number)
