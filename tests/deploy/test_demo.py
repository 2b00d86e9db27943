"""The profile `demo` without Docker: what its services run, with this machine's programs."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.alerting.thresholds import DEFAULTS
from streams.core.partition import Rules
from streams.core.series import FAMILIES
from streams.core.time import DAY_MS, format_ms, parse_at
from streams.metrics.accounts import Accounts
from streams.past import Sent, Witness
from streams.synthetic import DEMO, World, deliveries
from tests.deploy.files import on_this_side
from tests.deploy.programs import SERVICES, Prometheus, free_port, prometheus, tool
from tests.deploy.test_budget import RECORDED
from tests.engine.system import System, await_that

pytestmark = pytest.mark.prometheus

DAYS = 2
"""How much past the demo has here; on a real start it is ten weeks."""


def script(service: str) -> list[str]:
    """What a service runs, as it is called here."""
    found = SERVICES[service]
    program, *words = (*found["entrypoint"], *found.get("command", ()))
    here = [on_this_side(found, word) for word in words]
    return [sys.executable if program == "python" else program, *here]


def module(name: str) -> ModuleType:
    """A module of the demo, imported as its scripts do."""
    folder = str(Path(script("demo-live")[1]).parent)
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module(name)


class Running(NamedTuple):
    """The demo at work."""

    world: World
    system: System
    live: subprocess.Popen[str]
    prometheus: Prometheus


def _environment(system: System, folder: Path) -> dict[str, str]:
    return {**os.environ, **system.environment, "CLOSEKNIT_DATA_DIR": str(folder)}


def _begin(system: System, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*script("demo-world"), *arguments],
        env=_environment(system, folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _past(past: Path, data: Path, *ports: int) -> list[str]:
    """The command of `demo-past`, for these folders."""
    shell, path, *_folders = script("demo-past")
    return [shell, path, str(past), str(data), *map(str, ports)]


def _end_all(shell: subprocess.Popen[str]) -> None:
    """End a script, and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()


