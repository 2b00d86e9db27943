"""A worker that is killed and started again goes on where it was, and nobody else notices.

That it does so whenever it is killed is told in `tests/faults/test_workers.py`.
"""

import re
import signal
from functools import cache
from typing import Any

import pytest

from streams.core.series import FAMILIES
from tests.engine.system import System, Worker, await_that
from tests.engine.test_recorded import assert_equal_to_the_recount
from tests.model import worlds
from tests.model.recount import Recount

pytestmark = pytest.mark.kafka

WORLDS, MOVES = 12, 300
FROM = re.compile(r"Recovered .*: ([\d,]+) from snapshots, ([\d,]+) records from the changelog")


@cache
def story() -> list[dict[str, Any]]:
    """Some small seeded worlds, each with accounts of its own."""
    return [
        event if event["kind"] == "tick" else {**event, "account": f"{n}-{event['account']}"}
        for n in range(WORLDS)
        for event in worlds.tell(worlds.random_moves(n, MOVES))
    ]


def recovered_from(worker: Worker) -> tuple[int, int]:
    """How much of its first recovery came from snapshots, and how much from the changelog."""
    found = FROM.search(worker.said())
    assert found, worker.said()[-3000:]
    return int(found[1].replace(",", "")), int(found[2].replace(",", ""))


def snapshots_of(worker: Worker) -> int:
    return len(worker.counts("closeknit_snapshot_bytes", "partition"))


def test_after_a_restart_it_shows_what_it_showed_before(kafka_system: System) -> None:
    """The relationships of a snapshot are counted as those of the changelog are."""
    kafka_system.replay(story())
    worker = kafka_system.worker(group_instance_id="phoenix", snapshot_after="1")
    worker.await_ready()
    await_that(lambda: caught_up(worker), "everything is applied")
    await_that(lambda: not worker.counts("closeknit_dirty_relationships"), "everything is flushed")
    await_that(lambda: snapshots_of(worker) == kafka_system.partitions, "there are snapshots")
    before = census_of(worker)
    worker.kill()
    again = kafka_system.worker(group_instance_id="phoenix", snapshot_after="1")
    again.await_ready()
    assert recovered_from(again)[0] > WORLDS
    assert census_of(again) == before
    assert len(before) > WORLDS * len(FAMILIES)


def test_a_quick_restart_moves_nothing(kafka_system: System) -> None:
    """With a name of its own a worker has its partitions again; the other sees no rebalance."""
    kafka_system.replay(story())

    def start(name: str) -> Worker:
        folder = kafka_system.folder / name
        return kafka_system.worker(
            group_instance_id=name, session_timeout="30", data_dir=str(folder), snapshot_after="1"
        )

    first, second = start("a"), start("b")
    workers = [first, second]

    def shared() -> bool:
        return all(len(owned(worker)) == kafka_system.partitions // 2 for worker in workers)

    await_that(shared, "the work is shared")
    await_that(lambda: all(caught_up(worker) for worker in workers), "everything is applied")
    await_that(lambda: snapshots_of(second), "it has a snapshot")
    before, rebalances = owned(second), rebalances_of(first)
    second.kill()
    again = start("b")
    again.await_ready()
    assert owned(again) == before
    assert rebalances_of(first) == rebalances
    assert recovered_from(again)[0]
    for worker in (first, again):
        worker.signal(signal.SIGTERM)  # not killed: whoever comes next shares with their names
        assert worker.wait() == 0, worker.said()[-3000:]
    kafka_system.catch_up()
    assert_equal_to_the_recount(kafka_system, Recount().read_all(story()))


def caught_up(worker: Worker) -> bool:
    ready = worker.counts("closeknit_partition_ready", "partition")
    return bool(ready) and not worker.counts("closeknit_consumer_lag_records", "partition")


def census_of(worker: Worker) -> set[str]:
    """Every line of its page that is about an account."""
    lines = worker.get("/metrics")[1].splitlines()
    return {line for line in lines if line.startswith(tuple(FAMILIES)) and "account=" in line}


def owned(worker: Worker) -> set[tuple[str, ...]]:
    return set(worker.counts("closeknit_partition_ready", "partition"))


def rebalances_of(worker: Worker) -> int:
    return worker.counts("closeknit_rebalances_total").total()
