"""A fresh Closeknit for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Broker
from tests.engine.system import System


@pytest.fixture
def new_system(tmp_path: Path) -> Iterator[Callable[..., System]]:
    """Makes systems on a given broker; their workers end with the test."""
    made: list[System] = []

    def make(broker: Broker, **settings: str) -> System:
        folder = tmp_path / f"system-{len(made)}"
        folder.mkdir()
        system = System(broker.bootstrap, folder, **settings)
        made.append(system)
        return system

    yield make
    for system in made:
        system.end()


@pytest.fixture
def system(broker: Broker, new_system: Callable[..., System]) -> System:
    """A Closeknit on each broker that we claim to run on."""
    return new_system(broker)


@pytest.fixture
def kafka_system(real_kafka: Broker, new_system: Callable[..., System]) -> System:
    """A Closeknit on real Apache Kafka, where faults can be tested."""
    return new_system(real_kafka)
