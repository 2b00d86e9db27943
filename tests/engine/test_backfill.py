"""A year of history: applied from files it is what it would be had it been streamed."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from os import environ
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka import KafkaConsumer, TopicPartition

from streams.alerting.levels import recorded
from streams.alerting.rules import Group
from streams.alerting.thresholds import DEFAULTS
from streams.changelog import read_changelog
from streams.core.time import DAY_MS, HOUR_MS, format_ms, hour_of
from streams.export import census, relationships
from streams.synthetic import Cast, World, deliveries
from tests.conftest import Broker
from tests.engine.system import REPOSITORY, System, await_that
from tests.grafana.boards import PANELS, filled
from tests.past import Past, Span

pytestmark = pytest.mark.kafka

DAYS = 364
WEEKLY = 150
"""Interactions in a week: some members have more of them in a year than a log holds."""


LATER = hour_of(int(datetime.now(UTC).timestamp() * 1000)) + 1
"""An hour to which all are aged, to be compared."""

Told = tuple[list[Any], list[Any]]
"""Relationships and census."""


class Year(NamedTuple):
    """A year that ended this Monday, in files, and the systems that know it.

    Attributes:
        told: what the one that it was streamed to has to tell at its end.
        goes_on: what happens today.
        told_later: what the same one has to tell then, by the wall clock, at the hour `LATER`.
        said: by the backfill.
        past: the file that it has drawn.
    """

    world: World
    files: list[str]
    streamed: System
    backfilled: System
    told: Told
    goes_on: list[dict[str, Any]]
    told_later: Told
    said: str
    past: Path


def new_system(broker: Broker, folder: Path) -> System:
    folder.mkdir()
    return System(broker.bootstrap, folder)


def write(world: World, folder: Path) -> list[str]:
    """A file for each kind: one packed, one in no order."""
    kinds: dict[str, list[bytes]] = defaultdict(list)
    for one in deliveries(world):
        kinds[one.kind].append(one.value + b"\n")
    random.Random(1).shuffle(kinds["reply"])
    files = []
    for kind, lines in kinds.items():
        packed = kind == "like"
        file = folder / f"{kind}.jsonl{'.gz' if packed else ''}"
        file.write_bytes(gzip.compress(b"".join(lines)) if packed else b"".join(lines))
        files.append(str(file))
    return files


@pytest.fixture(scope="module")
def year(real_kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    folder = tmp_path_factory.mktemp("year")
    today_is = datetime.now(UTC).date()
    # On a Monday, so that the same happens whenever this is run.
    first = today_is - timedelta(days=today_is.weekday() + DAYS)
    cast = (Cast("acme", "Acme", "", "begging", WEEKLY),)
    world = World(1, first.isoformat(), DAYS, cast)
    files = write(world, folder)
    streamed = new_system(real_kafka, folder / "streamed")
    backfilled = new_system(real_kafka, folder / "backfilled")
    whole = folder / "whole.jsonl"
    whole.write_bytes(b"".join(one.value + b"\n" for one in deliveries(world)))
    streamed.cli("replay", str(whole))
    streamed.catch_up()
    then = told(streamed)
    goes_on = today(world)
    streamed.replay(goes_on)
    catch_up_with_the_wall(streamed)
    past = folder / "past.om"
    said = backfilled.cli("backfill", *files, "--openmetrics", str(past), "--every", "24")
    yield Year(world, files, streamed, backfilled, then, goes_on, told(streamed, LATER), said, past)
    streamed.end()
    backfilled.end()


def told(system: System, clock: int | None = None) -> Told:
    """As `closeknit export` has it, at its own clock or at this one."""
    settings = system.settings
    changelog = asyncio.run(
        read_changelog(settings.connection(), settings.changelog, settings.partitions)
    )
    clock = changelog.clock if clock is None else clock
    return list(relationships(changelog, clock)), list(census(changelog, clock))


def test_a_year_from_files_is_the_year_as_it_was_streamed(year: Year) -> None:
    """In every relationship and in the census, at the same hour; and none of it was late."""
    found = told(year.backfilled)
    assert found == year.told
    assert len(found[0]) > 1000
    assert max(one["inbound"]["reply"]["total"] for one in found[0]) > 64
    assert "late" not in year.said


def test_once_it_is_in_it_is_not_sent_again(year: Year) -> None:
    """A supervisor, or a person who is not sure, may run it again."""
    before = sizes(year.backfilled)
    assert "in the tables already" in year.backfilled.cli("backfill", *year.files)
    assert sizes(year.backfilled) == before


def sizes(system: System) -> int:
    """How many offsets the source topics have."""
    consumer = KafkaConsumer(bootstrap_servers=system.settings.broker)
    try:
        numbers = range(system.partitions)
        topics = system.settings.topics.values()
        ends = consumer.end_offsets([TopicPartition(t, n) for t in topics for n in numbers])
        return sum(ends.values())
    finally:
        consumer.close()


def test_killed_amid_its_work_it_goes_on_and_comes_to_the_same(year: Year) -> None:
    """Its worker goes with it; neither workers nor another backfill come in between."""
    folder = year.past.parent / "killed"
    folder.mkdir()
    system = System(year.streamed.settings.broker, folder)
    with member(system):
        assert f"workers of {system.settings.app} are running" in refused(system, *year.files)
    with member(system, group_instance_id="worker-1"):
        pass  # it is stopped, and stays in the group for a session
    process = subprocess.Popen(
        [sys.executable, "-m", "streams", "backfill", *year.files],
        env={**environ, **system.environment},
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await_that(lambda: sizes(system) > 3000, "it has begun")
        assert process.poll() is None, "it was done before it could be killed"
    finally:
        process.kill()
        process.wait()
    assert "a backfill of other files was not finished" in refused(system, year.files[0])
    assert "Going on after" in system.cli("backfill", *year.files)
    assert told(system) == year.told


def test_history_does_not_come_behind_what_has_followed_it(year: Year) -> None:
    """A follow that ended is told before it began, and would not end."""
    before = sizes(year.streamed)
    assert "hold events already" in refused(year.streamed, *year.files)
    assert sizes(year.streamed) == before


@contextmanager
def member(system: System, **more: Any) -> Iterator[None]:
    """Somebody in the group of the workers."""
    consumer = KafkaConsumer(
        system.topic("like"),
        group_id=system.settings.app,
        bootstrap_servers=system.settings.broker,
        session_timeout_ms=6000,
        heartbeat_interval_ms=1000,
        metadata_max_age_ms=500,  # the topic is so new that a broker may not know it yet
        **more,
    )
    try:
        await_that(lambda: consumer.poll(100) or consumer.assignment(), "it has joined")
        yield
    finally:
        consumer.close()


def refused(system: System, *arguments: str) -> str:
    """What it says when it does nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "streams", "backfill", *arguments],
        env={**environ, **system.environment},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    return " ".join(done.stderr.split())


