"""A real Prometheus with a past: samples imported by promtool, and rules recorded over them.

promtool's own backfill of rules sees no rule's result in another; here rules are evaluated level by
level, each seeing what those below it recorded, as the rules of a group do in a live Prometheus.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlencode
from urllib.request import urlopen

from schemas.events import TOPIC_OF
from streams.alerting.levels import levels
from streams.alerting.rules import Alert, Group, Record
from streams.alerting.thresholds import DEFAULTS
from streams.brokers.lifeline import Lifeline
from streams.core.admission import REROUTED_FROM
from streams.core.partition import Rules
from streams.core.placement import partition_of
from streams.metrics.accounts import Account, Accounts
from streams.past import Sent, Witness
from streams.synthetic import World, deliveries
from tests.conftest import missing
from tests.engine.system import await_that

Labels = frozenset[tuple[str, str]]
Points = list[tuple[float, float]]
"""Times in seconds, and values."""

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Held(Protocol):
    """How long something must be so before it is told, and be gone before it is over."""

    @property
    def hold(self) -> str: ...
    @property
    def settle(self) -> str: ...


class Span(NamedTuple):
    """A stretch of time and its grid, in seconds; both ends belong to it."""

    start: int
    end: int
    step: int

    @property
    def moments(self) -> range:
        """The grid, in ms."""
        return range(self.start * 1000, self.end * 1000 + 1, self.step * 1000)


class Prometheus:
    """A running one, asked over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str | float) -> Any:
        """Its answer; an error of the query is raised with its text."""
        # POST, as Grafana does: a query may be longer than an address can be.
        data = urlencode(parameters).encode()
        with urlopen(f"{self.url}/api/v1/{path}", data, timeout=60) as answer:
            return json.load(answer)["data"]

    def at(self, expr: str, moment: float) -> dict[Labels, float]:
        """The answer to an instant query, by labels."""
        found = self.get("query", query=expr, time=moment)["result"]
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in found}

    def over(self, expr: str, span: Span) -> dict[Labels, Points]:
        """The answer to a range query, by labels."""
        found = self.get("query_range", query=expr, start=span.start, end=span.end, step=span.step)[
            "result"
        ]
        return {
            frozenset(one["metric"].items()): [(t, float(value)) for t, value in one["values"]]
            for one in found
        }


