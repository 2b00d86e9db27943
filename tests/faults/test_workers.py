"""Nothing lost and nothing counted twice, on real Apache Kafka, whatever happens to workers."""

import random
import re
import signal

import pytest
from kafka.admin import TransactionState
from kafka.errors import KafkaError

from streams.topics import administration
from tests.conftest import Broker
from tests.engine.system import System, Worker, await_that, replaying
from tests.engine.test_recorded import assert_equal_to_the_recount, recounted
from tests.faults.ambush import FLUSH, RECOVERY, SNAPSHOT
from tests.faults.conftest import NewTrial
from tests.model import collegemsg

pytestmark = pytest.mark.kafka

FROM_SNAPSHOTS = re.compile(r"Recovered [1-9].*: [1-9][\d,]* from snapshots")
PARTS = {
    point: part
    for part, points in {"flush": FLUSH, "recovery": RECOVERY, "snapshot": SNAPSHOT}.items()
    for point in points
}


def test_workers_killed_twelve_times_at_random_moments_leave_the_same_tables(
    real_kafka: Broker, new_trial: NewTrial
) -> None:
    """Three of them, of which one has no lasting name, so that it is mourned before it is back.

    They write snapshots all the time, so that a kill falls into that, too; and start from them.
    """
    chance = random.Random(7)
    with new_trial(real_kafka, seed=1, size=3) as trial:
        for _ in range(12):
            trial.at_work(chance.randrange(50, 700))
            victim = chance.choice([place for place in trial.crew.places if place.running])
            trial.crew.kill(victim)
            trial.did("kill -9 of a worker")
        trial.end()
        logs = [log.read_text() for log in trial.system.folder.glob("worker-*.log")]
        assert sum(bool(FROM_SNAPSHOTS.search(log)) for log in logs) >= 3


def test_workers_that_join_and_leave_under_load_leave_the_same_tables(
    real_kafka: Broker, new_trial: NewTrial
) -> None:
    with new_trial(real_kafka, seed=2, size=1) as trial:
        trial.at_work()
        for _ in range(3):
            guest = trial.crew.join()
            trial.did("a worker joins")
            trial.crew.await_that(lambda g=guest: g.read.total() > 100, "it takes part")
            trial.crew.leave(guest)
            trial.did("a worker leaves")
            trial.at_work()
        trial.end()


def test_a_worker_paused_for_longer_than_its_session_is_shut_out_and_ends(
    real_kafka: Broker, new_trial: NewTrial
) -> None:
    """Its writes are refused (75, ask for a restart), and the tables are those of the others."""
    with new_trial(real_kafka, seed=3, size=2) as trial:
        crew = trial.crew
        trial.at_work()
        zombie, heir = crew.places
        crew.await_that(lambda: zombie.read.total() > 100, "it is at work")
        paused = zombie.worker
        assert paused is not None
        crew.pause(zombie)
        trial.did("SIGSTOP beyond the session")
        everything = {(str(n),): 1 for n in range(trial.system.partitions)}
        crew.await_that(
            lambda: (
                heir.worker
                and heir.worker.counts("closeknit_partition_ready", "partition") == everything
            ),
            "another worker has taken over",
        )
        trial.at_work()
        crew.resume(zombie)
        assert paused.wait() == 75, paused.said()[-3000:]
        assert "has a new owner" in paused.said()
        trial.end()


def test_a_transaction_that_stayed_open_too_long_is_refused_and_nothing_of_it_shows(
    real_kafka: Broker, new_trial: NewTrial
) -> None:
    """The worker freezes between its sends and its commit, the broker aborts what it sent."""
    slow = {"transaction_timeout": "1", "session_timeout": "45"}
    with new_trial(real_kafka, seed=4, size=1, **slow) as trial:
        crew, (place,) = trial.crew, trial.crew.places
        sleeper = crew.start(place, "sent:20:STOP")
        place.paused = True
        trial.did("SIGSTOP beyond the transaction")
        crew.await_that(lambda: aborted(trial.system), "the broker aborts it")
        crew.resume(place)
        # Which of the two it notices first is a matter of microseconds.
        assert sleeper.wait() in {75, 76}, sleeper.said()[-3000:]
        assert "Nothing is lost: start" in sleeper.said()
        trial.end()


def aborted(system: System) -> bool:
    """Whether a transaction of the workers was aborted."""
    ids = [f"{system.settings.app}-{number}" for number in range(system.partitions)]
    with administration(system.settings.connection()) as admin:
        try:
            found = admin.describe_transactions(ids).values()
        except KafkaError:
            return False  # nobody has begun one yet
    return any(one.state == TransactionState.COMPLETE_ABORT for one in found)


def test_a_worker_killed_anywhere_in_a_flush_a_recovery_or_a_snapshot_leaves_the_same_tables(
    real_kafka: Broker, new_trial: NewTrial
) -> None:
    """At each point of the ambush; before and in the commit also well into its work."""
    with new_trial(real_kafka, seed=5, size=1) as trial:
        crew, (place,) = trial.crew, trial.crew.places
        for point, part in PARTS.items():
            for times in (1, 30) if point in {"sent", "committing"} else (1,):
                doomed = crew.start(place, f"{point}:{times}:KILL")
                assert doomed.wait() == -signal.SIGKILL, doomed.said()[-3000:]
                trial.did(f"kill -9 in a {part}")
                crew.tend()
        trial.end()


@collegemsg.needs_recording
def test_recorded_messages_survive_the_same(kafka_system: System) -> None:
    """CollegeMsg, one worker after the other killed at work."""
    chance = random.Random(7)
    with replaying(kafka_system, list(collegemsg.events()), 7500):
        for _ in range(5):
            worker = kafka_system.worker(
                chunk_size="50", flush_interval="0.02", group_instance_id="phoenix"
            )
            worker.await_ready()
            enough = chance.randrange(1, 3000)
            await_that(lambda w=worker, n=enough: read(w) >= n, f"{enough} are read")
            worker.kill()
    kafka_system.catch_up()
    assert_equal_to_the_recount(kafka_system, recounted())


def read(worker: Worker) -> int:
    return worker.counts("closeknit_events_total", "outcome").total()