@pytest.fixture(scope="module")
def demo(embedded_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    tool("prometheus")
    folder = tmp_path_factory.mktemp("demo")
    past, data = folder / "past", folder / "data"
    past.mkdir()
    data.mkdir()
    first_day = format_ms(time.time_ns() // 1_000_000 - DAYS * DAY_MS)[:10]
    system = System(embedded_broker.bootstrap, folder, partitions=12, clock="wall")
    with ExitStack() as at_the_end:
        at_the_end.callback(system.end)
        began = _begin(system, past, first_day)
        assert began.returncode == 0, began.stderr
        recording = subprocess.Popen(
            _past(past, data, free_port(), free_port()),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        at_the_end.callback(_end_all, recording)
        worker = system.worker()
        worker.await_ready()
        live = subprocess.Popen(script("demo-live"), env=_environment(system, past), text=True)
        at_the_end.callback(live.wait)
        at_the_end.callback(live.kill)
        _, said = recording.communicate(timeout=120)
        assert recording.returncode == 0, said
        address = worker.said().partition("Metrics at http://")[2].partition("/")[0]
        yield Running(
            module("world").begun(first_day),
            system,
            live,
            at_the_end.enter_context(prometheus(folder, [address])),
        )


def _counted(world: World, now_ms: int) -> dict[str, dict[Any, float]]:
    """Every count of the accounts, by a worker that has just read all of the world up to now."""
    witness = Witness(Rules(partitions=1), Accounts())
    chunks: dict[str, list[Sent]] = {}
    for one in deliveries(world):
        if one.at_ms > now_ms:
            break
        chunks.setdefault(one.kind, []).append(Sent(one.value, one.at_ms))
    for kind, records in chunks.items():
        witness.read(kind, records, now_ms)
    witness.arrive(now_ms)
    page = "\n".join(witness.samples()) + "\n"
    found: dict[str, dict[Any, float]] = {name: {} for name in FAMILIES}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name in FAMILIES:
                found[sample.name][frozenset(sample.labels.items())] = sample.value
    return found


def test_past_and_present_say_the_same(demo):
    """What the live worker counts, out of Kafka, is what the invented past leads up to."""

    def agrees():
        wanted = _counted(demo.world, time.time_ns() // 1_000_000)
        found = {name: demo.prometheus.ask(f"account:{name}:sum") for name in FAMILIES}
        return found if found == wanted else None

    found = await_that(agrees, "the worker has read everything")
    assert {dict(labels)["account"] for labels in found["closeknit_followers"]} == {
        cast.id for cast in DEMO.accounts
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_the_past_is_recorded_every_five_minutes(family, demo):
    """As far as a chart looks back for a sample, so that no line is broken."""
    noon = (demo.world.start + DAY_MS * 3 // 2) / 1000
    counted = demo.prometheus.ask(f"count_over_time(account:{family}:sum[6h])", time=noon)
    assert counted
    assert set(counted.values()) <= {72.0, 73.0}  # Prometheus 2 counts both ends


def test_the_worker_is_found_under_the_job_that_the_alerts_watch(demo):
    """Under another one it would be down without anybody being told."""
    assert list(demo.prometheus.ask(f'up{{job="{DEFAULTS.job}"}}').values()) == [1]


def test_every_rule_is_evaluated_without_an_error(demo):
    """Over what a real worker exports."""

    def health():
        groups = demo.prometheus.get("/api/v1/rules")["data"]["groups"]
        return {rule["health"] for group in groups for rule in group["rules"]}

    await_that(lambda: "unknown" not in health(), "every rule was evaluated")
    assert health() == {"ok"}


def test_nothing_is_left_of_the_workers_that_never_were(demo):
    """The past of a worker's own series would be a lie about it."""
    noon = (demo.world.start + DAY_MS * 3 // 2) / 1000
    assert demo.prometheus.ask('count({__name__=~"closeknit_.*"})', time=noon) == {}
    assert demo.prometheus.ask('count({__name__=~"account:.*"})', time=noon)


def test_no_account_has_more_recorded_series_than_the_operator_was_told(demo):
    """Most have fewer: a finding is a series only while it holds."""
    recorded = demo.prometheus.ask('count by (account) ({__name__=~"account:.+"})')
    assert 100 < max(recorded.values()) <= RECORDED


def test_an_interrupted_demo_goes_on_where_it_was(demo):
    """What is sent again counts once; what has become due meanwhile is sent."""
    demo.live.kill()
    demo.live.wait()
    environment = _environment(demo.system, demo.system.folder / "past")
    again = subprocess.Popen(script("demo-live"), env=environment)
    try:
        duplicates = 'sum(closeknit_events_total{outcome=~"duplicate|unresolved"})'
        await_that(
            lambda: demo.prometheus.ask(duplicates).get(frozenset(), 0) >= 50,
            "the last events are sent again",
        )
        test_past_and_present_say_the_same(demo)
        assert again.poll() is None
    finally:
        again.kill()
        again.wait()


def test_a_second_start_changes_nothing(demo):
    """`docker compose up` runs the one-shot services again."""
    folder = demo.system.folder / "past"
    before = (folder / "past.om").stat()
    again = _begin(demo.system, folder)
    assert (again.returncode, again.stdout.split()[-1]) == (0, f"{demo.world.first_day}.")
    assert (folder / "past.om").stat() == before
    once_more = subprocess.run(
        _past(folder, demo.system.folder / "data"), capture_output=True, text=True, check=False
    )
    assert (once_more.returncode, once_more.stderr) == (0, "")
    assert "already" in once_more.stdout


def test_a_prometheus_with_a_past_of_its_own_is_left_alone(tmp_path):
    """An invented past would overlay the true one."""
    block = tmp_path / "01M823A23XBYSQFYAACWFYSB8K" / "meta.json"
    block.parent.mkdir()
    block.touch()
    done = subprocess.run(_past(tmp_path, tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Nothing was done" in done.stderr
    assert sorted(tmp_path.rglob("*")) == [block.parent, block]


def test_topics_with_events_of_others_are_left_alone(embedded_broker, tmp_path):
    """Invented people cannot be told from real ones afterwards."""
    system = System(embedded_broker.bootstrap, tmp_path, partitions=1)
    system.replay(
        [{"kind": "like", "id": "1", "account": "a", "member": "m", "at": "2026-01-01T00:00:00Z"}]
    )
    done = _begin(system, tmp_path)
    assert done.returncode == 1
    assert "not the demo's" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("day", range(7))
def test_it_begins_on_the_monday_nearest_to_ten_weeks_ago(day):
    """So its weekdays are those of the world as it was invented, and its story is at its height."""
    now = parse_at("2026-11-16T12:00:00Z") + day * DAY_MS
    first = parse_at(f"{module('world').ten_weeks_before(now)}T00:00:00Z")
    assert abs(now - 70 * DAY_MS - first) <= 3.5 * DAY_MS
    assert (first - parse_at(f"{DEMO.first_day}T00:00:00Z")) % (7 * DAY_MS) == 0


def test_it_is_the_world_of_the_command_line_moved_in_time():
    """The same people do the same things."""
    moved = module("world").begun("2026-09-14")
    pairs = zip(deliveries(DEMO), deliveries(moved), strict=False)
    for original, later in islice(pairs, 2000):
        assert (later.kind, later.key) == (original.kind, original.key)
        assert later.at_ms - moved.start == original.at_ms - DEMO.start
