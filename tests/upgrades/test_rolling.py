"""A rolling upgrade and the way back, with real workers of two releases."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from streams.core.partition_record import KEY
from tests.cli.kafka import read
from tests.engine.system import REPOSITORY, System, Worker, await_that
from tests.engine.test_recorded import assert_equal_to_the_recount
from tests.model import worlds
from tests.model.recount import Recount

pytestmark = pytest.mark.kafka

NEXT_RELEASE = Path(__file__).parent / "next_release"
PARTS = 3


@cache
def story() -> list[dict[str, Any]]:
    return [
        event
        for number in range(PARTS)
        for event in worlds.tell(worlds.random_moves(number, 300))
        if event["kind"] != "tick"
    ]


def part(number: int) -> list[dict[str, Any]]:
    """A quarter of the story, in its order."""
    size = len(story()) // PARTS
    return story()[number * size : (number + 1) * size if number < PARTS - 1 else None]


@contextmanager
def next_release(system: System) -> Iterator[None]:
    """Whatever is started in here knows format 2."""
    before = dict(system.environment)
    system.environment["PYTHONPATH"] = f"{NEXT_RELEASE}:{REPOSITORY}"
    yield
    system.environment = before


def formats(system: System) -> tuple[set[int], set[int]]:
    """Those of the values, and those that the partition records name."""
    changelog = read(system.settings, system.settings.changelog)
    newest = {(record.partition, record.key): record.value for record in changelog}
    values = {value[0] >> 4 for (_, key), value in newest.items() if key != KEY}
    records = {
        int(value.split(b'"format":')[1].split(b",")[0])
        for (_, key), value in newest.items()
        if key == KEY
    }
    return values, records


def owns(worker: Worker) -> set[str]:
    return {number for (number,) in worker.counts("closeknit_partition_ready", "partition")}


def upgraded(system: System, number: int, **settings: str) -> None:
    """The next release applies a part of the story."""
    system.replay(part(number))
    with next_release(system):
        worker = system.worker("--until-caught-up", **settings)
        assert worker.wait(180) == 0, worker.said()[-3000:]


def test_workers_of_two_releases_share_a_group_until_the_newer_format_is_chosen_and_given_up(
    kafka_system: System,
) -> None:
    """Whoever takes a partition over can read it, or says so and leaves it alone."""
    system = kafka_system
    old = system.worker()
    old.await_ready()
    with next_release(system):
        new = system.worker()
    await_that(lambda: owns(old) and owns(new), "both releases own partitions")
    system.replay(part(0))
    new.kill()
    await_that(lambda: len(owns(old)) == system.partitions, "the old release took over")
    old.signal(15)
    assert old.wait() == 0, old.said()[-3000:]
    assert formats(system) == ({1}, {1})  # so long as nobody says otherwise

    upgraded(system, 1, state_format="2")
    values, records = formats(system)
    assert (2 in values, records) == (True, {2})
    old = system.worker()
    assert old.wait() == 78
    assert "written in format 2, this version knows 1: run the version that" in old.said()
    assert "CLOSEKNIT_STATE_FORMAT" in old.said()

    upgraded(system, 2, state_format="1")
    assert formats(system) == ({1}, {1})
    system.catch_up()
    assert_equal_to_the_recount(system, Recount().read_all(story()))
