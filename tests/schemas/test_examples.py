"""Every example is a claim: a valid one is accepted, an invalid one is refused, by all of us."""

from pathlib import Path

import pytest

from schemas.events import InvalidEvent, Reason, decode, decode_many
from tests.schemas.documents import (
    EVENTS,
    EXAMPLES,
    OURS,
    SCHEMAS,
    examples,
    judge,
    read,
    schema_accepts,
    schema_of,
)

BEYOND_JSON_SCHEMA = {
    # what JSON Schema accepts although we refuse it: why it cannot say so
    "self_interaction/account-is-member": "no keyword compares two fields",
    "invalid_time/30-february": "a pattern does not know the length of months",
    "invalid_time/29-february-of-a-common-year": "nor which years are leap years",
    "invalid_time/before-1970": "1969 is allowed: with an offset it may be 1970 in UTC",
    "invalid_time/before-1970-by-its-offset": "no keyword adds an offset to a time",
    "invalid_time/year-1969": "1969 is allowed: with an offset it may be 1970 in UTC",
    "invalid_time/from-2200": "2200 is allowed: with an offset it may be 2199 in UTC",
}

VALID_EVENTS = examples("valid", *EVENTS)
INVALID_EVENTS = examples("invalid", *EVENTS)
ALL_EVENTS = [read(example) for example in (*VALID_EVENTS, *INVALID_EVENTS)]


def reason_of(example: Path) -> Reason:
    """The folder of an invalid event names the reason."""
    return Reason(example.parent.name)


@pytest.mark.parametrize("example", VALID_EVENTS, ids=str)
def test_a_valid_event_is_accepted_by_its_schema_and_by_the_engine(example: Path) -> None:
    """Strangers who follow the schema are never refused."""
    assert schema_accepts(schema_of(example), read(example))
    assert judge(schema_of(example), read(example)) is None


@pytest.mark.parametrize("example", INVALID_EVENTS, ids=str)
def test_an_invalid_event_is_refused_for_the_reason_that_its_folder_names(example: Path) -> None:
    """The reason is precise, not merely a refusal."""
    assert judge(schema_of(example), read(example)) == reason_of(example)


@pytest.mark.parametrize("example", INVALID_EVENTS, ids=str)
def test_an_invalid_event_is_refused_by_its_schema_too(example: Path) -> None:
    """Schema and engine agree, except where JSON Schema has no words for it."""
    claim = f"{example.parent.name}/{example.stem}"
    assert schema_accepts(schema_of(example), read(example)) == (claim in BEYOND_JSON_SCHEMA)


def test_each_stated_exception_is_an_example() -> None:
    """An exception that nothing shows is a hole."""
    shown = {f"{example.parent.name}/{example.stem}" for example in INVALID_EVENTS}
    assert set(BEYOND_JSON_SCHEMA) <= shown


def test_each_reason_that_a_value_alone_can_give_has_an_example() -> None:
    """The other reasons need a record, a clock or a partition; the engine's tests show those."""
    beyond_a_value = {Reason.TOO_LARGE, Reason.IN_FUTURE, Reason.MISPLACED}
    assert {reason_of(example) for example in INVALID_EVENTS} == set(Reason) - beyond_a_value


@pytest.mark.parametrize("example", examples("valid", *OURS), ids=str)
def test_a_valid_document_of_ours_is_accepted(example: Path) -> None:
    """What we write, a reader can validate."""
    assert schema_accepts(schema_of(example), read(example))


@pytest.mark.parametrize("example", examples("invalid", *OURS), ids=str)
def test_an_invalid_document_of_ours_is_refused(example: Path) -> None:
    """A validator that never refuses protects nobody."""
    assert not schema_accepts(schema_of(example), read(example))


@pytest.mark.parametrize("verdict", ["valid", "invalid"])
def test_every_schema_has_examples_and_every_example_a_schema(verdict: str) -> None:
    """No schema without something it accepts and something it refuses."""
    folders = {path.name for path in (EXAMPLES / verdict).iterdir()}
    # event.schema.json is what the five kinds share
    assert folders == {name.removesuffix(".schema.json") for name in SCHEMAS} - {"event"}
    assert folders == {*EVENTS, *OURS}
    assert all(examples(verdict, folder) for folder in folders)


def one_line(value: bytes) -> bytes:
    """As most producers write it."""
    return value.replace(b"\n", b" ").strip()


def verdicts(values: list[bytes]) -> list[object]:
    """What `decode` says of each."""
    said: list[object] = []
    for value in values:
        try:
            said.append(decode(value))
        except InvalidEvent as refusal:
            said.append((refusal.reason, refusal.detail))
    return said


def many(values: list[bytes]) -> list[object]:
    """What `decode_many` says of each."""
    return [
        (found.reason, found.detail) if isinstance(found, InvalidEvent) else found
        for found in decode_many(values)
    ]


@pytest.mark.parametrize(
    "chunk",
    [
        [read(example) for example in VALID_EVENTS],
        [one_line(read(example)) for example in VALID_EVENTS],
        [read(example) for example in INVALID_EVENTS],
        ALL_EVENTS,
        [value for value in ALL_EVENTS for _ in range(2)],
        [],
    ],
    ids=["valid", "valid, one line each", "invalid", "both", "each twice", "none"],
)
def test_events_decoded_together_get_the_verdict_that_each_gets_alone(chunk: list[bytes]) -> None:
    """A chunk is another way to the same answer."""
    assert many(chunk) == verdicts(chunk)


@pytest.mark.parametrize("example", [*VALID_EVENTS, *INVALID_EVENTS], ids=str)
def test_a_neighbour_in_the_chunk_changes_no_verdict(example: Path) -> None:
    """One bad record spoils nobody's chunk, and no good one saves it."""
    good = one_line(read(Path("valid/like/least.json")))
    for value in (read(example), one_line(read(example))):
        chunk = [good, value, good]
        assert many(chunk) == verdicts(chunk)
