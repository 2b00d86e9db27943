"""When a worker counts as standing still, and what is said of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable

import pytest

from streams.watchdog import JOINED_WITHIN, Joining, LoopWatch, Reach, Serving, Watchdog, find_cause

PATIENCE, JOINING = 10.0, 20.0
ZERO, ONE = ("likes", 0), ("likes", 1)


def serving(zero: Reach, one: Reach | None = None) -> Serving:
    return Serving({ZERO: zero, **({} if one is None else {ONE: one})})


def looks(seen: Iterable[Serving | Joining]) -> str | None:
    """What the watchdog says in the end, having looked once a second."""
    watchdog = Watchdog(PATIENCE, JOINING)
    said = None
    for now, sight in enumerate(seen):
        said = watchdog.look(float(now), sight)
    return said


@pytest.mark.parametrize(
    "seen",
    [
        [serving(Reach(n, 1000, 0, True)) for n in range(60)],  # it applies, behind as it may be
        [serving(Reach(7, 7, n, True)) for n in range(60)],  # nothing to do, and known to be so
        [serving(Reach(n // 9, 1000, 0, True)) for n in range(60)],  # slow
        [serving(Reach(0, 9, 0, True))] * 11,  # an outage that is borne
        [Serving({})] * 60,  # no partitions: more workers than work
        [Joining(n, 1000) for n in range(60)],  # recovery goes on
        [Joining(0, 0)] * 20,
        # Others go on, and this one has not had its turn yet.
        [serving(Reach(0, 9, 0, True), Reach(n, 99, n, True)) for n in range(30)],
        # No restart would give it a leader, and all the others would stop.
        [serving(Reach(0, 9, 0, False), Reach(n, 99, n, True)) for n in range(90)],
    ],
)
def test_a_worker_that_goes_on_or_waits_for_a_moment_is_left_in_peace(
    seen: list[Serving | Joining],
) -> None:
    assert looks(seen) is None


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ([serving(Reach(0, 9, n, True)) for n in range(12)], "nothing was applied for 11 s"),
        ([serving(Reach(9, 9, 0, True))] * 12, "no broker said that there is nothing to apply"),
        ([serving(Reach(9, 9, 0, False))] * 12, "nothing was applied for 11 s"),
        (
            [serving(Reach(0, 9, 0, True), Reach(n, 99, n, True)) for n in range(32)],
            "likes/0 made no progress for 31 s, while other partitions did",
        ),
        ([Joining(0, 0)] * 22, "no partitions were assigned and recovered for 21 s"),
        ([Joining(4, 9)] * 22, "recovery has made no progress for 21 s, at 4 of 9"),
        (
            [Joining(n % 2, 9) for n in range(int(JOINED_WITHIN) + 2)],  # rebalances without end
            "were not assigned and recovered within 3601 s",
        ),
    ],
)
def test_a_worker_that_gets_nowhere_is_noticed_and_what_it_was_doing_is_named(
    seen: list[Serving | Joining], said: str
) -> None:
    assert said in str(looks(seen))
    assert looks(seen[:-1]) is None  # and not before its time


def test_a_rebalance_begins_every_patience_anew() -> None:
    still = [serving(Reach(0, 9, 0, True))] * 10
    assert looks([*still, Joining(0, 0), *still]) is None


def test_a_partition_without_a_leader_is_told_of_now_and_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        looks([serving(Reach(0, 9, 0, False), Reach(n, 99, n, True)) for n in range(45)])
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "likes/0 cannot be read"
    ] * len(caplog.records)
    assert 2 <= len(caplog.records) <= 45 / PATIENCE


def test_a_loop_that_is_stuck_is_noticed_by_a_thread_of_its_own() -> None:
    stuck: list[float] = []
    noticed = threading.Event()
    watch = LoopWatch(0.05, lambda silence: (stuck.append(silence), noticed.set()))
    watch.start(every=0.01)
    assert noticed.wait(20)
    assert stuck[0] > 0.05


def test_a_loop_that_beats_is_left_in_peace() -> None:
    stuck = threading.Event()
    watch = LoopWatch(5.0, lambda _: stuck.set())
    watch.start(every=0.001)
    for _ in range(100):
        watch.beat()
    watch.stop()
    assert not stuck.is_set()
    assert watch.silence < 5.0


def test_a_broker_that_is_not_there_is_the_cause() -> None:
    cause = find_cause({"bootstrap_servers": ["127.0.0.1:1"]}, ["likes"], "closeknit")
    assert cause.startswith("no broker answers at 127.0.0.1:1 (127.0.0.1:1: Connection refused")
