"""Nothing lost and nothing counted twice, on real Apache Kafka, whatever happens to a worker."""

import random
import signal
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from kafka import TopicPartition

from streams.topics import administration
from tests.brokers.kafka import Kafka
from tests.engine.system import System, Worker, await_that, replaying
from tests.engine.test_recorded import assert_equal_to_the_recount
from tests.engine.test_recorded import recounted as collegemsg_recounted
from tests.model import collegemsg, worlds
from tests.model.recount import Recount

pytestmark = pytest.mark.kafka

WORLDS, MOVES = 40, 500


@cache
def world() -> list[dict[str, Any]]:
    """Many small seeded worlds told at once, with everything that can happen in one."""
    stories = [
        [named(event, number) for event in worlds.tell(worlds.random_moves(number, MOVES))]
        for number in range(WORLDS)
    ]
    chance = random.Random(5)
    order = [number for number, story in enumerate(stories) for _ in story]
    chance.shuffle(order)
    turns = [iter(story) for story in stories]
    return [next(turns[number]) for number in order]


def named(event: dict[str, Any], number: int) -> dict[str, Any]:
    return (
        event if event["kind"] == "tick" else {**event, "account": f"{number}-{event['account']}"}
    )


@cache
def recounted() -> Recount:
    return Recount().read_all(world())


def applied(worker: Worker) -> int:
    """How many records this process has read so far."""
    return worker.counts("closeknit_events_total", "outcome").total()


def busy(system: System, **settings: str) -> Worker:
    """A worker that flushes often and in small pieces, so that a fault can fall anywhere.

    It names one account only: it is asked for its progress all the time.
    """
    return system.worker(chunk_size="50", flush_interval="0.02", max_accounts="1", **settings)


def assert_nothing_lost_or_doubled(system: System) -> None:
    system.catch_up()
    assert_equal_to_the_recount(system, recounted())


@pytest.mark.parametrize(
    ("events", "recount", "rate"),
    [
        pytest.param(world, recounted, 2500, id="random worlds"),
        pytest.param(
            lambda: list(collegemsg.events()),
            collegemsg_recounted,
            7500,
            id="recorded",
            marks=collegemsg.needs_recording,
        ),
    ],
)
def test_a_worker_killed_ten_times_at_random_moments_leaves_the_same_tables(
    kafka_system: System,
    events: Callable[[], list[dict[str, Any]]],
    recount: Callable[[], Recount],
    rate: float,
) -> None:
    chance = random.Random(7)
    with replaying(kafka_system, events(), rate):
        for _ in range(10):
            # With a name of its own it has its place again at once, and is killed at work.
            worker = busy(kafka_system, group_instance_id="phoenix")
            worker.await_ready()
            enough = chance.randrange(1, 3000)
            await_that(
                lambda w=worker, n=enough: applied(w) >= n or caught_up(w), f"{enough} are read"
            )
            worker.kill()
    kafka_system.catch_up()
    assert_equal_to_the_recount(kafka_system, recount())


def test_workers_that_join_and_leave_under_load_leave_the_same_tables(
    kafka_system: System,
) -> None:
    with replaying(kafka_system, world(), rate=6000):
        first = busy(kafka_system)
        first.await_ready()
        for _ in range(3):
            second = busy(kafka_system)
            second.await_ready()
            before = applied(second)
            await_that(lambda w=second, n=before: applied(w) > n or caught_up(w), "it takes part")
            second.signal(signal.SIGTERM)
            assert second.wait() == 0, second.said()[-3000:]
        first.signal(signal.SIGTERM)
        assert first.wait() == 0, first.said()[-3000:]
    assert_nothing_lost_or_doubled(kafka_system)


def caught_up(worker: Worker) -> bool:
    ready = worker.counts("closeknit_partition_ready", "partition")
    return bool(ready) and not worker.counts("closeknit_consumer_lag_records", "partition")


def test_a_worker_paused_for_longer_than_its_session_is_shut_out_and_ends(
    kafka_system: System,
) -> None:
    """Its writes are refused (75, ask for a restart), and the tables are those of the others."""
    with replaying(kafka_system, world(), rate=3000):
        zombie = busy(kafka_system)
        zombie.await_ready()
        await_that(lambda: applied(zombie) > 500, "it is at work")
        zombie.signal(signal.SIGSTOP)
        heir = busy(kafka_system)
        heir.await_ready()
        await_that(lambda: applied(heir) > 500, "another worker has taken over")
        zombie.signal(signal.SIGCONT)
        assert zombie.wait() == 75, zombie.said()[-3000:]
        assert "has a new owner" in zombie.said()
        heir.signal(signal.SIGTERM)
        assert heir.wait() == 0, heir.said()[-3000:]
    assert_nothing_lost_or_doubled(kafka_system)


def test_a_broker_that_crashes_and_returns_under_load_costs_nothing(
    kafka_to_break: Kafka, new_system: Callable[..., System]
) -> None:
    system = new_system(kafka_to_break)
    with replaying(system, world(), rate=4000):
        worker = busy(system)
        worker.await_ready()
        for _ in range(2):
            before = applied(worker)
            await_that(lambda n=before: applied(worker) > n, "it is at work")
            kafka_to_break.restart(crash=True)
        before = applied(worker)
        await_that(
            lambda: applied(worker) > before or caught_up(worker) or worker.process.poll(),
            "it goes on, or ends",
        )
        worker.signal(signal.SIGTERM)
        # The supervisor starts one again that the long absence cost its transaction.
        assert worker.wait() in {0, 75, 76}, worker.said()[-3000:]
    assert_nothing_lost_or_doubled(system)


def test_a_deleted_and_recreated_topic_is_read_from_its_start_and_said_so(
    kafka_system: System,
) -> None:
    like = {"kind": "like", "account": "brand", "at": "2026-03-01T12:00:00Z"}
    kafka_system.replay({**like, "id": str(n), "member": "before"} for n in range(30))
    kafka_system.catch_up()
    kafka_system.recreate(kafka_system.topic("like"))
    kafka_system.replay({**like, "id": str(n), "member": "after"} for n in range(7))
    worker = kafka_system.catch_up()
    assert "was deleted and created anew" in worker.said()
    relationships = kafka_system.relationships()
    assert relationships["brand", "before"]["inbound"]["like"]["total"] == 30
    assert relationships["brand", "after"]["inbound"]["like"]["total"] == 7


def test_records_deleted_before_they_were_read_are_not_passed_over_in_silence(
    kafka_system: System,
) -> None:
    """Retention overtakes a worker that reads: it ends, and the next one says what is lost."""
    like = {"kind": "like", "account": "brand", "at": "2026-03-01T12:00:00Z"}
    worker = kafka_system.worker(session_timeout="30")
    worker.await_ready()
    worker.signal(signal.SIGSTOP)
    for number in range(2):  # the first may answer a fetch that was already under way
        kafka_system.replay({**like, "id": str(number), "member": f"m{n}"} for n in range(30))
    with administration(kafka_system.settings.connection()) as admin:
        likes = kafka_system.topic("like")
        admin.delete_records({TopicPartition(likes, n): -1 for n in range(kafka_system.partitions)})
    worker.signal(signal.SIGCONT)
    assert worker.wait() == 1, worker.said()[-3000:]
    assert "deleted before they were read" in worker.said()
    assert "deleted by retention before" in kafka_system.catch_up().said()
