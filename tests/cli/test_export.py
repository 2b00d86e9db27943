"""Export: documents as the schemas say, from a changelog that no worker needs to serve."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from schemas.events import Event, encode
from streams.changelog import Changelog
from streams.core.partition import Partition, Rules
from streams.core.partition_record import KEY, PartitionRecord
from streams.core.placement import relationship_key
from streams.core.relationship import Strength
from streams.core.time import HOUR_MS, hour_of, parse_at
from streams.export import (
    LONG_COLUMNS,
    TooEarly,
    as_csv,
    as_jsonl,
    census,
    clock_at,
    long,
    relationship_columns,
    relationships,
)
from streams.settings import load
from tests.cli.conftest import Closeknit
from tests.cli.kafka import Put, put_changelog, write

NOW = "2026-07-04T14:00:00.000Z"
CLOCK = hour_of(parse_at(NOW))
STRENGTH = Strength(like=1, share=2, reply=8, half_life_days=7)
SCHEMAS = Path(__file__).parents[2] / "schemas"

EVENTS = [
    #  ada and we talk: a connection
    Event("reply", "2026-07-01T10:00:00Z", "r1", "acme", "ada"),
    Event("reply", "2026-07-02T10:00:00.123Z", "r2", "acme", "ada", direction="outbound"),
    Event("follow", "2026-07-01T09:00:00Z", "f1", "acme", "ada"),
    #  ben waits for an answer
    Event("reply", "2026-07-04T13:30:00Z", "r3", "acme", "ben"),
    #  cleo follows, and was there before
    Event("follow", "2026-07-04T13:30:00Z", "f2", "acme", "cleo", seeded=True),
    #  dario likes another account of ours, which begins with the same letters
    Event("like", "2026-07-04T13:59:59.999Z", "l1", "acme-two", "dario"),
    #  edda was greeted and never spoke
    Event("reply", "2026-07-03T10:00:00Z", "r4", "acme", "edda", direction="outbound"),
]


def changelog_after(events: list[Event]) -> Changelog:
    """What a worker would have written down."""
    partition = Partition(0, Rules(partitions=1, strength=STRENGTH, clock="event"))
    for offset, event in enumerate(events):
        record = SimpleNamespace(
            key=relationship_key(event.account, event.member),
            value=encode(event),
            timestamp=parse_at(event.at),
            headers=(),
            offset=offset,
        )
        partition.apply(event.kind, [record], record.timestamp)
    partition.settle()
    settings = {"partitions": 1.0, **STRENGTH._asdict()}
    record = PartitionRecord(clock=CLOCK, next={}, settings=settings)
    return Changelog(dict(partition.relationships), {0: record})


@pytest.fixture(scope="module")
def changelog() -> Changelog:
    return changelog_after(EVENTS)


def validator(name: str) -> Draft202012Validator:
    schemas = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.schema.json")}
    registry: Registry[Any] = Registry().with_resources(
        (file, Resource.from_contents(schema)) for file, schema in schemas.items()
    )
    return Draft202012Validator(schemas[name], registry=registry)


def by_member(documents: Iterator[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {document["member"]: document for document in documents}


def test_every_relationship_is_a_document_as_the_schema_says(changelog: Changelog) -> None:
    """Stage none included, sorted by account and member."""
    documents = list(relationships(changelog, CLOCK))
    check = validator("relationship.schema.json")
    for document in documents:
        check.validate(document)
    assert [(d["account"], d["member"], d["stage"]) for d in documents] == [
        ("acme", "ada", "connection"),
        ("acme", "ben", "conversation"),
        ("acme", "cleo", "passive"),
        ("acme", "edda", "none"),
        ("acme-two", "dario", "fan"),
    ]


def test_times_counts_and_strength_are_those_of_the_events(changelog: Changelog) -> None:
    """With the weights that the changelog was written with, not those of today's settings."""
    ada = by_member(relationships(changelog, CLOCK))["ada"]
    assert ada["followed_at"] == "2026-07-01T09:00:00.000Z"
    assert ada["first_inbound_at"] == ada["last_inbound_at"] == "2026-07-01T10:00:00.000Z"
    assert ada["last_outbound_at"] == "2026-07-02T10:00:00.123Z"
    assert ada["inbound"]["reply"] == {"1": 0, "7": 1, "28": 1, "total": 1}
    assert ada["as_of"] == NOW
    assert ada["strength"] == pytest.approx(8 * 2 ** (-3 / 7) + 8 * 2 ** (-2 / 7), rel=1e-12)


