"""A trial: a system under load, its crew, what was done to it, and the verdict."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from tests.engine.system import System, Worker
from tests.faults.audit import Audit
from tests.faults.crew import Crew
from tests.faults.load import Load
from tests.faults.report import Tally
from tests.model.recount import SERIES, series

SHOWN = 5
FLUSHED_WITHIN = 30.0


class Trial:
    """A load and a crew on a system while its `with` block runs; then, what came of it.

    Args:
        system: a fresh one.
        seed: of the load.
        rate: records a second.
        size: how many workers there should be.
        settings: of the workers.
    """

    def __init__(
        self, system: System, *, seed: int, rate: float, size: int, **settings: str
    ) -> None:
        self.system = system
        self.tally = Tally()
        self.load = Load(system, seed, rate)
        # Often and in small pieces, so that a fault can fall anywhere.
        pace = {"chunk_size": "50", "flush_interval": "0.05", "snapshot_after": "1"}
        self.crew = Crew(system, size, **{**pace, **settings})
        self.audit = Audit(system, self.load)

    def __enter__(self) -> Self:
        self.load.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.load.__exit__(kind, error, trace)
        self.note()

    def did(self, fault: str) -> None:
        """Note a fault."""
        self.tally.faults[fault] += 1

    def at_work(self, records: int = 300) -> None:
        """Wait until the crew has read so many records more."""
        enough = self.crew.applied() + records
        self.crew.await_that(lambda: self.crew.applied() >= enough, f"{records} more are read")

    def verify(self) -> None:
        """Pause the load and compare everything while the crew goes on."""
        wrong = self.pause()
        self._judge([*wrong, *self._live(), *self.audit.tables()])
        self.load.release()

    def pause(self) -> list[str]:
        """Pause the load until all of it is flushed; return what is wrong in the logs."""
        self.come_to_the_end()
        wrong = self._followed()
        self.crew.await_that(lambda: not self.audit.unpassed(), "everything applied is flushed")
        return wrong

    def end(self, *statuses: int) -> None:
        """Compare what the crew shows, tell it to leave, and compare what it left.

        Each must end with 0, or with one of these.
        """
        self.come_to_the_end()
        wrong = [*self._followed(), *self._live()]
        self.crew.disperse(*statuses)
        audit = self.audit
        wrong += audit.follow()
        self._judge([*wrong, *audit.owed(), *audit.unpassed(), *audit.tables()])

    def _followed(self) -> list[str]:
        """Follow the logs until what is owed is there: a flush may still be under way."""
        wrong = self.audit.follow()
        deadline = time.monotonic() + FLUSHED_WITHIN
        while self.audit.owed() and time.monotonic() < deadline:
            self.crew.tend()
            wrong += self.audit.follow()
        return [*wrong, *self.audit.owed()]

    def come_to_the_end(self) -> None:
        """Pause the load: those who are there must apply all of it without help.

        The group must be stable then, and have no members but them.
        """
        self.load.pause()
        self.crew.await_that(self.crew.idle, "everything is applied")
        self.crew.await_that(self.crew.settled, "the group is stable and has no ghosts")

    def _live(self) -> list[str]:
        # What was read counts if all of them were there before and after: on a machine out of
        # breath one may end, or a rebalance begin, at any time.
        while True:
            self.crew.await_that(self.crew.idle, "all show what they have")
            got = seen(self.crew.workers())
            if self.crew.idle():
                break
        want = self.audit.census()
        return [f"on /metrics: {got[name]}, not {want[name]}: {name}" for name in differ(want, got)]

    def _judge(self, wrong: list[str]) -> None:
        self.tally.audits += 1
        self.tally.mismatches += wrong
        self.note()
        assert not wrong, "\n".join([f"{len(wrong)} mismatches, such as:", *wrong[:SHOWN]])

    def note(self) -> None:
        """Bring the tally up to date."""
        tally, audit, crew = self.tally, self.audit, self.crew
        tally.events, tally.letters, tally.resent = audit.events, audit.letters, audit.resent
        tally.restarts, tally.exits = crew.restarts, crew.exits
        tally.replayed = max(0, crew.applied() - audit.events)


def seen(workers: Iterable[Worker]) -> Counter[tuple[str, str]]:
    """What Prometheus would see: every series of the census by account, over all workers."""
    found: Counter[tuple[str, str]] = Counter()
    for worker in workers:
        for family in text_string_to_metric_families(worker.get("/metrics")[1]):
            for sample in family.samples:
                if (account := sample.labels.get("account")) is None:
                    continue
                labels = {name: value for name, value in sample.labels.items() if name != "account"}
                name = series(sample.name.removeprefix("closeknit_"), **labels)
                if name in KNOWN:
                    found[name, account] += int(sample.value)
    return +found


KNOWN = frozenset(SERIES)


def differ(want: Counter[Any], got: Counter[Any]) -> list[Any]:
    """The keys under which two counts differ."""
    return [key for key in want.keys() | got.keys() if want[key] != got[key]]
