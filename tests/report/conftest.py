"""The world of the demo, as its worker would have written it down."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from types import SimpleNamespace

import pytest

from schemas.events import encode
from streams.changelog import Changelog
from streams.core.partition import Partition, Rules
from streams.core.partition_record import PartitionRecord
from streams.core.placement import relationship_key
from streams.core.relationship import Strength
from streams.report import Facts, Report, compose, facts
from streams.synthetic import DEMO, events

NAMES = {cast.id: cast.name for cast in DEMO.accounts}


@pytest.fixture(scope="session")
def demo() -> Changelog:
    """The tables after the demo."""
    partition = Partition(0, Rules(partitions=1))
    for kind, told in groupby(events(DEMO), key=attrgetter("kind")):
        records = [
            SimpleNamespace(
                key=relationship_key(event.account, event.member),
                value=encode(event),
                timestamp=-1,
                headers=(),
            )
            for event in told
        ]
        partition.apply(kind, records, 0)
    settings = {"partitions": 1.0, **Strength()._asdict()}
    stored = PartitionRecord(clock=partition.clock, next={}, settings=settings)
    return Changelog(dict(partition.relationships), {0: stored})


@pytest.fixture(scope="session")
def demo_facts(demo: Changelog) -> list[Facts]:
    """What is so of its four accounts."""
    return facts(demo)


@pytest.fixture(scope="session")
def demo_report(demo: Changelog, demo_facts: list[Facts]) -> Report:
    """A report on all four, by name."""
    return compose(demo_facts, NAMES, demo.clock)