def test_as_of_ages_everything_and_never_looks_back(changelog: Changelog) -> None:
    """Any moment of the stored hour is that hour; the one before is refused."""
    stored = CLOCK * HOUR_MS
    assert clock_at(changelog, None) == CLOCK
    assert clock_at(changelog, stored + HOUR_MS - 1) == CLOCK
    with pytest.raises(TooEarly, match=r"14:00:00\.000Z, after 2026-07-04T13:59:59"):
        clock_at(changelog, stored - 1)
    later = clock_at(changelog, parse_at("2026-09-01T00:00:00Z"))
    aged = by_member(relationships(changelog, later))
    assert (aged["ada"]["stage"], aged["ben"]["stage"]) == ("lapsed", "lapsed")
    assert aged["ben"]["awaiting"] is False
    assert aged["ada"]["as_of"] == "2026-09-01T00:00:00.000Z"


def test_account_and_stage_choose(changelog: Changelog) -> None:
    """An account is its whole id, not what others begin with."""
    assert by_member(relationships(changelog, CLOCK, "acme")).keys() == {
        "ada",
        "ben",
        "cleo",
        "edda",
    }
    chosen = relationships(changelog, CLOCK, None, ["fan", "passive"])
    assert by_member(chosen).keys() == {"cleo", "dario"}


def test_the_census_is_an_object_per_account_as_the_schema_says(changelog: Changelog) -> None:
    """Every series of every account, zeros included."""
    found = {document["account"]: document for document in census(changelog, CLOCK)}
    for document in found.values():
        validator("census.schema.json").validate(document)
    assert found.keys() == {"acme", "acme-two"}
    series = found["acme"]["series"]
    assert series["closeknit_followers"] == 2
    assert series['closeknit_relationships{following="yes",stage="connection"}'] == 1
    assert series['closeknit_awaiting_reply{age="0-1d"}'] == 1
    assert found["acme-two"]["series"].keys() == series.keys()
    assert [document["account"] for document in census(changelog, CLOCK, "acme")] == ["acme"]


def test_csv_is_the_same_flattened(changelog: Changelog) -> None:
    """One header; null is empty, booleans are words."""
    text = b"".join(as_csv(relationships(changelog, CLOCK), relationship_columns())).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    ada, *_, dario = rows
    assert ada["inbound_reply_28"] == "1"
    assert (ada["following"], dario["following"]) == ("true", "false")
    assert (dario["followed_at"], dario["last_inbound_at"]) == ("", "2026-07-04T13:59:59.999Z")
    assert len(rows) == 5
    text = b"".join(as_csv(long(census(changelog, CLOCK)), LONG_COLUMNS)).decode()
    lines = list(csv.DictReader(io.StringIO(text)))
    assert {"account": "acme", "as_of": NOW, "series": "closeknit_followers", "value": "2"} in lines


def test_csv_of_nothing_still_has_its_header(changelog: Changelog) -> None:
    """Whatever reads it needs the columns."""
    (whole, *_) = as_csv(relationships(changelog, CLOCK), relationship_columns())
    nobody = as_csv(relationships(changelog, CLOCK, "nobody"), relationship_columns())
    assert list(nobody) == [whole]
    assert list(as_csv([], LONG_COLUMNS)) == [b"account,as_of,series,value\n"]


def test_jsonl_is_a_document_per_line(changelog: Changelog) -> None:
    """And nothing else."""
    documents = list(relationships(changelog, CLOCK))
    assert [json.loads(line) for line in as_jsonl(documents)] == documents


def test_the_command_reads_the_changelog_and_needs_no_worker(
    on_broker: Closeknit, changelog: Changelog
) -> None:
    """Committed records only, the last one of each key."""
    on_broker("topics", "create")
    assert "Nothing was written down yet" in on_broker("export").output
    settings = load()
    older = changelog_after(EVENTS[:1])
    put_changelog(settings, older)
    put_changelog(settings, changelog)
    exported = [json.loads(line) for line in on_broker("export").output.splitlines()]
    assert exported == list(relationships(changelog, CLOCK))
    chosen = on_broker("export", "--account", "acme-two", "--format", "csv").output
    assert chosen.splitlines()[1].startswith("acme-two,dario,fan")
    counted = [json.loads(line) for line in on_broker("export", "--census").output.splitlines()]
    assert counted == list(census(changelog, CLOCK))
    refused = on_broker("export", "--as-of", "2026-07-04T12:00:00Z", expect=3).output
    assert refused.startswith("Error: the tables stand at 2026-07-04T14:00:00.000Z")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--as-of", "yesterday"],
        ["--as-of", "2026-07-04T12:00:00"],  # no offset
        ["--stage", "friend"],
        ["--census", "--stage", "fan"],
    ],
)
def test_a_wrong_choice_is_refused_before_reading(
    arguments: list[str], closeknit: Closeknit
) -> None:
    """No broker is needed to say so."""
    closeknit("export", *arguments, expect=2)


def test_a_changelog_of_a_newer_version_is_refused(on_broker: Closeknit) -> None:
    """Better no export than a wrong one."""
    on_broker("topics", "create")
    settings = load()
    write(settings, [Put(settings.changelog, 0, KEY, b'{"format":99,"new":"things"}')])
    output = on_broker("export", expect=3).output
    assert "written in format 99" in output
