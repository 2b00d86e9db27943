"""Real recorded data, end to end: from files to the exported tables, against the recount."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import pytest

from streams.brokers import EmbeddedBroker
from tests.engine.system import System, await_that
from tests.model import collegemsg
from tests.model.recount import Recount

SAMPLE = collegemsg.FOLDER / "jetstream-v1-sample.jsonl"


@cache
def recounted() -> Recount:
    """CollegeMsg, counted independently."""
    return Recount().read_all(collegemsg.events())


class Documents(NamedTuple):
    """What an export must say: relationships by account and member, censuses by account."""

    relationships: dict[tuple[str, str], dict[str, Any]]
    census: dict[str, dict[str, Any]]


@cache
def documents(recount: Recount) -> Documents:
    """Write the recount down, once: it takes its time over many people."""
    return Documents(
        {(one["account"], one["member"]): one for one in recount.relationships()},
        {one["account"]: one for one in recount.census()},
    )


def assert_equal_to_the_recount(system: System, recount: Recount) -> None:
    """Every field of every relationship, and every series of every account."""
    want, got = documents(recount).relationships, system.relationships()
    assert got.keys() == want.keys()
    differing = [key for key in want if not same(got[key], want[key])]
    assert not differing, [(got[key], want[key]) for key in differing[:2]]
    assert system.census() == documents(recount).census


def same(got: Mapping[str, Any], want: Mapping[str, Any]) -> bool:
    """Equal in every field, strengths to 1e-9."""
    return {**got, "strength": None} == {**want, "strength": None} and math.isclose(
        got["strength"], want["strength"], rel_tol=1e-9, abs_tol=1e-9
    )


@collegemsg.needs_recording
def test_the_bluesky_sample_gives_the_interactions_that_are_in_it(system: System) -> None:
    """104 likes, 15 shares, 6 replies, 6 follows: one like and two replies were to oneself."""
    system.cli("replay", "--format", "jetstream", "--account", "all", str(SAMPLE))
    worker = system.worker()
    worker.await_ready()

    want = {"likes": 104, "shares": 15, "replies": 6, "follows": 6}

    def applied() -> dict[str, int]:
        counts = worker.counts("closeknit_events_total", "topic", "outcome")
        return {topic: n for (topic, outcome), n in counts.items() if outcome == "applied"}

    await_that(lambda: applied() == want, f"{want} applied")
    assert worker.counts("closeknit_dead_letters_total", "reason") == {}
    worker.signal(15)
    assert worker.wait() == 0
    totals: Counter[str] = Counter()
    for one in system.relationships().values():
        totals.update({kind: counts["total"] for kind, counts in one["inbound"].items()})
        totals["follow"] += one["following"]
    assert totals == {"like": 104, "share": 15, "reply": 6, "follow": 6}


@collegemsg.needs_recording
def test_collegemsg_equals_the_recount_with_one_worker(
    embedded_broker: EmbeddedBroker, new_system: Callable[..., System]
) -> None:
    system = new_system(embedded_broker)
    system.replay(collegemsg.events())
    system.catch_up()
    assert_equal_to_the_recount(system, recounted())


@collegemsg.needs_recording
@pytest.mark.kafka
def test_collegemsg_equals_the_recount_with_two_workers(kafka_system: System) -> None:
    kafka_system.replay(collegemsg.events())
    running = [kafka_system.worker("--until-caught-up") for _ in range(2)]
    assert [worker.wait(180) for worker in running] == [0, 0]
    assert_equal_to_the_recount(kafka_system, recounted())
