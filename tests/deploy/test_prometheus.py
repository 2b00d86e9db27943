"""A real Prometheus, configured as shipped, scrapes workers and answers what the panels ask."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from schemas.events import Event, encode
from streams.brokers.lifeline import Lifeline
from streams.core.partition import Partition, Rules
from streams.core.placement import partition_of
from streams.core.relationship import Strength
from streams.core.series import SERIES
from streams.core.time import DAY_MS, format_ms, parse_at
from streams.metrics.accounts import Accounts
from streams.metrics.collector import Page
from streams.metrics.meters import Meters
from streams.metrics.server import Server, application
from streams.metrics.view import PartitionView
from streams.synthetic import DEMO, deliveries, labels
from tests.conftest import missing
from tests.deploy.files import PROMETHEUS, compose
from tests.engine.system import await_that
from tests.grafana.boards import QUERIES, choices, filled, panel
from tests.metrics.world import FakeTable

pytestmark = pytest.mark.prometheus

ACCOUNT = "peak-sneakers"
SERVICE = compose()["services"]["prometheus"]
TRUST, *_ = panel("Can I trust these numbers?").queries
# What needs weeks of history has them in tests/grafana.
OF_ACCOUNTS = [
    query
    for board, query in QUERIES
    if board != "pipeline" and "account:" in query.expr and "offset" not in query.expr
]


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed (Debian: apt-get install prometheus)")
    return found


class Stack:
    """Two workers that hold half of the demo's world each, and a Prometheus that scrapes them."""

    def __init__(self, url: str, partitions: list[Partition], workers: list[Server]) -> None:
        self.url = url
        self.partitions = partitions
        self.workers = workers

    def get(self, path: str, **parameters: str) -> object:
        with urlopen(f"{self.url}{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def ask(self, expr: str) -> dict[frozenset[tuple[str, str]], float]:
        """Ask a query of the dashboard; the answer by labels."""
        data = self.get("/api/v1/query", query=filled(expr, account=ACCOUNT))
        return {
            frozenset(one["metric"].items()): float(one["value"][1])
            for one in data["result"]  # type: ignore[index]
        }

    def trust(self) -> float | None:
        return next(iter(self.ask(TRUST.expr).values()), None)

    def line(self, title: str, name: str) -> float:
        """A line of a panel, by its legend."""
        (query,) = (query for query in panel(title).queries if query.legend == name)
        (value,) = self.ask(query.expr).values()
        return value

    def counted(self, name: str, **labels: str) -> int:
        """What both workers' censuses say, added up by us."""
        return sum(
            count
            for partition in self.partitions
            for series, count in zip(
                SERIES, partition.census.read(ACCOUNT, partition.clock), strict=True
            )
            if series.name == name and labels.items() <= dict(series.labels).items()
        )


@pytest.fixture(scope="module")
def world() -> list[Partition]:
    """The demo's world up to a week into the campaign, in two partitions that agree on the time."""
    rules = Rules(partitions=2, strength=Strength(), clock="event")
    partitions = [Partition(number, rules) for number in range(2)]
    last = 0
    campaign = next(label for label in labels(DEMO) if label.account == ACCOUNT and label.diverges)
    until = parse_at(campaign.since) + 7 * DAY_MS
    for item in takewhile(lambda item: item.at_ms < until, deliveries(DEMO)):
        record = SimpleNamespace(
            key=item.key, value=item.value, timestamp=item.at_ms, headers=(), offset=0
        )
        partitions[partition_of(item.key, 2)].apply(item.kind, [record], item.at_ms)
        last = max(last, item.at_ms)
    tick = encode(Event(kind="tick", at=format_ms(last)))
    for partition in partitions:
        record = SimpleNamespace(key=b"", value=tick, timestamp=last, headers=(), offset=0)
        partition.apply("like", [record], last)
        partition.settle()
    return partitions


def _worker(partition: Partition) -> tuple[Server, int]:
    """A worker's HTTP side, and its port."""
    table = FakeTable(
        PartitionView(
            number=partition.number,
            ready=True,
            clock=partition.clock,
            census=partition.census,
            relationships=len(partition.relationships),
            dirty=0,
            recovery_read=0,
            recovery_to_read=0,
        )
    )
    table.partition_count = 2
    page = Page(table, Meters(), Accounts())
    server = Server(application(page, lambda: None, lambda: None))
    return server, server.start()


def _configuration(ports: list[int], folder: Path) -> Path:
    """The shipped configuration for these targets, in a hurry."""
    document = yaml.safe_load(PROMETHEUS.read_text())
    document["global"]["scrape_interval"] = "200ms"
    document["scrape_configs"][0]["static_configs"] = [
        {"targets": [f"127.0.0.1:{port}" for port in ports]}
    ]
    (pattern,) = document["rule_files"]
    rules = folder / "rules"
    rules.mkdir()
    for file in PROMETHEUS.parent.glob(pattern):
        text = file.read_text().replace("interval: 1m\n", "interval: 200ms\n")
        (rules / file.name).write_text(text)
    document["rule_files"] = [str(folder / pattern)]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(document))
    return path


def _flags(changes: Mapping[str, str]) -> list[str]:
    """The flags of the compose file, some with another value."""
    flags = dict(flag.split("=", 1) for flag in SERVICE["command"])
    return [f"{flag}={value}" for flag, value in {**flags, **changes}.items()]


