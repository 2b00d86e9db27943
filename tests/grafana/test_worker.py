"""A worker and a source, scraped by a real Prometheus, give their dashboard what it needs."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from schemas.events import Event, Reason
from streams.metrics.server import Server, application
from streams.sources.live.meters import Meters
from streams.sources.live.source import Batch, Refused
from streams.synthetic import Cast, World, events
from tests.deploy.files import PROMETHEUS
from tests.engine.system import System, await_that
from tests.grafana.boards import PANELS, choices, filled, panel
from tests.past import Past, Prometheus

pytestmark = pytest.mark.prometheus

DAYS = World(seed=1, first_day="2026-08-01", days=3, accounts=(Cast("acme", "", "", "organic"),))


def configuration(worker: str, source: str, folder: Path) -> str:
    """The shipped rules, and two targets, in a hurry."""
    for file in PROMETHEUS.parent.glob("rules/*.yml"):
        text = file.read_text().replace("interval: 1m\n", "interval: 200ms\n")
        (folder / file.name).write_text(text)
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": "200ms"},
            "rule_files": [str(folder / "*.yml")],
            "scrape_configs": [
                {"job_name": "closeknit", "static_configs": [{"targets": [worker]}]},
                {"job_name": "closeknit-sources", "static_configs": [{"targets": [source]}]},
            ],
        }
    )


class Bluesky:
    """The page of a source at which each scrape finds a little more."""

    def __init__(self) -> None:
        self._meters = Meters("bluesky")

    def __call__(self) -> bytes:
        like = Event(kind="like", at="2026-08-01T00:00:00Z", id="1", account="acme", member="ada")
        none = Refused(b"", Reason.EMPTY, "", "source:bluesky")
        self._meters.heard()
        self._meters.reconnected()
        self._meters.lost(60)
        self._meters.delivered([Batch([like], refused=[none], left_out={"not ours": 3})])
        return self._meters.page()


@pytest.fixture(scope="module")
def source() -> Iterator[str]:
    server = Server(application(Bluesky(), lambda: None, lambda: None))
    yield f"127.0.0.1:{server.start()}"
    server.stop()


@pytest.fixture(scope="module")
def scraped(
    embedded_broker, source: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus that has watched a worker apply three days of events, and refuse something."""
    folder = tmp_path_factory.mktemp("worker")
    system = System(embedded_broker.bootstrap, folder, partitions=2)
    try:
        worker = system.worker()
        worker.await_ready()
        (target,) = re.findall(r"Metrics at http://(\S+?)/metrics", worker.said())
        rules, data = folder / "rules", folder / "prometheus"
        rules.mkdir()
        data.mkdir()
        with Past(data, "5m", configuration(target, source, rules)).running() as prometheus:
            await_that(
                lambda: prometheus.at("closeknit_dead_letters_total", time.time()),
                "the worker was scraped before anything was read",
            )
            with system.producer() as producer:
                producer.send(system.topic("like"), b"no event", partition=0)
            system.replay(
                {field: getattr(event, field) for field in event.__struct_fields__}
                for event in events(DAYS)
            )
            await_that(
                lambda: prometheus.at("sum(account:closeknit_followers:sum) > 0", time.time()),
                "followers are recorded",
            )
            yield prometheus
    finally:
        system.end()


def ask(prometheus: Prometheus, expr: str) -> list[float]:
    there = {"worker": ".+", "__rate_interval": "5m"}
    return list(prometheus.at(filled(expr, **there), time.time()).values())


@pytest.mark.parametrize(
    "query",
    [
        query
        for one in PANELS
        if one.board == "pipeline"
        for query in one.queries
        # The embedded broker gives topics no id, without which no snapshot is kept.
        if not re.search("closeknit_snapshot_(timestamp|bytes)", query.expr)
    ],
    ids=lambda query: f"{query.panel} {query.ref}",
)
def test_each_query_of_a_panel_has_an_answer(query, scraped):
    """As soon as the worker has written, and the rules have been evaluated."""
    await_that(lambda: ask(scraped, query.expr), "the query has an answer")


def test_what_was_refused_is_there_with_its_reason(scraped):
    """One record was none."""
    (dead,) = panel("What is refused, and why?").queries
    found = await_that(
        lambda: scraped.at(filled(dead.expr, worker=".+", __rate_interval="5m"), time.time()),
        "the dead letter is counted",
    )
    assert found.keys() == {frozenset({("reason", "not_json")})}


def test_the_worker_can_be_chosen(scraped):
    """By the name that Prometheus has for it."""
    metric, label = choices("pipeline")["worker"]
    (found,) = scraped.at(metric, time.time())
    assert dict(found)[label].startswith("127.0.0.1:")


def test_a_source_that_lost_time_opens_a_ticket_and_is_no_worker(scraped):
    """It is scraped under a job of its own."""
    lost = 'ALERTS{alertname="SourceLostTime",source="bluesky"}'
    await_that(lambda: scraped.at(lost, time.time()), "the alert is there")
    assert len(scraped.at('up{job="closeknit"}', time.time())) == 1
