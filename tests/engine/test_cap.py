"""A topic whose producer is broken stops the worker, and costs neither a record nor a number."""

import json
from collections import Counter

import pytest

from streams.core.placement import partition_of, relationship_key
from streams.dead_letters import Address, parse
from tests.cli.kafka import read
from tests.engine.system import System

AT = "2026-03-01T12:00:00Z"
BROKEN = 600


@pytest.mark.kafka
def test_a_broken_topic_stops_the_worker_and_is_diverted_once_when_it_is_told_to(
    kafka_system: System,
) -> None:
    """Each restart stops again, for the same reason; then all of it is a dead letter, once."""
    system = kafka_system
    system.environment |= {"CLOSEKNIT_MAX_INVALID_WINDOW": "200", "CLOSEKNIT_CHUNK_SIZE": "50"}
    members = [f"secret-{number}" for number in range(2000)]
    system.replay(like(member) for member in members)
    with system.producer() as producer:
        for number in range(BROKEN):
            value = json.dumps({**reply(f"secret-{number}"), "at": "yesterday"}).encode()
            producer.send(system.topic("reply"), value, partition=number % system.partitions)
        for member in members[:100]:
            producer.send(
                system.topic("reply"),
                json.dumps(reply(member)).encode(),
                partition=partition_of(relationship_key("brand", member), system.partitions),
            )
    for _ in range(2):
        worker = system.worker()
        assert worker.wait() == 65, worker.said()[-3000:]
        said = worker.said()
        assert f"records of {system.topic('reply')} are invalid" in said
        assert said.count("invalid_time: at is ") == 3
        assert "CLOSEKNIT_MAX_INVALID_PERCENT=100" in said
        assert "secret" not in said
    assert letters(system).total() <= BROKEN
    uncapped = system.worker("--until-caught-up", max_invalid_percent="100")
    assert uncapped.wait() == 0, uncapped.said()[-3000:]
    found = letters(system)
    assert len(found) == BROKEN
    assert set(found.values()) == {1}
    system.catch_up()  # and from here on with the cap
    counts = Counter(
        (kind, one["inbound"][kind]["total"])
        for one in system.relationships().values()
        for kind in ("like", "reply")
    )
    assert counts == {("like", 1): 2000, ("reply", 1): 100, ("reply", 0): 1900}


def like(member: str) -> dict[str, str]:
    return {"kind": "like", "id": "1", "account": "brand", "member": member, "at": AT}


def reply(member: str) -> dict[str, str]:
    return {**like(member), "kind": "reply"}


def letters(system: System) -> Counter[Address]:
    """Where the records of the dead letter topic came from: one written twice counts twice."""
    records = read(system.settings, system.settings.dead_letters)
    return Counter(letter.origin for record in records if (letter := parse(record)))