@contextmanager
def started(partitions: list[Partition], folder: Path) -> Iterator[Stack]:
    program = _tool("prometheus")
    with ExitStack() as at_the_end:
        workers, ports = zip(*map(_worker, partitions), strict=True)
        for worker in workers:
            at_the_end.callback(worker.stop)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        flags = _flags(
            {
                "--config.file": str(_configuration(list(ports), folder)),
                "--storage.tsdb.path": str(folder / "data"),
                "--web.listen-address": address,
            }
        )
        prometheus = Lifeline([program, *flags], log=folder / "prometheus.log")
        at_the_end.callback(prometheus.end)
        stack = Stack(f"http://{address}", partitions, list(workers))

        def counts_all() -> bool:
            assert not prometheus.ended, prometheus.last_words()
            try:
                return stack.trust() == 1
            except OSError:  # it is not listening yet
                return False

        await_that(counts_all, "Prometheus has scraped both workers")
        yield stack


@pytest.fixture(scope="module")
def stack(world: list[Partition], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with started(world, tmp_path_factory.mktemp("prometheus")) as running:
        yield running


def test_promtool_takes_the_configuration():
    """As it is shipped."""
    command = [_tool("promtool"), "check", "config", str(PROMETHEUS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("query", OF_ACCOUNTS, ids=lambda query: f"{query.panel} {query.ref}")
def test_each_query_of_a_panel_has_an_answer(query, stack):
    """As soon as the rules have been evaluated."""
    await_that(lambda: stack.ask(query.expr), "the query has an answer")


@pytest.mark.parametrize(
    ("title", "family", "others"),
    [
        ("Who are our followers?", "closeknit_relationships", {"following": "yes"}),
        ("Who waits for our answer, and how long?", "closeknit_awaiting_reply", {}),
    ],
)
def test_layers_are_sums_over_both_workers(title, family, others, stack):
    """Together they are all there are, and nobody is counted twice."""
    layers = [sum(stack.ask(query.expr).values()) for query in panel(title).queries]
    assert sum(layers) == stack.counted(family, **others)


def test_the_two_panels_show_replies_fall_while_follows_rise(stack):
    """What the world was made to tell, as the dashboard tells it."""
    replies, follows = (
        "How many replies do we get in a week?",
        "How many people begin to follow in a week?",
    )
    reply = {"kind": "reply", "direction": "inbound", "window": "7d"}
    replied, followed = (
        stack.counted("closeknit_interactions", **reply),
        stack.counted("closeknit_follows", window="7d"),
    )
    assert stack.line(replies, "replies in 7 days") == replied < stack.line(replies, "lower end")
    assert stack.line(follows, "follows in 7 days") == followed
    assert followed > stack.line(follows, "usual range")


def test_every_account_can_be_chosen(stack):
    """The variable lists what the workers name."""
    metric, label = choices("engagement")["account"]
    values = stack.get(f"/api/v1/label/{label}/values", **{"match[]": metric})
    assert values == [cast.id for cast in DEMO.accounts]


def test_every_rule_is_evaluated_without_an_error(stack):
    """By a real Prometheus, over what workers really export."""

    def health() -> set[str]:
        groups = stack.get("/api/v1/rules")["groups"]
        return {rule["health"] for group in groups for rule in group["rules"]}

    await_that(lambda: "unknown" not in health(), "every rule was evaluated")
    assert health() == {"ok"}


def test_sources_that_are_not_there_are_no_targets_and_alarm_nobody(stack):
    """A profile that nobody chose is not a source that is down."""
    assert stack.ask('up{job="closeknit"}')
    assert not stack.ask('up{job="closeknit-sources"}')
    assert not stack.ask('ALERTS{alertname=~"WorkerDown|Source.*"}')


def test_what_is_recorded_of_an_account_is_the_sum_over_both_workers(stack):
    """The alerts and charts read this."""

    def recorded(series: str) -> float | None:
        found = stack.ask(f'sum(account:{series}{{account="{ACCOUNT}"}})')
        return found.get(frozenset())

    for name in ("closeknit_followers", "closeknit_relationships"):
        # What was recorded while the workers caught up was less.
        await_that(
            lambda name=name: recorded(f"{name}:sum") == stack.counted(name), f"{name} is recorded"
        )


def test_the_health_check_of_the_compose_file_finds_it_healthy(stack):
    """The very command, with another port; nobody answers at port 1."""
    form, tool, *arguments = SERVICE["healthcheck"]["test"]
    assert form == "CMD"

    def status(url: str) -> int:
        there = [word.replace("http://127.0.0.1:9090", url) for word in arguments]
        return subprocess.run([_tool(tool), *there], capture_output=True, check=False).returncode

    assert status(stack.url) == 0
    assert status("http://127.0.0.1:1") != 0


def test_a_missing_worker_leaves_a_gap_and_is_named_as_the_reason(world, tmp_path):
    """Half of an audience never looks like a whole one that fell silent."""
    with started(world, tmp_path) as stack:
        stack.workers[1].stop()
        await_that(lambda: stack.trust() == 0, "the panel says that some are missing")

        def shown() -> list[str]:
            # What is known of an account stays: it can be chosen while its numbers are not there.
            return [
                query.legend
                for query in OF_ACCOUNTS
                if stack.ask(query.expr) and "_info" not in query.expr
            ]

        await_that(lambda: not shown(), "nothing is shown of any account")
