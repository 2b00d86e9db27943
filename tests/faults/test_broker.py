"""Nothing lost and nothing counted twice, on real Apache Kafka, whatever happens to the broker."""

from pathlib import Path

import pytest

from tests.brokers.kafka import Kafka
from tests.engine.system import await_that
from tests.faults.chaos import LEFT
from tests.faults.conftest import HASTY, NewTrial, kafka

pytestmark = pytest.mark.kafka

#: The broker's ends transactions of this length, seconds.
TRANSACTION = "5"


def test_a_broker_that_crashes_and_returns_under_load_costs_nothing(
    breakable: Kafka, new_trial: NewTrial
) -> None:
    with new_trial(breakable, seed=11, size=2) as trial:
        for _ in range(3):
            trial.at_work()
            breakable.restart(crash=True)
            trial.did("kill -9 of the broker")
        trial.end(*LEFT)


def test_a_broker_that_is_gone_for_longer_than_a_transaction_may_last_costs_a_restart_at_most(
    breakable: Kafka, new_trial: NewTrial
) -> None:
    """In production a minute; here both are shorter, in the soak they are not."""
    with new_trial(breakable, seed=12, size=2, transaction_timeout=TRANSACTION) as trial:
        trial.at_work()
        working = trial.crew.workers()
        breakable.stop()
        trial.did("broker stopped beyond transactions")
        await_that(
            lambda: any(worker.process.poll() is not None for worker in working),
            "one that had something to flush gives up and says so",
        )
        breakable.start()
        trial.end(*LEFT)
        ended = [worker for worker in working if worker.process.returncode]
        assert all("Nothing is lost: start" in worker.said() for worker in ended)


def test_a_broker_that_stalls_for_longer_than_a_session_costs_a_restart_at_most(
    tmp_path: Path, new_trial: NewTrial
) -> None:
    """When it wakes it expels everybody: they join again, or end because they were replaced.

    Its own session must outlast that: see docs/reliability.md for what Kafka does otherwise.
    """
    lasting = {**HASTY, "broker.session.timeout.ms": "60000"}
    with kafka(tmp_path, lasting) as broker, new_trial(broker, seed=13, size=2) as trial:
        trial.at_work()
        session = float(trial.system.environment["CLOSEKNIT_SESSION_TIMEOUT"])
        broker.stall(session + 2)
        trial.did("SIGSTOP of the broker")
        trial.at_work()
        trial.end(*LEFT)


def test_a_broker_whose_disk_is_full_ends_and_takes_nothing_with_it(
    breakable: Kafka, new_trial: NewTrial
) -> None:
    """Apache Kafka stops when it cannot write. With room on its disk it is started again."""
    with new_trial(breakable, seed=14, size=2) as trial:
        trial.at_work()
        breakable.fill_disk()
        trial.did("disk of the broker full")
        await_that(lambda: not breakable.running, "a broker that cannot write ends")
        breakable.start()
        trial.at_work()
        trial.end(*LEFT)
