"""Defects: additional, as frequent as asked for, and each with the outcome that it is named for."""

from __future__ import annotations

from collections import Counter

import pytest

from schemas.events import decode
from streams.core.admission import Outcome
from streams.core.partition import Partition, Rules
from streams.core.placement import partition_of, relationship_key
from streams.core.time import DAY_MS
from streams.sources import Jsonl, Malformed
from streams.synthetic import (
    MALFORMATIONS,
    Cast,
    Defects,
    Delivery,
    Malformation,
    World,
    deliveries,
    events,
)
from tests.synthetic.census import MONDAY, Core, Record, alone

PARTITIONS = 4
CLEAN = World(5, MONDAY, 70, (Cast("acme", "Acme", "", "organic", 200),))
SPOILT = World(5, MONDAY, 70, CLEAN.accounts, Defects(0.03, 0.02, 0.04, 0.05))


@pytest.fixture(scope="module")
def sent() -> list[Delivery]:
    return list(deliveries(SPOILT, PARTITIONS))


def test_without_defects_what_is_sent_are_the_events() -> None:
    assert [one.event for one in deliveries(CLEAN)] == list(events(CLEAN))
    assert {one.defect for one in deliveries(CLEAN)} == {""}


def test_defects_come_on_top(sent: list[Delivery]) -> None:
    """Whoever leaves out what is too much has the clean world, in its order."""
    kept = [one.value for one in sent if one.defect in ("", "misrouted")]
    assert kept == [one.value for one in deliveries(CLEAN)]


def test_they_are_as_frequent_as_asked_for(sent: list[Delivery]) -> None:
    """Of the events that they can befall: no removal is sent twice, no follow comes late."""
    found = Counter(one.defect for one in sent)
    total = sum(1 for _ in events(CLEAN))
    for name, rate in SPOILT.defects._asdict().items():
        assert 0.7 * rate * total < found[name] < 1.3 * rate * total, name


def test_each_has_the_outcome_that_it_is_named_for(sent: list[Delivery]) -> None:
    """Read by the partitions of the core; the misplaced are re-sent, as the engine does."""
    found = Counter(one.defect for one in sent)
    cores = [Partition(number, Rules(PARTITIONS)) for number in range(PARTITIONS)]
    outcomes: Counter[Outcome] = Counter()
    refused = 0
    for day in range(SPOILT.days):
        since = SPOILT.start + day * DAY_MS
        today = [one for one in sent if since <= one.at_ms < since + DAY_MS]
        for kind in ("follow", "like", "reply", "share"):
            again = []
            for number, core in enumerate(cores):
                records = [
                    Record(one.value)
                    for one in today
                    if one.kind == kind and partition_of(one.key, PARTITIONS) == number
                ]
                applied = core.apply(kind, records, 0)
                outcomes.update(applied.outcomes)
                refused += len(applied.refused)
                again += applied.misplaced
            for stray in again:
                outcomes.update(cores[stray.partition].apply(kind, [stray.record], 0).outcomes)
    assert outcomes[Outcome.DUPLICATE] == found["duplicates"] > 50
    assert outcomes[Outcome.LATE] == found["late"] > 30
    assert outcomes[Outcome.REROUTED] == found["misrouted"] > 50
    assert outcomes[Outcome.INVALID] == found["malformed"] == refused > 50


def test_a_misrouted_record_has_its_own_value_and_a_key_for_elsewhere(
    sent: list[Delivery],
) -> None:
    for one in sent:
        key = relationship_key(one.event.account, one.event.member)
        astray = partition_of(one.key, PARTITIONS) != partition_of(key, PARTITIONS)
        assert astray == (one.defect == "misrouted")
        assert (one.key == key) != astray


def test_nothing_is_misrouted_where_there_is_only_one_place() -> None:
    """A file has no partitions."""
    for partitions in (None, 1):
        found = Counter(one.defect for one in deliveries(SPOILT, partitions))
        assert found["misrouted"] == 0
        assert found["malformed"] > 50


@pytest.mark.parametrize("way", MALFORMATIONS, ids=lambda way: way.what.replace(" ", "-"))
def test_each_way_to_break_an_event_is_refused_for_its_reason(way: Malformation) -> None:
    """By the engine; and a file of such lines is one that replay reports line by line."""
    for one in deliveries(alone("organic", weekly=10, days=7)):
        value = way.broken(one.value)
        assert b"\n" not in value
        core = Core()
        core.read([one._replace(value=value)])
        (refused,) = core.refused
        assert refused.reason == way.reason
        (line,) = Jsonl().read([value])
        assert isinstance(line, Malformed)
        assert line.reason.startswith(way.reason)


def test_a_late_one_is_a_valid_event_of_a_known_member(sent: list[Delivery]) -> None:
    late = [one for one in sent if one.defect == "late"]
    for one in late:
        event = decode(one.value)
        assert (event.account, event.member) == (one.event.account, one.event.member)
        assert event.at < one.event.at