def test_a_live_source_that_tells_the_last_days_again_doubles_nothing(year: Year) -> None:
    """One that looks back, started after the history: then workers by the wall clock."""
    year.backfilled.replay([*last_days(year.world), *year.goes_on])
    catch_up_with_the_wall(year.backfilled)
    found = told(year.backfilled, LATER)
    assert found == year.told_later
    assert found[1][0]["series"]['closeknit_active_members{following="yes",window="1d"}'] > 0


def last_days(world: World) -> list[dict[str, Any]]:
    since = world.end - 3 * DAY_MS
    return [json.loads(one.value) for one in deliveries(world) if one.at_ms >= since]


def today(world: World) -> list[dict[str, Any]]:
    """What has happened in the last days happens again, today."""
    now_ms = LATER * HOUR_MS - HOUR_MS
    return [
        {**event, "id": f"live-{number}", "at": format_ms(max(world.end, now_ms - number))}
        for number, event in enumerate(last_days(world))
        if event.get("op", "add") == "add"
    ]


def catch_up_with_the_wall(system: System) -> None:
    worker = system.worker("--until-caught-up", clock="wall")
    assert worker.wait(180) == 0, worker.said()[-3000:]


@pytest.mark.prometheus
def test_its_charts_are_in_a_prometheus(year: Year, tmp_path: Path) -> None:
    """Each count as it was, and every panel of the dashboard, over all of the year."""
    start, end = year.world.start // 1000, year.world.end // 1000
    span = Span(start + 2 * 86_400, end, 86_400)
    past = Past(tmp_path, lookback="25h")
    past.add_file(year.past)
    past.record([Group("recorded", recorded(DEFAULTS))], [span])
    with past.running() as prometheus:
        (census,) = year.told[1]
        for series, n in census["series"].items():
            name, _, labels = series.partition("{")
            chosen = f'{{account="acme"{"," if labels else ""}{labels.rstrip("}")}}}'
            for metric in (name, f"account:{name}:sum"):
                assert list(prometheus.at(metric + chosen, end).values()) == [n], series
        for panel in PANELS:
            for query in panel.queries if panel.board == "engagement" else ():
                expr = filled(query.expr, account="acme")
                drawn = prometheus.over(expr, span).values()
                # A line needs the weeks that it compares with.
                weeks = 0 if query.now else len(span.moments) // 7 - 4
                assert drawn, panel.title
                assert all(len(points) >= weeks * 7 for points in drawn), panel.title
