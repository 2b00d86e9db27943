"""Dead letters: told by their origin, shown as they were, redriven once."""

import json
from types import SimpleNamespace

import pytest

from schemas.events import Reason
from streams.core.dead_letter import dead_letter_headers
from streams.core.placement import partition_of
from streams.dead_letters import Address, parse
from streams.settings import Settings, load
from tests.cli.conftest import Closeknit
from tests.cli.kafka import Put, read, write
from tests.cli.test_export import validator

AT_MS = 1783175887396
GOOD = b'{"kind":"like","id":"1","account":"acme","member":"ada","at":"2026-07-04T14:38:07Z"}'


def letter(
    settings: Settings,
    offset: int,
    value: bytes | None,
    reason: Reason = Reason.NOT_JSON,
    key: bytes | None = b"k",
    own: tuple[tuple[str, bytes], ...] = (),
) -> Put:
    """A dead letter of `likes`, partition 1, as a worker writes it."""
    headers = dead_letter_headers(
        reason, f"refused: {reason}", settings.topics["like"], 1, offset, AT_MS, own
    )
    return Put(settings.dead_letters, 1, key, value, headers)


@pytest.fixture
def settings(on_broker: Closeknit) -> Settings:
    on_broker("topics", "create")
    return load()


def listed(on_broker: Closeknit, *arguments: str) -> list[dict[str, object]]:
    lines = on_broker("dead-letters", "list", "--format", "jsonl", *arguments).output.splitlines()
    return [json.loads(line) for line in lines]


def test_without_dead_letters_there_is_nothing_to_list_or_redrive(
    on_broker: Closeknit, settings: Settings
) -> None:
    """The good case is short."""
    assert on_broker("dead-letters", "list").output == "No dead letters.\n"
    assert on_broker("dead-letters", "redrive").output == "There was nothing to redrive.\n"


def test_letters_are_counted_by_reason_and_listed_by_origin(
    on_broker: Closeknit, settings: Settings
) -> None:
    """One that was written twice, and what is no letter, do not count."""
    write(
        settings,
        [
            letter(settings, 5, b"\x1b[31mnot json"),
            letter(settings, 6, b"\xff", key=b"\xfe", own=(("h", b"1"), ("h", b"\xff"))),
            letter(settings, 5, b"\x1b[31mnot json"),  # again, after a reset
            letter(settings, 7, None, Reason.EMPTY),
            Put(settings.dead_letters, 1, b"k", b"somebody else's"),
        ],
    )
    counts = on_broker("dead-letters", "list").output.splitlines()
    assert [line.split()[:2] for line in counts[1:]] == [["not_json", "2"], ["empty", "1"]]
    assert counts[1].endswith(Reason.NOT_JSON.meaning)
    likes = settings.topics["like"]
    rows = on_broker("dead-letters", "list", "--rows", "--reason", "empty").output.splitlines()
    assert rows[1].split()[:2] == [f"{likes}/1/7", "empty"]
    documents = listed(on_broker)
    check = validator("dead-letter.schema.json")
    for document in documents:
        check.validate(document)
    assert [document["offset"] for document in documents] == [5, 6, 7]
    assert documents[1]["value"] == {"encoding": "base64", "data": "/w=="}
    assert documents[1]["headers"] == [
        {"name": "h", "value": {"encoding": "utf-8", "data": "1"}},
        {"name": "h", "value": {"encoding": "base64", "data": "/w=="}},
    ]
    assert len(listed(on_broker, "--limit", "2")) == 2
    shown = on_broker("dead-letters", "show", f"{likes}/1/5").output
    assert "not_json: refused: not_json" in shown
    assert r"\x1b[31mnot json" in shown
    assert "\x1b" not in shown
    there = f"{settings.dead_letters}/1/{documents[0]['dead_letter']['offset']}"  # type: ignore[index]
    assert on_broker("dead-letters", "show", there).output == shown


