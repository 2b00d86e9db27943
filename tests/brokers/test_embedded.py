"""The embedded broker comes quickly, goes without a trace, and says why when it cannot come."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.brokers import BrokerUnavailableError, EmbeddedBroker
from tests.brokers.clients import Admin

OWNER = """
import sys, time, tempfile
from streams.brokers import EmbeddedBroker
tempfile.tempdir = sys.argv[1]
try:
    with EmbeddedBroker() as broker:
        print(broker.bootstrap, flush=True)
        {then}
except (KeyboardInterrupt, ZeroDivisionError):
    pass
"""


def accepts(bootstrap: str) -> bool:
    host, port = bootstrap.split(":")
    with contextlib.suppress(OSError):
        socket.create_connection((host, int(port)), timeout=1).close()
        return True
    return False


def soon(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)  # between two looks at a condition
    return True


@pytest.fixture(autouse=True)
def _installed(embedded_broker: EmbeddedBroker) -> None:
    """Only where the embedded broker is installed."""


def test_it_serves_clients_on_a_free_port_of_its_own() -> None:
    """Two at a time are two brokers."""
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.running
        assert one.bootstrap != other.bootstrap
        with Admin(one.bootstrap) as admin:
            admin.list_topics()


def test_it_serves_the_port_that_it_is_given() -> None:
    """`closeknit broker --port` means that port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with EmbeddedBroker(port) as broker:
        assert broker.bootstrap == f"127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("then", "number"),
    [
        ("pass", None),  # the block ends
        ("1 / 0", None),  # an exception passes through
        ("time.sleep(60)", signal.SIGINT),  # Ctrl-C
        ("time.sleep(60)", signal.SIGTERM),  # not handled by the owner: it just dies
        ("time.sleep(60)", signal.SIGKILL),  # nobody could have cleaned up
    ],
)
def test_nothing_of_it_outlives_its_owner(
    tmp_path: Path, then: str, number: signal.Signals | None
) -> None:
    """However the owner ends, process, port and folder are gone."""
    script = OWNER.format(then=then)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        bootstrap = owner.stdout.readline().strip()
        assert bootstrap
        if number is not None:
            assert accepts(bootstrap)
            os.kill(owner.pid, number)
    assert soon(lambda: not accepts(bootstrap))
    assert soon(lambda: not list(tmp_path.iterdir()))


def test_a_taken_port_is_reported_in_our_own_words(embedded_broker: EmbeddedBroker) -> None:
    """The binary's would name options that only the binary has."""
    port = embedded_broker.bootstrap.split(":")[1]
    with pytest.raises(
        BrokerUnavailableError, match=f":{port}: Address already in use; choose another"
    ):
        EmbeddedBroker(int(port)).start()


def test_without_the_extra_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever lacks it learns both ways out."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(BrokerUnavailableError, match=r"closeknit\[embedded\].*CLOSEKNIT_BROKER"):
        EmbeddedBroker().start()
