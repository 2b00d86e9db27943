"""Nothing lost and nothing counted twice, on real Apache Kafka, whatever happens to topics."""

import signal
from operator import gt
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition

from streams.topics import administration
from tests.brokers.kafka import Kafka
from tests.conftest import Broker
from tests.engine.system import System, await_that
from tests.faults.conftest import HASTY, NewTrial, kafka
from tests.faults.logs import Reader
from tests.faults.topics import HARD_COMPACTION, TOO_SMALL, alter, altered, move

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("refusing", ["changelog", "dead_letters"])
def test_a_flush_that_the_broker_refuses_ends_the_worker_and_is_made_up_for(
    real_kafka: Broker, new_trial: NewTrial, refusing: str
) -> None:
    """Also if it is but a dead letter that is refused: nothing of the transaction counts then."""
    with new_trial(real_kafka, seed=21, size=2) as trial:
        trial.at_work()
        trial.crew.await_that(trial.crew.settled, "both are in the group: none starts any more")
        working = trial.crew.workers()
        with altered(trial.system, getattr(trial.system.settings, refusing), TOO_SMALL):
            trial.did("flush refused by the broker")
            assert {worker.wait() for worker in working} == {76}
        assert all("MessageSizeTooLarge" in worker.said() for worker in working)
        trial.end()


def test_a_changelog_that_is_compacted_all_the_time_gives_the_same_tables_back(
    breakable: Kafka, new_trial: NewTrial
) -> None:
    with new_trial(breakable, seed=22, size=2) as trial:
        changelog = trial.system.settings.changelog
        alter(trial.system, changelog, HARD_COMPACTION)
        for _ in range(4):
            trial.at_work()
            trial.crew.kill(trial.crew.places[0])
            trial.did("kill -9 under hard compaction")
        crew = trial.crew
        crew.await_that(
            lambda: compacted(trial.system.settings.broker, changelog), "it is compacted"
        )
        trial.end()


def compacted(bootstrap: str, changelog: str) -> bool:
    """Whether most of what was written to the first partition has gone from it."""
    kept = [record.origin.offset for record in Reader(bootstrap, 1).read(changelog)]
    return bool(kept) and len(kept) < (kept[-1] + 1) / 2


def test_a_partition_without_a_leader_ends_its_workers_until_it_has_one_again(
    breakable: Kafka, new_trial: NewTrial, tmp_path: Path
) -> None:
    """A part of the changelog is on a broker that is gone: what is written there must wait."""
    with new_trial(breakable, seed=23, size=2, transaction_timeout="4") as trial:
        trial.at_work()
        with kafka(tmp_path, HASTY, beside=breakable) as other:
            move(trial.system, TopicPartition(trial.system.settings.changelog, 0), node=2)
            trial.at_work()
            working = trial.crew.workers()
            other.kill()
            trial.did("changelog partition without a leader")
            await_that(
                lambda: any(worker.process.poll() is not None for worker in working),
                "one that cannot write ends",
            )
            ended = next(worker for worker in working if worker.process.returncode is not None)
            assert ended.wait() in {75, 76}, ended.said()[-3000:]
            assert "Nothing is lost: start" in ended.said()
            other.start()
            trial.end()
            move(trial.system, TopicPartition(trial.system.settings.changelog, 0), node=1)


def test_a_topic_recreated_and_refilled_under_workers_is_read_from_its_start_and_once(
    real_kafka: Broker, new_trial: NewTrial
) -> None:
    """Refilled beyond the old offsets while they are frozen: to read on would look right to them.

    They end (72) with nothing of the new topic written down, and the next ones begin at its start.
    """
    with new_trial(real_kafka, seed=24, size=2) as trial:
        trial.at_work()
        assert not trial.pause()  # so that nothing of the old one is lost with it
        likes, reader = trial.system.topic("like"), Reader(trial.system.settings.broker, 4)
        before, working = reader.ends(likes), trial.crew.workers()
        for place in trial.crew.places:
            trial.crew.pause(place)
        trial.system.recreate(likes)
        trial.audit.recreated("like")
        trial.did("source topic deleted, created anew and refilled")
        trial.load.resume()
        await_that(
            lambda: all(map(gt, reader.ends(likes), before)), "it holds more than the old one did"
        )
        trial.crew.expected.add(72)
        for place in trial.crew.places:
            trial.crew.resume(place)
        assert [worker.wait() for worker in working] == [72, 72], working[0].said()[-3000:]
        assert all("created anew while it was read" in worker.said() for worker in working)
        trial.end()


def like(number: int, member: str) -> dict[str, Any]:
    at = "2026-03-01T12:00:00Z"
    return {"kind": "like", "account": "brand", "id": str(number), "member": member, "at": at}


def test_a_deleted_and_recreated_topic_is_read_from_its_start_and_said_so(
    kafka_system: System,
) -> None:
    kafka_system.replay(like(n, "before") for n in range(30))
    kafka_system.catch_up()
    kafka_system.recreate(kafka_system.topic("like"))
    kafka_system.replay(like(n, "after") for n in range(7))
    worker = kafka_system.catch_up()
    assert "was deleted and created anew" in worker.said()
    relationships = kafka_system.relationships()
    assert relationships["brand", "before"]["inbound"]["like"]["total"] == 30
    assert relationships["brand", "after"]["inbound"]["like"]["total"] == 7


def test_records_deleted_before_they_were_read_are_not_passed_over_in_silence(
    kafka_system: System,
) -> None:
    """Retention overtakes a worker that reads: it ends, and the next one says what is lost."""
    worker = kafka_system.worker(session_timeout="30")
    worker.await_ready()
    worker.signal(signal.SIGSTOP)
    for number in range(2):  # the first may answer a fetch that was already under way
        kafka_system.replay(like(number, f"m{n}") for n in range(30))
    with administration(kafka_system.settings.connection()) as admin:
        likes = kafka_system.topic("like")
        admin.delete_records({TopicPartition(likes, n): -1 for n in range(kafka_system.partitions)})
    worker.signal(signal.SIGCONT)
    assert worker.wait() == 1, worker.said()[-3000:]
    assert "deleted before they were read" in worker.said()
    assert "deleted by retention before" in kafka_system.catch_up().said()