def test_a_letter_is_redriven_once_as_it_was_to_where_it_belongs(
    on_broker: Closeknit, settings: Settings
) -> None:
    """Canonical key and partition where the value tells them; its own timestamp and headers."""
    write(
        settings,
        [
            letter(settings, 5, GOOD, Reason.MISPLACED, own=(("trace", b"7"),)),
            letter(settings, 6, b"not json"),
            letter(settings, 7, None, Reason.EMPTY),
        ],
    )
    likes = settings.topics["like"]
    planned = on_broker("dead-letters", "redrive", "--dry-run", "--reason", "misplaced").output
    assert planned == f"{likes}/1/5 misplaced\n"
    assert read(settings, likes) == []
    done = on_broker("dead-letters", "redrive", "--reason", "misplaced").output
    assert done == "redriven 1 misplaced\n"
    (sent,) = read(settings, likes)
    assert (sent.key, sent.value) == (b"acme ada", GOOD)
    assert sent.partition == partition_of(b"acme ada", 4)
    assert sent.timestamp == AT_MS
    assert sent.headers[0] == ("trace", b"7")
    name, origin = sent.headers[1]
    assert name == "closeknit-redriven-from"
    assert Address.parse(origin.decode())[:2] == (settings.dead_letters, 1)
    again = on_broker("dead-letters", "redrive").output.splitlines()
    assert again == [
        "redriven 1 not_json",
        "left 1 without a value: nothing can make events of them",
    ]
    records = read(settings, likes)
    assert sorted((r.key, r.value) for r in records) == [(b"acme ada", GOOD), (b"k", b"not json")]
    assert [r.partition for r in records if r.key == b"k"] == [1]
    assert [document["offset"] for document in listed(on_broker)] == [7]
    assert [document["offset"] for document in listed(on_broker, "--redriven")] == [5, 6, 7]


def test_a_limit_and_an_address_choose_what_is_redriven(
    on_broker: Closeknit, settings: Settings
) -> None:
    """The others stay for the next time."""
    write(settings, [letter(settings, n, b"not json") for n in range(5)])
    likes = settings.topics["like"]
    assert on_broker("dead-letters", "redrive", f"{likes}/1/3").output == "redriven 1 not_json\n"
    assert on_broker("dead-letters", "redrive", "--limit", "2").output == "redriven 2 not_json\n"
    assert [document["offset"] for document in listed(on_broker)] == [2, 4]


def test_an_unknown_address_is_an_error(on_broker: Closeknit, settings: Settings) -> None:
    """Whether it is no address at all, or nothing lies there."""
    on_broker("dead-letters", "show", "likes", expect=2)
    output = on_broker("dead-letters", "show", "likes/0/1", expect=3).output
    assert output == "Error: no dead letter lies at likes/0/1 or came from there\n"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("closeknit-reason", b"not_json")],  # only one of ours
        dead_letter_headers(Reason.EMPTY, "x", "likes", 0, 0, 0, ())[::-1][1:],
        [
            *dead_letter_headers(Reason.EMPTY, "x", "likes", 0, 0, 0, ())[:4],
            ("closeknit-offset", b"not a number"),
            ("closeknit-timestamp", b"0"),
        ],
    ],
)
def test_a_record_that_is_no_letter_is_passed_by(headers: list[tuple[str, bytes]]) -> None:
    """Anybody may write to a topic."""
    record = SimpleNamespace(
        topic="d", partition=0, offset=0, key=b"", value=b"", headers=tuple(headers)
    )
    assert parse(record) is None  # type: ignore[arg-type]


def test_own_headers_with_our_names_stay_its_own() -> None:
    """A record that carries a letter's headers itself does not disguise its origin."""
    own = (("closeknit-offset", b"99"),)
    headers = dead_letter_headers(Reason.EMPTY, "x", "likes", 0, 5, -1, own)
    record = SimpleNamespace(
        topic="d", partition=0, offset=0, key=None, value=b"", headers=tuple(headers)
    )
    found = parse(record)  # type: ignore[arg-type]
    assert found is not None
    assert (found.origin, found.headers) == (Address("likes", 0, 5), own)
    assert found.document()["timestamp"] is None
