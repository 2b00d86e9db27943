"""Faults at random: which, on whom and when is drawn by seed; how they fall together is not.

The history says what was done, so that a run that failed can be read; with its seed, the same
faults come in the same order again.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import NamedTuple

from tests.brokers.kafka import Kafka
from tests.engine.system import await_that
from tests.faults.ambush import POINTS, RECOVERY
from tests.faults.crew import Place
from tests.faults.topics import TOO_SMALL, altered
from tests.faults.trial import Trial

SEED = "CLOSEKNIT_CHAOS_SEED"
#: Of a worker that is told to leave in the middle of something else, or while it starts.
ENDS = (0, 1, 3, 69, 71, 75, 76, -signal.SIGTERM, -signal.SIGKILL)
LEFT = (0, 1)
"""Of a worker that is told to leave soon after a broker was back. With 1 it says that it still
looked for the group's coordinator; that everything is flushed the audit finds out."""
SESSION = 6.0  # seconds, in all trials


class Later(NamedTuple):
    """What mends a fault, and when."""

    due: float
    text: str
    mend: Callable[[], None]


class Chaos:
    """Breaks a trial and the broker under it, a step at a time.

    Args:
        trial: what to break.
        broker: its own.
        seed: of the faults.
        outage: seconds that a long outage of the broker lasts.
    """

    def __init__(self, trial: Trial, broker: Kafka, seed: int, outage: float) -> None:
        self.trial = trial
        self.crew = trial.crew
        self.broker = broker
        self.seed = seed
        self.history: list[str] = []
        self._outage = outage
        self._chance = Random(seed)
        self._began = time.monotonic()
        self._later: list[Later] = []
        self._bag: list[Callable[[], None]] = []

    @contextmanager
    def told(self) -> Iterator[None]:
        """Add the history to whatever fails inside."""
        try:
            yield
        except BaseException as error:
            error.add_note("\n".join([f"{SEED}={self.seed}, what was done:", *self.history]))
            raise

    def step(self) -> None:
        """Wait a little, mending what is due, and do one thing more."""
        self._wait(self._chance.uniform(0.2, 3.0))
        if not self._bag:
            # Like cards: all of them come, each in its turn and none too often.
            self._bag = [fault for fault, weight in WEIGHTS.items() for _ in range(weight)]
            self._chance.shuffle(self._bag)
        self._bag.pop()(self)

    def calm(self) -> None:
        """Mend everything that is still broken, in its time."""
        while self._later:
            self._wait(0.1)

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while True:
            self.crew.tend()
            for one in [one for one in self._later if one.due <= time.monotonic()]:
                self._later.remove(one)
                self._tell(one.text)
                one.mend()
            if time.monotonic() >= until:
                return
            time.sleep(0.1)  # between two looks at what is due

    def _tell(self, text: str, kind: str = "") -> None:
        self.history.append(f"{time.monotonic() - self._began:7.1f} s  {text}")
        if kind:
            self.trial.did(kind)

    def _victim(self) -> Place | None:
        alive = [place for place in self.crew.places if place.running and not place.paused]
        return self._chance.choice(alive) if alive else None

    def _mend_after(self, seconds: float, text: str, mend: Callable[[], None]) -> None:
        self._later.append(Later(time.monotonic() + seconds, text, mend))

    # -- workers

    def kill(self) -> None:
        if place := self._victim():
            self._tell(f"kill -9 {place.name}", "kill -9 of a worker")
            self.crew.kill(place)

    def ambush(self) -> None:
        if place := self._victim():
            point, times = self._chance.choice(sorted(POINTS)), self._chance.randrange(1, 20)
            if point in RECOVERY:
                times = 1
            self._tell(f"{place.name} killed at {point}:{times}", "kill -9 in a flush or recovery")
            self.crew.kill(place)
            self.crew.tend()
            self.crew.start(place, f"{point}:{times}:KILL")

    def pause(self) -> None:
        if place := self._victim():
            long = self._chance.random() < 0.6
            seconds = SESSION + self._chance.uniform(3, 9) if long else self._chance.uniform(0.5, 4)
            kind = f"SIGSTOP {'beyond' if long else 'within'} the session"
            self._tell(f"SIGSTOP {place.name} for {seconds:.1f} s", kind)
            worker = place.worker
            self.crew.pause(place)

            def go_on() -> None:
                if place.worker is worker:
                    self.crew.resume(place)

            self._mend_after(seconds, f"SIGCONT {place.name}", go_on)

    def join(self) -> None:
        place = self.crew.join()
        self._tell(f"{place.name} joins", "a worker joins")
        self._mend_after(
            self._chance.uniform(4, 12), f"{place.name} leaves", lambda: self._go(place)
        )

    def _go(self, place: Place) -> None:
        if place.paused:
            self.crew.resume(place)
        self.trial.did("a worker leaves")
        status = self.crew.leave(place, *ENDS)
        self._tell(f"{place.name} has left with {status}")

    # -- the broker

    def crash(self) -> None:
        self._tell("kill -9 of the broker", "kill -9 of the broker")
        self.broker.restart(crash=True)
        self._tell("the broker is back")

    def outage(self) -> None:
        seconds = self._outage
        self._tell(
            f"the broker is stopped for {seconds:.0f} s", "broker stopped beyond transactions"
        )
        self.broker.stop()
        self._wait(seconds)
        self.broker.start()
        self._tell("the broker is back")

    def freeze(self) -> None:
        seconds = SESSION + self._chance.uniform(0, 4)
        self._tell(f"SIGSTOP of the broker for {seconds:.1f} s", "SIGSTOP of the broker")
        self.broker.pause()
        self._wait(seconds)
        self.broker.resume()

    def fill_disk(self) -> None:
        self._tell("the broker's disk is full", "disk of the broker full")
        self.broker.fill_disk()
        await_that(lambda: not self.broker.running, "a broker that cannot write ends")
        self.broker.start()
        self._tell("the broker is back, with room on its disk")

    def refuse(self) -> None:
        """One of the topics takes no flush for a while."""
        seconds = self._chance.uniform(1, 5)
        settings = self.trial.system.settings
        topic = self._chance.choice([settings.changelog, settings.dead_letters])
        self._tell(f"{topic} takes nothing for {seconds:.1f} s", "flush refused by the broker")
        with altered(self.trial.system, topic, TOO_SMALL):
            self._wait(seconds)


WEIGHTS: dict[Callable[[Chaos], None], int] = {
    Chaos.kill: 4,
    Chaos.ambush: 3,
    Chaos.pause: 3,
    Chaos.join: 2,
    Chaos.crash: 2,
    Chaos.freeze: 1,
    Chaos.outage: 1,
    Chaos.fill_disk: 1,
    Chaos.refuse: 2,
}


def seed_of_the_day(default: int) -> int:
    """The seed to use: that of the environment, or the usual one."""
    return int(os.environ.get(SEED, default))
