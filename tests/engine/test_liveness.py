"""A worker that gets nowhere says why and ends, soon; one that is told to stop stops in time."""

import json
import signal
from collections.abc import Callable

import pytest

from streams.core.placement import partition_of, relationship_key
from streams.topics import administration
from tests.brokers import strange
from tests.brokers.clients import run
from tests.brokers.kafka import Kafka
from tests.brokers.strange import Strange
from tests.engine.system import System, Worker, await_that

pytestmark = pytest.mark.kafka

LIKE = {"kind": "like", "account": "brand", "at": "2026-03-01T12:00:00Z"}


def applied(worker: Worker) -> int:
    return worker.counts("closeknit_events_total", "outcome")["applied",]


def with_a_like(system: System, **settings: str) -> Worker:
    """A worker that has applied one thing: a tick, say, would be for every partition."""
    worker = system.worker(transaction_timeout="4", **settings)
    worker.await_ready()
    key = relationship_key("brand", "ada")
    like = json.dumps({**LIKE, "id": "1", "member": "ada"}).encode()
    with system.producer() as producer:
        producer.send(
            system.topic("like"), like, key, partition=partition_of(key, system.partitions)
        )
    await_that(lambda: applied(worker) == 1, "the like is applied")
    return worker


def at_work(system: System, **settings: str) -> Worker:
    """A worker that has applied something and flushed it, so that nothing is left to commit."""
    worker = with_a_like(system, **settings)
    await_that(lambda: worker.counts("closeknit_flush_records_total").total(), "it is flushed")
    return worker


@pytest.mark.parametrize("away", ["gone", "frozen"])
def test_a_worker_whose_broker_stays_away_says_so_and_ends(
    kafka_to_break: Kafka, new_system: Callable[..., System], away: str
) -> None:
    worker = at_work(new_system(kafka_to_break), stall_timeout="6", stop_timeout="2")
    if away == "gone":
        kafka_to_break.kill()
    else:
        kafka_to_break.pause()
    assert worker.wait() == 69, worker.said()[-3000:]
    assert "nothing was applied for" in worker.said()
    why = {"gone": "no broker answers at", "frozen": "does not answer as it should"}
    assert why[away] in worker.said()
    assert "start the worker again" in worker.said()


def test_a_worker_told_to_stop_while_the_broker_is_away_stops_in_time(
    kafka_to_break: Kafka, new_system: Callable[..., System]
) -> None:
    """Not with 0, and a second signal ends it at once."""
    system = new_system(kafka_to_break, flush_interval="30")
    patient, impatient = with_a_like(system, stop_timeout="2"), system.worker(stop_timeout="60")
    impatient.await_ready()
    kafka_to_break.pause()
    for worker in (patient, impatient):
        worker.signal(signal.SIGTERM)
        await_that(lambda w=worker: "Told to stop" in w.said(), "it was told")
    impatient.signal(signal.SIGTERM)
    assert impatient.wait() == -signal.SIGTERM
    assert patient.wait(15) == 1, patient.said()[-3000:]
    assert "Nothing is lost" in patient.said() or "Everything is flushed" in patient.said()


def test_a_strange_header_neither_stops_a_worker_nor_whoever_reads_dead_letters(
    kafka_system: System,
) -> None:
    """Its name is not UTF-8, its value null: Apache Kafka takes it, so must we."""
    key = relationship_key("brand", "ada")
    number = partition_of(key, kafka_system.partitions)
    headers = [(b"\xff", None), (b"trace", b"\xfe")]
    like = json.dumps({**LIKE, "id": "1", "member": "ada"}).encode()
    sent = [
        Strange(value, key, headers) for value in (like, b"{nope", like.replace(b'"1"', b'"2"'))
    ]
    broker, likes = kafka_system.settings.broker, kafka_system.topic("like")
    assert run(strange.send(broker, likes, number, strange.batch(sent))) == 0
    kafka_system.catch_up()
    assert kafka_system.relationships()["brand", "ada"]["inbound"]["like"]["total"] == 2
    listed = kafka_system.cli("dead-letters", "list", "--format", "jsonl").splitlines()
    (letter,) = map(json.loads, listed)
    assert letter["headers"][0] == {"name": r"\xff", "value": None}
    kafka_system.cli("dead-letters", "redrive", "--reason", "not_json")
    kafka_system.catch_up()


@pytest.mark.parametrize("then", ["", "created anew"])
def test_a_topic_deleted_under_a_worker_is_named(kafka_system: System, then: str) -> None:
    """Whatever fails first: the assignment, for want of a topic, or the next offset."""
    worker = at_work(kafka_system)
    likes = kafka_system.topic("like")
    if then:
        kafka_system.recreate(likes)
    else:
        with administration(kafka_system.settings.connection()) as admin:
            admin.delete_topics([likes])
    assert worker.wait() == 72, worker.said()[-3000:]
    assert "source topic" in worker.said()
    assert f"{likes} (id" in worker.said() or f"{likes} was deleted and created" in worker.said()
    assert "SourceReplaced" in worker.said()