class Past:
    """A folder of samples that becomes a Prometheus.

    Args:
        folder: an empty one.
        lookback: how long a sample is good for: the widest step between scrapes.
        config: what it is told; by default to scrape nothing.
    """

    def __init__(self, folder: Path, lookback: str, config: str = "global: {}\n") -> None:
        self._folder = folder
        self._lookback = lookback
        self._config = folder / "prometheus.yml"
        self._config.write_text(config)
        self._data = folder / "data"
        self._data.mkdir()

    def add(self, lines: Iterable[str]) -> None:
        """Import samples, lines of OpenMetrics."""
        path = write(lines, self._folder / "samples.om")
        self.add_file(path)
        path.unlink()

    def add_file(self, path: Path) -> None:
        """Import a file of OpenMetrics."""
        _run(
            # Blocks of two hours would be written by as many readings of the whole file.
            *(tool("promtool"), "tsdb", "create-blocks-from", "--quiet"),
            *("--max-block-duration=9000h", "openmetrics", str(path), str(self._data)),
        )

    @contextmanager
    def running(self) -> Iterator[Prometheus]:
        """Start it, and end it."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        process = Lifeline(
            [
                tool("prometheus"),
                f"--config.file={self._config}",
                f"--storage.tsdb.path={self._data}",
                "--storage.tsdb.retention.time=100y",
                f"--query.lookback-delta={self._lookback}",
                f"--web.listen-address={address}",
                "--log.level=error",
            ],
            log=self._folder / "prometheus.log",
        )
        found = Prometheus(f"http://{address}")

        def answers() -> bool:
            assert not process.ended, process.last_words()
            try:
                return bool(found.at("vector(1)", 0))
            except OSError:  # it is not ready yet
                return False

        try:
            await_that(answers, "Prometheus answers")
            yield found
        finally:
            process.end()

    def record(self, groups: Iterable[Group], spans: Sequence[Span]) -> None:
        """Evaluate the rules of the groups over these spans, which ascend and stay apart."""
        for level in levels([*chain.from_iterable(group.rules for group in groups)]):
            with self.running() as prometheus:
                lines = [
                    line
                    for rule in level
                    for span in spans
                    for line in _recorded(rule, prometheus.over(rule.expr, span), span)
                ]
            if lines:
                self.add(lines)


def _recorded(rule: Record | Alert, answer: Mapping[Labels, Points], span: Span) -> Iterator[str]:
    for labels, points in answer.items():
        kept: Points
        if isinstance(rule, Record):
            name, kept, more = rule.record, points, dict(rule.labels)
        else:
            name, kept = (
                "ALERTS",
                [
                    (moment, 1.0)
                    for begin, end in firing(points, rule, span.step)
                    for moment in range(begin, min(end, span.end) + 1, span.step)
                ],
            )
            more = {
                **rule.labels,
                "alertname": rule.alert,
                "alertstate": "firing",
                "severity": rule.severity,
                "about": rule.about,
            }
        series = _series(name, {**dict(labels), **more})
        yield from (f"{series} {value!r} {moment}\n" for moment, value in kept)


def firing(points: Points, rule: Held, step: int) -> Iterator[tuple[int, int]]:
    """The stretches, in seconds, in which a rule fires, given the evaluations at which it was so.

    It begins to once it was so at every evaluation for as long as its `hold`, and ends when it was
    not so for as long as its `settle`.
    """
    hold, settle = _seconds(rule.hold), _seconds(rule.settle or "0s")
    goes_on = step * ceil(settle / step)
    since = before = begin = None
    for at, _ in points:
        moment = round(at)
        if before is None or since is None or moment - before > step:
            since = moment
            if begin is not None and before is not None and moment - before - goes_on > step:
                yield begin, before + goes_on
                begin = None
        before = moment
        if begin is None and moment - since >= hold:
            begin = moment
    if begin is not None and before is not None:
        yield begin, before + goes_on


def _series(name: str, labels: Mapping[str, str]) -> str:
    named = ",".join(
        f"{key}={json.dumps(value, ensure_ascii=False)}"
        for key, value in labels.items()
        if key != "__name__"
    )
    return f"{name}{{{named}}}" if named else name


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def scrapes(world: World, moments: Iterable[int], workers: int = 2) -> Iterator[str]:
    """A world as a Prometheus knows it that scrapes its workers: lines of OpenMetrics, no end mark.

    Args:
        world: whose records the workers read, each soon after it was sent.
        moments: when they are scraped, ms, ascending.
        workers: how many, with a partition each.
    """
    listed = [Account(cast.id, cast.name, cast.group) for cast in world.accounts]
    rules = Rules(partitions=workers)
    crew = [Witness(rules, Accounts(listed), number) for number in range(workers)]
    sent = deliveries(world, workers)
    following = next(sent, None)
    for now_ms in moments:
        chunks: Chunks = defaultdict(list)
        while following is not None and following.at_ms < now_ms:
            place = partition_of(following.key, workers), following.kind
            chunks[place].append(Sent(following.value, following.at_ms))
            following = next(sent, None)
        while chunks:
            chunks = _read(crew, chunks, now_ms)
        for number, worker in enumerate(crew, 1):
            worker.arrive(now_ms)
            samples = worker.samples()
            samples += ["up 1", f"scrape_samples_scraped {len(samples)}"]
            target = f'instance="worker-{number}:9108",job="{DEFAULTS.job}"'
            yield from (f"{_labelled(one, target)} {now_ms / 1000}\n" for one in samples)


Chunks = defaultdict[tuple[int, str], list[Sent]]


def _read(crew: Sequence[Witness], chunks: Chunks, now_ms: int) -> Chunks:
    """Let everybody read; return what was in the wrong place, where it belongs."""
    again: Chunks = defaultdict(list)
    for (number, kind), records in chunks.items():
        header = (REROUTED_FROM, f"{TOPIC_OF[kind]}/{number}/0".encode())
        for one in crew[number].read(kind, records, now_ms):
            record = Sent(one.record.value or b"", one.record.timestamp, (header,))
            again[one.partition, kind].append(record)
    return again


def _labelled(sample: str, target: str) -> str:
    series, _, value = sample.rpartition(" ")
    name, brace, labels = series.partition("{")
    return f"{name}{{{target}{f',{labels}' if brace else '}'} {value}"


def write(lines: Iterable[str], path: Path) -> Path:
    """An OpenMetrics file of these lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(lines)
        file.write("# EOF\n")
    return path


def tool(name: str) -> str:
    """Where a program of Prometheus is; without it the test is skipped."""
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed (Debian: apt-get install prometheus)")
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
