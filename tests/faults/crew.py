"""Workers and the supervisor that starts them again, as systemd or Kubernetes would."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from streams.group import describe
from streams.topics import administration
from tests.engine.system import System, Worker

#: Ends that faults of workers and brokers may have, of those that ask for a new start. Among the
#: others are 70, an invariant that broke, and 72 and 74, of topics that nobody has touched.
RESTART = frozenset({1, 3, 69, 71, 75, 76})
PATIENCE = 120.0
PAUSE = 2.0  # seconds before a place is filled again
GLANCE = 1.0  # seconds between two looks at what a worker has read


class Place:
    """One worker that there should be: the process that is it now, if there is one."""

    def __init__(self, name: str, settings: dict[str, str]) -> None:
        self.name = name
        self.settings = settings
        self.worker: Worker | None = None
        self.paused = False
        self.empty_since = 0.0
        self.looked_at = 0.0
        self.read: Counter[str] = Counter()

    @property
    def running(self) -> bool:
        """Whether there is a process, paused or not."""
        return self.worker is not None and self.worker.process.poll() is None


class Crew:
    """So many workers of a system, kept running.

    Attributes:
        places: the workers that there should be.
        exits: how often a worker ended with which status, without being told to.
        expected: the statuses with which one may end.
        read: outcomes of the records that all of them have read, as far as they lived to tell.
    """

    def __init__(self, system: System, size: int, **settings: str) -> None:
        self.system = system
        self.exits: Counter[int] = Counter()
        self.expected = set(RESTART)
        self.read: Counter[str] = Counter()
        self.restarts = 0
        self._settings = settings
        self._made = 0
        self.places = [self._place() for _ in range(size)]

    def _place(self) -> Place:
        # Every other one has a name that survives restarts, and every other one none.
        name = f"place-{self._made}"
        named = {} if self._made % 2 else {"group_instance_id": name}
        self._made += 1
        own = {"data_dir": str(self.system.folder / name), **named}
        return Place(name, {**self._settings, **own})

    # -- what a supervisor does

    def tend(self) -> None:
        """Fill places that are empty; a worker that ended in a way that it must not is an error."""
        for place in self.places:
            if place.worker is not None and not place.running:
                self._bury(place)
            if place.worker is None and time.monotonic() - place.empty_since >= PAUSE:
                self.start(place)
            self._look_at(place)

    def _bury(self, place: Place) -> None:
        worker = place.worker
        assert worker is not None
        status = worker.wait()
        if status != -signal.SIGKILL:
            assert status in self.expected, (
                f"{place.name} ended with {status}:\n{worker.said()[-3000:]}"
            )
            self.exits[status] += 1
        self.restarts += 1
        self._vacate(place)

    def _vacate(self, place: Place) -> None:
        self.read += place.read
        place.read = Counter()
        place.worker, place.paused, place.empty_since = None, False, time.monotonic()

    def _look_at(self, place: Place, *, now: bool = False) -> None:
        if place.worker is None or place.paused or not place.running:
            return
        if now or time.monotonic() - place.looked_at > GLANCE:
            place.looked_at = time.monotonic()
            counts = place.worker.counts("closeknit_events_total", "outcome")
            if counts:
                place.read = Counter({outcome: n for (outcome,), n in counts.items()})

    def await_that(
        self, condition: Callable[[], Any], what: str, patience: float = PATIENCE
    ) -> Any:
        """Wait until the condition holds, tending the crew meanwhile."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            self.tend()
            if found := condition():
                return found
            time.sleep(0.1)  # between two looks at a condition
        raise AssertionError(f"{what}: not within {patience:.0f} s\n{self.last_words()}")

    def last_words(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {place.name}\n{place.worker.said()[-1500:]}"
            for place in self.places
            if place.worker is not None
        )

    # -- what can be done to it

    def start(self, place: Place, ambush: str = "") -> Worker:
        """Start a worker in a place, with an ambush laid for it if one is named."""
        module = ("tests.faults.ambush", ambush) if ambush else ("streams",)
        place.worker = self.system.worker(module=module, **place.settings)
        return place.worker

    def join(self) -> Place:
        """One more."""
        place = self._place()
        self.places.append(place)
        self.start(place)
        return place

    def leave(self, place: Place, *statuses: int) -> int:
        """Tell one to stop for good, and return how it ended."""
        self.places.remove(place)
        if place.worker is None:
            return 0
        self._tell_to_leave(place)
        return self._see_off(place, *statuses)

    def _tell_to_leave(self, place: Place) -> None:
        self._look_at(place, now=True)
        if place.worker is not None:
            place.worker.signal(signal.SIGTERM)

    def _see_off(self, place: Place, *statuses: int) -> int:
        worker = place.worker
        assert worker is not None
        status = worker.wait()
        assert status in (statuses or (0,)), f"ended with {status}:\n{worker.said()[-3000:]}"
        self._vacate(place)
        return status

    def kill(self, place: Place) -> None:
        """End one at once, as a crash would; `tend` will start it again."""
        if place.worker is not None:
            self._look_at(place, now=True)
            place.worker.kill()

    def pause(self, place: Place) -> None:
        """Freeze one."""
        if place.worker is not None:
            self._look_at(place, now=True)
            place.paused = True
            place.worker.signal(signal.SIGSTOP)

    def resume(self, place: Place) -> None:
        """Let a frozen one go on, if it is still there."""
        if place.worker is not None and place.paused:
            place.paused = False
            place.worker.signal(signal.SIGCONT)

    def disperse(self, *statuses: int) -> None:
        """Tell all to stop: each must flush, leave and end with 0, or with one of these."""
        self.await_that(lambda: all(place.running for place in self.places), "all are there")
        for place in self.places:
            self._tell_to_leave(place)
        while self.places:
            self._see_off(self.places.pop(), *statuses)

    # -- how it is

    def workers(self) -> list[Worker]:
        """The processes that there are."""
        return [place.worker for place in self.places if place.worker is not None and place.running]

    def applied(self) -> int:
        """Records read by all workers so far, the dead included."""
        return sum((place.read for place in self.places), self.read).total()

    def idle(self) -> bool:
        """Whether everybody is ready, and nothing waits to be applied."""
        pages = [worker.get("/readyz")[0] for worker in self.workers()]
        if len(pages) < len(self.places) or set(pages) != {200}:
            return False
        owned: Counter[tuple[str, ...]] = Counter()
        for worker in self.workers():
            owned += worker.counts("closeknit_partition_ready", "partition")
            if worker.counts("closeknit_consumer_lag_records", "partition"):
                return False
        return owned == {(str(n),): 1 for n in range(self.system.partitions)}

    def settled(self) -> bool:
        """Whether the group is stable, its members being those that run and nobody else."""
        with administration(self.system.settings.connection()) as admin:
            group = describe(admin, self.system.settings.app)
        return len(group["members"]) == len(self.places) and group["group_state"] == "Stable"
