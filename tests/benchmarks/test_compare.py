"""The comparison with other engines: its data, its arithmetic, its page, and a small run of ours.

The peers are not run here: their environments come from the network.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from benchmarks.compare import held, left, match, page, results, stages
from benchmarks.compare.capacity import Measured, Network, need
from benchmarks.compare.contestants import ENGINES
from benchmarks.compare.data import SHAPES, START_MS, Truth, in_horizon, messages, recount
from benchmarks.compare.engines import work
from benchmarks.compare.environments import PINS
from benchmarks.compare.figures import figure, targets
from benchmarks.compare.figures import held as held_figures
from benchmarks.compare.stage import Stage
from schemas.events import decode
from streams.core.time import DAY_MS
from tests.brokers.kafka import KafkaMissingError
from tests.conftest import missing


def test_the_same_seed_gives_the_same_events_and_all_are_canonical() -> None:
    once, again = (list(messages(SHAPES["zipf"], 500)) for _ in range(2))
    assert once == again
    for message in once:
        event = decode(message.value)
        assert (event.kind, f"{event.account} {event.member}") == (
            message.kind,
            message.key.decode(),
        )


def test_zipf_repeats_relationships_and_uniform_hardly_does() -> None:
    pairs = {
        name: len({message.key for message in messages(shape, 5000)})
        for name, shape in SHAPES.items()
    }
    assert pairs["zipf"] < 4500
    assert pairs["uniform"] > 4990


@pytest.mark.parametrize("seed", range(5))
def test_the_work_gives_the_recount_in_any_order(seed: int) -> None:
    values = [message.value for message in messages(SHAPES["zipf"], 3000, seed)]
    truth, _ = recount(values)
    random.Random(seed).shuffle(values)
    states: dict[bytes, list[int]] = {}
    for value in values:
        event = work.decode(value)
        state = states.setdefault(f"{event.account} {event.member}".encode(), work.new())
        work.count(state, event.kind, work.day_of[event.at[:10]])
    left.compare(states, truth)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param([0, 0, 0, 0, 739_000, 1], id="an event is missing"),
        pytest.param([2, 0, 0, 0, 739_000, 1], id="an event was counted twice"),
        pytest.param([0, 1, 0, 0, 739_000, 1], id="counted as another kind"),
        pytest.param([1, 0, 0, 0, 739_001, 1], id="on another day"),
        pytest.param([1, 0, 0, 0, 739_000, 3], id="on one day more"),
    ],
)
def test_a_wrong_count_is_noticed(state: list[int]) -> None:
    truth = {b"acme ada": Truth([1, 0, 0, 0], {date.fromordinal(739_000)})}
    left.compare({b"acme ada": [1, 0, 0, 0, 739_000, 1]}, truth)
    with pytest.raises(left.Wrong, match=r"1 of 1 relationships are wrong:\n  acme ada"):
        left.compare({b"acme ada": state}, truth)


def test_a_relationship_that_is_missing_or_too_much_is_noticed() -> None:
    truth = {b"acme ada": Truth([1, 0, 0, 0], {date.fromordinal(739_000)})}
    state = [1, 0, 0, 0, 739_000, 1]
    with pytest.raises(left.Wrong, match="None, not"):
        left.compare({}, truth)
    with pytest.raises(left.Wrong, match="not None"):
        left.compare({b"acme ada": state, b"acme bob": state}, truth)


def test_a_day_is_in_the_horizon_while_its_last_hour_is() -> None:
    first = date(2026, 3, 1)
    midnight = START_MS // DAY_MS * 24
    assert in_horizon([first], midnight + 23 + 671) == 1
    assert in_horizon([first], midnight + 23 + 672) == 0


@pytest.mark.parametrize("pins", sorted(PINS.glob("*.txt")), ids=lambda path: path.stem)
def test_every_package_of_a_peer_is_pinned(pins: Any) -> None:
    lines = pins.read_text().splitlines()
    assert lines
    assert all("==" in line for line in lines)


def run(engine: str, data: str, events: int, seconds: float, cpu: float) -> dict[str, Any]:
    measured = {"seconds": seconds, "cpu": cpu, "peak_mb": 100.0, "left": 10 * events}
    return {"engine": engine, "round": 1, "data": data, "events": events, **measured}


def test_what_starting_takes_is_taken_off_and_the_median_counts() -> None:
    runs = [
        *(run("closeknit", "start", 400, seconds, 1.0) for seconds in (3.0, 2.0, 9.0)),
        *(run("closeknit", "zipf", 100_400, seconds, 3.0) for seconds in (5.0, 4.0, 60.0)),
    ]
    found = figure({"engines": {"runs": runs}}, "closeknit")
    assert (found.rate, found.cpu, found.per_cpu_second) == (50_000, 2.0, 50_000)
    assert (found.peak_mb, found.kept) == (100, 10)


def test_what_is_held_is_measured_against_nothing_held() -> None:
    def one(count: int, mb: float, seconds: float, hours: float) -> dict[str, Any]:
        return {
            "relationships": count,
            "changelog_bytes": 60 * count,
            "ready_seconds": seconds,
            "ready_cpu": seconds / 2,
            "settled_mb": mb,
            "events": 200_000,
            "cpu": 3.0,
            "hours": 24,
            "hours_cpu": hours,
            "idle_cpu": 0.1,
        }

    runs = [one(0, 80, 2.0, 0.1), one(1 << 20, 80 + 250, 12.0, 0.34)]
    [found] = held_figures({"held": {"runs": runs}})
    assert found.relationships == 1 << 20
    assert (found.bytes, found.changelog, found.cpu) == (250, 60, 1.5)
    assert found.seconds == 10
    assert found.recovery == pytest.approx((1 << 20) / 5)
    assert found.hour_ms == pytest.approx(10)


@pytest.mark.parametrize(
    ("network", "workers", "partitions"),
    [
        pytest.param(Network("", 1, 1000, 4, ""), 1, 12, id="one is the least"),
        pytest.param(Network("", 50_000, 1000, 4, ""), 1, 12, id="half of its speed is one"),
        pytest.param(Network("", 50_001, 1000, 4, ""), 2, 12, id="more than half is two"),
        pytest.param(Network("", 1, 240e6, 4, ""), 12, 12, id="memory asks for a dozen"),
        pytest.param(Network("", 1, 241e6, 4, ""), 13, 24, id="thirteen need two dozen"),
    ],
)
def test_workers_are_what_events_or_memory_ask_for(
    network: Network, workers: int, partitions: int
) -> None:
    per = Measured(rate=100_000, bytes=200, base_mb=100, changelog=50, recovery=1e5)
    found = need(network, per)
    assert (found.workers, found.partitions) == (workers, partitions)
    assert found.recovery_s == network.relationships / workers / 1e5
    assert found.changelog_gb == pytest.approx(network.relationships * 55 / 1e9)


def test_the_tables_of_the_page_are_those_of_the_results() -> None:
    """`python -m benchmarks.compare page` writes them."""
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.filled(text, page.read()) == text


def test_another_result_would_be_another_page() -> None:
    text, found = page.PAGE.read_text(encoding="utf-8"), copy.deepcopy(dict(page.read()))
    for one in found["engines"]["runs"]:
        if one["data"] == "zipf" and one["engine"] == "closeknit":
            one["cpu"] += 1
    assert page.filled(text, found) != text


def test_the_results_are_of_every_engine_and_every_target() -> None:
    found = page.read()
    assert {one["engine"] for one in found["engines"]["runs"]} == ENGINES.keys()
    assert len(targets(found)) == 14


def test_a_sample_counts_for_the_first_stage_that_it_bears_the_mark_of() -> None:
    found = stages.by_stage(
        "3 /x/schemas/events.py:decode_many|/x/streams/core/admission.py:admit\n"
        "2 /x/streams/core/filing.py:refile|/x/streams/core/partition.py:settle\n"
        "4 /x/aiokafka/producer/sender.py:send|/x/asyncio/events.py:run\n"
        "1 /usr/lib/python3.11/threading.py:wait\n"
    )
    assert dict(found) == {
        "decode": 3,
        "file in the census": 2,
        "write the changelog": 4,
        "the rest": 1,
    }


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    try:
        found = Stage()
    except KafkaMissingError as error:
        missing(str(error))
    with found:
        yield found


@pytest.mark.kafka
def test_what_needs_no_peer_runs_and_leaves_what_the_recount_says(stage: Stage) -> None:
    found = match.compare(stage, ["raw", "bare", "closeknit"], 2000, 1, uniform=False)
    kept = {one["engine"]: one["left"] for one in found["runs"] if one["data"] == "zipf"}
    assert kept["raw"] == 0 < kept["bare"] < kept["closeknit"] * 4
    assert all(one["cpu"] > 0 and one["peak_mb"] > 10 for one in found["runs"])


@pytest.mark.kafka
def test_a_worker_recovers_a_changelog_that_was_written_for_it(stage: Stage) -> None:
    """It must hold what was written, and what was read beside it."""
    found = held.hold(stage, 0, 3000, 1000)
    assert found["changelog_bytes"] > 3000 * held.KEY_BYTES
    assert found["settled_mb"] > 10


def test_results_are_written_with_what_they_were_measured_on(tmp_path: Any) -> None:
    results.write("engines", {"machine": results.machine(), "runs": []}, tmp_path)
    machine = results.read("engines", tmp_path)["machine"]
    assert {"cpu", "cores", "python", "versions", "commit", "load"} <= machine.keys()
