"""Trials on a broker, noted in the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.brokers.kafka import Kafka, KafkaMissingError
from tests.conftest import Broker, missing
from tests.engine.conftest import kafka_system, new_system
from tests.engine.system import System
from tests.faults.report import PROPERTY
from tests.faults.trial import Trial

__all__ = ["kafka_system", "new_system"]

NewTrial = Callable[..., Trial]

#: Compacts and expires all the time, so that a few seconds of a test are like days.
HASTY = {"log.cleaner.backoff.ms": "100", "log.retention.check.interval.ms": "500"}


@pytest.fixture
def new_trial(
    new_system: Callable[..., System], record_property: Callable[[str, object], None]
) -> Iterator[NewTrial]:
    """Makes trials on a broker, and notes them in the report."""
    made: list[Trial] = []

    def make(broker: Broker, *, seed: int, size: int, rate: float = 1000, **settings: str) -> Trial:
        trial = Trial(new_system(broker), seed=seed, rate=rate, size=size, **settings)
        made.append(trial)
        return trial

    yield make
    for trial in made:
        record_property(PROPERTY, trial.tally.document())


@contextmanager
def kafka(
    folder: Path, settings: Mapping[str, str], beside: Kafka | None = None
) -> Iterator[Kafka]:
    """Apache Kafka with settings of its own; skips where it cannot be had."""
    try:
        node = Kafka(folder, settings, beside)
    except KafkaMissingError as error:
        missing(str(error))
    with node:
        yield node


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Apache Kafka for the tests of one file, to stop, kill and pause; each leaves it running."""
    with kafka(tmp_path_factory.mktemp("breakable"), HASTY) as node:
        yield node
