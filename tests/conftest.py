"""Brokers for every test that needs one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, Protocol

import pytest
from hypothesis import settings

from streams.brokers import BrokerUnavailableError, EmbeddedBroker
from tests.brokers.kafka import Kafka, KafkaMissingError
from tests.faults import report

# The machine may be busy with a broker beside us: a property is not wrong for being slow.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# A shell that runs us in the background, or nohup, makes us deaf to Ctrl-C or a closed terminal,
# and so every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

Promtool = Callable[[str], None]

MINUTES = ("tests/faults/", "tests/mutants/", "tests/engine/")
"""Tests that take minutes: begun first, so that none is left over when all others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first; the rest stays in its order."""
    items.sort(key=lambda item: not item.nodeid.startswith(MINUTES))


class Broker(Protocol):
    """What a test may know about a broker that is not its subject."""

    bootstrap: str


def missing(reason: str) -> NoReturn:
    """Skip on a laptop; in CI nothing is skipped."""
    if os.environ.get("CLOSEKNIT_REQUIRE_ALL") == "1":
        pytest.fail(f"CLOSEKNIT_REQUIRE_ALL=1, and {reason}")
    pytest.skip(reason)


def _run_kafka(folder: Path) -> Iterator[Kafka]:
    try:
        kafka = Kafka(folder)
    except KafkaMissingError as error:
        missing(str(error))
    with kafka:
        yield kafka


@pytest.fixture(scope="session")
def promtool() -> Promtool:
    """Asserts that Prometheus's own checker has nothing to say about a page of metrics."""
    found = shutil.which("promtool")
    if found is None:
        missing("promtool is not installed (Debian: apt-get install prometheus)")

    def check(page: str) -> None:
        command = [found, "check", "metrics"]
        done = subprocess.run(command, input=page, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    return check


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Apache Kafka, shared by all tests: mark them ``kafka`` and do it no harm."""
    yield from _run_kafka(tmp_path_factory.mktemp("kafka"))


@pytest.fixture
def kafka_to_break(tmp_path: Path) -> Iterator[Kafka]:
    """Apache Kafka of the test's own, to stop, kill and pause: mark it ``kafka``."""
    yield from _run_kafka(tmp_path)


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """The embedded broker, shared by all tests."""
    broker = EmbeddedBroker()
    try:
        broker.start()
    except BrokerUnavailableError as error:
        missing(str(error))
    yield broker
    broker.stop()


@pytest.fixture(
    scope="session",
    params=["embedded_broker", pytest.param("real_kafka", marks=pytest.mark.kafka)],
)
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker that we claim to run on, one after the other."""
    found: Broker = request.getfixturevalue(request.param)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print and keep what the fault suite has to show for itself, if it ran."""
    found = [
        value
        for reports in terminalreporter.stats.values()
        for one in reports
        if getattr(one, "when", "") == "teardown"
        for name, value in one.user_properties
        if name == report.PROPERTY
    ]
    if found:
        whole = report.total(found)
        report.write(whole)
        terminalreporter.section(f"faults on Apache Kafka (also in {report.FILE.name})")
        for line in report.lines(whole):
            terminalreporter.write_line(line)
