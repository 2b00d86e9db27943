"""Running the command in this process, against topics of the test's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from tests.conftest import Broker

Closeknit = Callable[..., Result]

_numbers = count()


@pytest.fixture
def closeknit(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Closeknit:
    """Runs `closeknit ARGS…` without any setting but those that the test makes."""
    for name in list(os.environ):
        if name.startswith("CLOSEKNIT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(str(tmp_path))

    def run(*arguments: str, expect: int = 0, **options: object) -> Result:
        result = CliRunner().invoke(main, arguments, **options)  # type: ignore[arg-type]
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == expect, result.output
        return result

    return run


@pytest.fixture
def on_broker(closeknit: Closeknit, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Closeknit:
    """`closeknit` with settings for a broker, and an app and topics that nobody else uses."""
    name = f"cli{os.getpid()}-{next(_numbers)}"
    monkeypatch.setenv("CLOSEKNIT_BROKER", broker.bootstrap)
    monkeypatch.setenv("CLOSEKNIT_APP", name)
    monkeypatch.setenv("CLOSEKNIT_TOPIC_PREFIX", f"{name}-")
    monkeypatch.setenv("CLOSEKNIT_PARTITIONS", "4")
    return closeknit


@pytest.fixture
def on_world(
    closeknit: Closeknit, written: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Closeknit:
    """`closeknit` where the world of the module (its fixture `written`) has been written down."""
    for name, value in written.items():
        monkeypatch.setenv(name, value)
    return closeknit
