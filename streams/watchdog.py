"""Notices that a worker makes no progress, and finds out why.

A worker that stands still looks alive: its process runs, its page is served, its numbers grow old.
What counts as progress depends on what it does:

- *serving*: each partition is applied further, or is at its end and a broker says so again and
  again. Silence is no progress: of a broker that is away nobody knows how much there is to read.
- *joining* (until partitions are assigned and recovered): the changelog is read further.

And whatever it does, its event loop turns: see `LoopWatch`.
"""

from __future__ import annotations

import faulthandler
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kafka.errors import KafkaError

from streams.group import describe
from streams.topics import Unreachable, administration

log = logging.getLogger(__name__)

#: Seconds that an assignment and its recovery may take, however well they go on.
JOINED_WITHIN = 3600.0

#: How many times more patience there is for some partitions while others go on: they take turns.
IN_TURNS = 3

Place = tuple[str, int]
"""A source topic and a partition number."""


class Reach(NamedTuple):
    """How far a partition has been applied, of how much, and when a broker last spoke of it.

    `answered` only has to change with every answer; `led` is whether it has a leader as far as the
    consumer knows.
    """

    position: int
    end: int
    answered: int
    led: bool


class Serving(NamedTuple):
    """All partitions are recovered and applied."""

    reached: Mapping[Place, Reach]


class Joining(NamedTuple):
    """Partitions are being assigned, or recovered: changelog records passed, of how many."""

    read: int
    to_read: int


class Watchdog:
    """Judges from looks at a worker, some seconds apart, whether it still gets anywhere.

    Args:
        patience: seconds without any progress that are borne while serving.
        joining: the same while joining.
    """

    def __init__(self, patience: float, joining: float) -> None:
        self._patience = patience
        self._joining = joining
        self._moved: dict[Place, tuple[Reach, float]] = {}
        self._joined: tuple[Joining, float, float] | None = None
        self._warned = 0.0

    def look(self, now: float, seen: Serving | Joining) -> str | None:
        """Return what stands still, for too long; None while all is well.

        Args:
            now: seconds of a clock that never goes back.
            seen: what the worker does.
        """
        if isinstance(seen, Joining):
            self._moved = {}
            return self._look_at_joining(now, seen)
        self._joined = None
        return self._look_at_serving(now, seen.reached)

    def _look_at_joining(self, now: float, seen: Joining) -> str | None:
        before, moved, since = self._joined or (seen, now, now)
        if seen != before:
            moved = now
        self._joined = (seen, moved, since)
        if now - moved > self._joining:
            if seen.to_read > seen.read:
                return (
                    f"recovery has made no progress for {now - moved:.0f} s, at {seen.read} of "
                    f"{seen.to_read} changelog records"
                )
            return f"no partitions were assigned and recovered for {now - moved:.0f} s"
        if now - since > JOINED_WITHIN:
            return f"partitions were not assigned and recovered within {now - since:.0f} s"
        return None

    def _look_at_serving(self, now: float, reached: Mapping[Place, Reach]) -> str | None:
        moved: dict[Place, tuple[Reach, float]] = {}
        for place, reach in reached.items():
            before, since = self._moved.get(place, (None, now))
            moved[place] = (reach, now if before is None or _goes_on(before, reach) else since)
        self._moved = moved
        silent = {place: now - since for place, (_, since) in moved.items()}
        if not silent:
            return None
        if min(silent.values()) > self._patience:
            return (
                f"nothing was applied for {min(silent.values()):.0f} s, and no broker said that "
                "there is nothing to apply"
            )
        late = {p: s for p, s in silent.items() if s > IN_TURNS * self._patience}
        leaderless = {place for place in silent if not reached[place].led}
        if stuck := sorted(late.keys() - leaderless):
            return (
                f"{_named(stuck)} made no progress for {late[stuck[0]]:.0f} s, while other "
                "partitions did"
            )
        self._warn_of(leaderless, now)
        return None

    def _warn_of(self, leaderless: set[Place], now: float) -> None:
        # No restart would mend it, and it would keep the other partitions from being served.
        silent = [p for p in leaderless if now - self._moved[p][1] > self._patience]
        if silent and now - self._warned > self._patience:
            self._warned = now
            log.error(
                "%s cannot be read: without a leader, or a broker that knows it. The other "
                "partitions are served",
                _named(sorted(silent)),
            )


def _goes_on(before: Reach, now: Reach) -> bool:
    at_end = now.position >= now.end
    return now.position != before.position or (at_end and now.answered != before.answered)


def _named(places: list[Place]) -> str:
    names = [f"{topic}/{number}" for topic, number in places]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class LoopWatch:
    """A thread that notices that the event loop is stuck, and acts where the loop cannot.

    It counts its own looks, so a process that was stopped as a whole is not taken for stuck.

    Args:
        limit: seconds without a beat that are borne.
        stuck: called with the seconds of silence, in the thread, once.
    """

    def __init__(self, limit: float, stuck: Callable[[float], object]) -> None:
        self._limit = limit
        self._stuck = stuck
        self._beats = 0
        self._ended = threading.Event()
        self.silence = 0.0

    def beat(self) -> None:
        """Say, from the event loop, that it turns."""
        self._beats += 1

    def start(self, every: float = 1.0) -> None:
        """Look every so many seconds."""
        thread = threading.Thread(target=self._look, args=(every,), name="loop-watch", daemon=True)
        thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()

    def _look(self, every: float) -> None:
        seen = self._beats
        while not self._ended.wait(every):
            if seen != self._beats:
                seen, self.silence = self._beats, 0.0
                continue
            self.silence += every
            if self.silence > self._limit:
                self._stuck(self.silence)
                return


def show_stacks() -> None:
    """Write what every thread is doing to standard error."""
    faulthandler.dump_traceback(file=sys.stderr, all_threads=True)


def find_cause(connection: Mapping[str, Any], topics: list[str], group: str) -> str:
    """Ask the brokers what may be the matter: blocks for some seconds.

    Args:
        connection: how to reach the brokers, as arguments of kafka-python's clients.
        topics: all that a worker reads and writes.
        group: its consumer group.
    """
    servers = ",".join(connection["bootstrap_servers"])
    patience = {"request_timeout_ms": 5_000}
    started = time.monotonic()
    try:
        with administration({**connection, **patience}) as admin:
            described = admin.describe_topics(topics)
            if missing := [t["name"] for t in described if t["error_code"] == 3]:
                return f"there is no topic {', '.join(missing)}"
            leaderless = sorted(
                (topic["name"], partition["partition_index"])
                for topic in described
                for partition in topic["partitions"]
                if partition["leader_id"] < 0
            )
            if leaderless:
                return f"no broker leads {_named(leaderless)}: are all brokers up?"
            state = describe(admin, group)["group_state"]
    except Unreachable as error:
        return f"no broker answers at {servers} ({error})"
    except (KafkaError, OSError, KeyError) as error:
        took = time.monotonic() - started
        return (
            f"a broker at {servers} accepts connections and does not answer as it should, after "
            f"{took:.0f} s ({type(error).__name__}): is the group's coordinator up?"
        )
    return f"the brokers answer, every partition has a leader, and the group is in state {state}"
