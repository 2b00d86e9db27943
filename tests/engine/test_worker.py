"""How a worker starts, shares, tells the time, and ends."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.conftest import Broker
from tests.engine.system import System, Worker, await_that


def like(member: str, at: str = "2026-03-01T12:00:00Z") -> dict[str, Any]:
    return {"kind": "like", "id": "1", "account": "brand", "member": member, "at": at}


def owned(worker: Worker) -> set[str]:
    """The partitions that a worker exports."""
    return {number for (number,) in worker.counts("closeknit_partition_ready", "partition")}


def test_a_worker_with_nothing_to_catch_up_with_ends_at_once(system: System) -> None:
    system.catch_up()
    assert system.relationships() == {}
    assert system.census() == {}


def test_values_of_other_settings_stop_a_worker_with_both_values_and_the_remedy(
    system: System,
) -> None:
    system.replay([like("a")])
    system.catch_up()
    heavier = system.worker("--until-caught-up", weight_like="3")
    assert heavier.wait() == 78
    assert "weight_like was 1.0 and is now 3.0" in heavier.said()
    assert "closeknit reset" in heavier.said()
    assert "Traceback" not in heavier.said()
    system.worker().await_ready()  # it left the group, so nobody waits for it


def test_after_a_reset_the_tables_are_rebuilt_with_the_new_settings(system: System) -> None:
    system.replay([like("a")])
    system.catch_up()
    system.cli("reset", "--yes")
    heavier = system.worker("--until-caught-up", weight_like="3")
    assert heavier.wait() == 0, heavier.said()
    system.environment["CLOSEKNIT_WEIGHT_LIKE"] = "3"
    assert system.relationships()["brand", "a"]["strength"] == 3.0


def test_topics_of_another_partition_count_stop_a_worker_before_it_reads(system: System) -> None:
    worker = system.worker(partitions="8")
    assert worker.wait() == 3
    assert "has 4 partitions, the settings say 8" in worker.said()


def test_a_taken_port_is_named_with_the_setting_that_changes_it(system: System) -> None:
    first = system.worker()
    first.await_ready()
    port = first.said().split("http://127.0.0.1:")[1].split("/")[0]
    second = system.worker(http_port=port)
    assert second.wait() == 3
    assert f"{port} on 127.0.0.1, is taken" in second.said()
    assert "CLOSEKNIT_HTTP_PORT" in second.said()


def test_on_the_wall_clock_time_moves_by_itself_and_the_future_is_refused(
    broker: Broker, new_system: Callable[..., System]
) -> None:
    """With clock=wall, events do not move the clock: one bad clock must not age everybody."""
    system = new_system(broker, clock="wall")
    now = datetime.now(UTC)
    month_ago = (now - timedelta(days=40)).isoformat()
    system.replay([like("gone", month_ago), like("here", now.isoformat())])
    ahead = json.dumps(like("ahead", (now + timedelta(hours=3)).isoformat())).encode()
    with system.producer() as producer:
        producer.send(system.topic("like"), ahead)
    system.catch_up()
    found = {member: one["stage"] for (_, member), one in system.relationships().items()}
    assert found == {"gone": "lapsed", "here": "fan"}
    (letter,) = map(
        json.loads, system.cli("dead-letters", "list", "--format", "jsonl").splitlines()
    )
    assert letter["reason"] == "in_future"


@pytest.mark.kafka
def test_each_partition_is_exported_by_exactly_one_worker_whoever_joins_or_leaves(
    kafka_system: System,
) -> None:
    """Nothing of a partition is exported before its recovery ends or after it is lost."""
    everything = {"0", "1", "2", "3"}
    kafka_system.replay(like(f"m{n}") for n in range(200))
    first = kafka_system.worker()
    first.await_ready()
    await_that(lambda: followers(first) == 200, "one worker counts everybody")
    second = kafka_system.worker()
    second.await_ready()
    await_that(
        lambda: len(owned(first)) == len(owned(second)) == 2, "each has half of the partitions"
    )
    assert owned(first) | owned(second) == everything
    assert followers(first) + followers(second) == 200
    first.signal(signal.SIGTERM)
    assert first.wait() == 0, first.said()
    await_that(lambda: owned(second) == everything, "the other takes over")
    assert followers(second) == 200


def followers(worker: Worker) -> int:
    """Members that ever engaged, over all stages, as this worker exports them."""
    return worker.counts("closeknit_relationships", "account").total()


@pytest.mark.kafka
def test_a_worker_told_to_stop_leaves_the_group_so_that_nobody_waits_for_it(
    kafka_system: System,
) -> None:
    """The next one is ready long before the session of the first would have expired."""
    first = kafka_system.worker()
    first.await_ready()
    first.signal(signal.SIGTERM)
    assert first.wait() == 0, first.said()
    started = time.monotonic()
    kafka_system.worker().await_ready()
    assert time.monotonic() - started < float(kafka_system.environment["CLOSEKNIT_SESSION_TIMEOUT"])


def test_a_run_until_caught_up_applies_what_it_re_sent_to_the_right_partition(
    system: System,
) -> None:
    """Every like lies in partition 0, wherever it belongs."""
    with system.producer() as producer:
        for number in range(100):
            value = json.dumps(like(f"m{number}")).encode()
            producer.send(system.topic("like"), value, partition=0)
    system.catch_up()
    assert len(system.relationships()) == 100


def test_events_that_were_never_committed_are_not_counted(system: System) -> None:
    """A producer may take back what it wrote: a transaction of its own that it aborted."""

    async def write() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=system.settings.broker, transactional_id=system.topic("like")
        )
        await producer.start()
        try:
            for member, meant in (("a", True), ("b", False), ("c", True)):
                await producer.begin_transaction()
                for number in range(system.partitions):  # sent on to where it belongs
                    value = json.dumps(like(f"{member}{number}")).encode()
                    await producer.send(system.topic("like"), value, partition=number)
                await (producer.commit_transaction() if meant else producer.abort_transaction())
        finally:
            await producer.stop()

    asyncio.run(write())
    system.catch_up()
    counted = {member for _, member in system.relationships()}
    assert counted == {f"{member}{number}" for member in "ac" for number in range(4)}
