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
    at_ms: int = AT_MS,
) -> Put:
    """A dead letter of `likes`, partition 1, as a worker writes it."""
    headers = dead_letter_headers(
        reason, f"refused: {reason}", settings.topics["like"], 1, offset, at_ms, own
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
    assert [line.split()[:2] for line in counts[1:3]] == [["not_json", "2"], ["empty", "1"]]
    assert counts[1].endswith(Reason.NOT_JSON.meaning)
    assert counts[3:5] == ["", "What to do:"]
    assert counts[5] == f"  not_json: {Reason.NOT_JSON.remedy}."
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
    home = partition_of(b"acme ada", 4)
    assert planned.splitlines() == [
        f"{likes}/1/5 misplaced",
        f"  before   {GOOD.decode()}",
        f"  goes to  {likes}/{home} under the key acme ada",
        "",
        "Nothing was sent. 1 dead letter would be redriven, 0 would stay.",
    ]
    assert read(settings, likes) == []
    done = on_broker("dead-letters", "redrive", "--reason", "misplaced").output
    assert done == "redriven 1 misplaced\n"
    (sent,) = read(settings, likes)
    assert (sent.key, sent.value) == (b"acme ada", GOOD)
    assert sent.partition == home
    assert sent.timestamp == AT_MS
    assert sent.headers[0] == ("trace", b"7")
    name, origin = sent.headers[1]
    assert name == "closeknit-redriven-from"
    assert Address.parse(origin.decode())[:2] == (settings.dead_letters, 1)
    left = ["left 1 not_json: would be refused again (not_json)"]
    left += ["left 1 empty: would be refused again (empty)"]
    assert on_broker("dead-letters", "redrive").output.splitlines() == left
    assert on_broker("dead-letters", "redrive", "--set", "id=2").output.splitlines() == [
        "left 1 not_json: cannot be mended",
        "left 1 empty: cannot be mended",
    ]
    forced = on_broker("dead-letters", "redrive", "--force").output.splitlines()
    assert forced == ["redriven 1 not_json", left[1]]
    records = read(settings, likes)
    assert sorted((r.key, r.value) for r in records) == [(b"acme ada", GOOD), (b"k", b"not json")]
    assert [r.partition for r in records if r.key == b"k"] == [1]
    assert [document["offset"] for document in listed(on_broker)] == [7]
    assert [document["offset"] for document in listed(on_broker, "--redriven")] == [5, 6, 7]


def test_a_limit_and_an_address_choose_what_is_redriven(
    on_broker: Closeknit, settings: Settings
) -> None:
    """The others stay for the next time."""
    write(settings, [letter(settings, n, GOOD, Reason.MISPLACED) for n in range(5)])
    likes = settings.topics["like"]
    assert on_broker("dead-letters", "redrive", f"{likes}/1/3").output == "redriven 1 misplaced\n"
    assert on_broker("dead-letters", "redrive", "--limit", "2").output == "redriven 2 misplaced\n"
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
        topic="d", partition=0, offset=0, timestamp=7, key=None, value=b"", headers=tuple(headers)
    )
    found = parse(record)  # type: ignore[arg-type]
    assert found is not None
    assert (found.origin, found.headers) == (Address("likes", 0, 5), own)
    assert found.document()["timestamp"] is None


def test_a_letter_of_a_topic_that_was_created_anew_is_another_letter(
    on_broker: Closeknit, settings: Settings
) -> None:
    """It has the same offset, and would be hidden behind the old one, or behind its mark."""
    write(settings, [letter(settings, 5, GOOD, Reason.MISPLACED)])
    assert on_broker("dead-letters", "redrive").output == "redriven 1 misplaced\n"
    write(settings, [letter(settings, 5, b"new", at_ms=AT_MS + 1)])
    (document,) = listed(on_broker)
    assert document["value"] == {"encoding": "utf-8", "data": "new"}


NAIVE = b'{"note":12345678901234567890123, "kind":"like","id":"1","account":"acme","member":"bob"'


def test_a_mended_letter_goes_where_its_new_kind_and_key_belong(
    on_broker: Closeknit, settings: Settings
) -> None:
    """Topic by kind, partition by key; every other field keeps its bytes."""
    at = b',"at":"2026-07-04T14:38:07"}'
    write(settings, [letter(settings, 5, NAIVE + at, Reason.INVALID_TIME, key=None)])
    likes, replies = settings.topics["like"], settings.topics["reply"]
    mend = ["--set", "at=2026-07-04T14:38:07Z", "--set", "kind=reply", "--set", "member=eve"]
    after = NAIVE.replace(b", ", b",").replace(b"like", b"reply").replace(b"bob", b"eve")
    after += b',"at":"2026-07-04T14:38:07Z"}'
    home = partition_of(b"acme eve", 4)
    lines = on_broker("dead-letters", "redrive", "--dry-run", *mend).output.splitlines()
    assert lines[:4] == [
        f"{likes}/1/5 invalid_time",
        f"  before   {(NAIVE + at).decode()}",
        f"  after    {after.decode()}",
        f"  goes to  {replies}/{home} under the key acme eve",
    ]
    unmended = on_broker("dead-letters", "redrive", "--dry-run").output
    assert "stays: would be refused again (invalid_time): at is" in unmended
    assert on_broker("dead-letters", "redrive", *mend).output == "redriven 1 invalid_time\n"
    assert read(settings, likes) == []
    (sent,) = read(settings, replies)
    assert (sent.partition, sent.key, sent.value) == (home, b"acme eve", after)
    assert on_broker("dead-letters", "redrive", *mend).output == "There was nothing to redrive.\n"


def test_a_letter_of_the_wrong_topic_is_redriven_to_the_topic_of_its_kind(
    on_broker: Closeknit, settings: Settings
) -> None:
    """That is what its producer meant, unless it is told otherwise."""
    value = GOOD.replace(b"like", b"share")
    write(settings, [letter(settings, 5, value, Reason.KIND_MISMATCH)])
    on_broker("dead-letters", "redrive")
    (sent,) = read(settings, settings.topics["share"])
    assert sent.value == value


def test_letters_are_chosen_and_counted_by_topic_and_time(
    on_broker: Closeknit, settings: Settings
) -> None:
    """Filters are the same for every command."""
    old = letter(settings, 5, b"old")._replace(timestamp=AT_MS)
    write(settings, [old, letter(settings, 6, b"new")])
    likes = settings.topics["like"]
    assert [one["offset"] for one in listed(on_broker, "--since", "1h")] == [6]
    assert [one["offset"] for one in listed(on_broker, "--since", "2026-07-04")] == [5, 6]
    assert [one["offset"] for one in listed(on_broker, "--topic", "likes")] == [5, 6]
    assert listed(on_broker, "--topic", "replies") == []
    by_day = on_broker("dead-letters", "list", "--by", "day").output.splitlines()
    assert by_day[1].split()[:2] == ["2026-07-04", "1"]
    counts = json.loads(on_broker("dead-letters", "list", "--by", "topic", "--format=json").output)
    assert (counts["total"], counts["counts"][0]["topic"]) == (2, likes)
    shown = on_broker("dead-letters", "show", "--since", "2026-01-01", "--limit", "1").output
    assert shown.startswith("reason      not_json: refused: not_json\n")
    assert shown.endswith("There are more than 1: see --limit.\n")
    assert on_broker("dead-letters", "show", "--reason", "empty").output == "No dead letters.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "at=yesterday"], "at is"),  # refused before anything is read
        (["--set", "colour=red"], "'colour' is no field; there are kind, at, id"),
        (["--set", "kind=wave"], "kind is 'wave'; known are like, reply"),
        (["--set", "seeded=1"], "seeded is '1'; it is true or false"),
        (["--set", "member=a b"], "member holds U+0020 at character 2"),
        (["--set", "id"], "'id' is not of the form field=value"),
        (["--set", "id=1", "--unset", "id"], "id is named twice"),
        (["--since", "soon"], "'soon' is no time"),
    ],
)
def test_what_can_mend_nothing_is_refused_before_anything_is_read(
    closeknit: Closeknit, arguments: list[str], words: str
) -> None:
    """With no broker at hand, and exit code 2."""
    assert words in closeknit("dead-letters", "redrive", *arguments, expect=2).output


def test_a_redrive_that_was_killed_is_done_once_by_the_next(
    on_broker: Closeknit, settings: Settings
) -> None:
    """What it had sent and not committed never shows: the next shuts it out and sends anew."""
    write(settings, [letter(settings, n, GOOD, Reason.MISPLACED) for n in range(3)])
    likes = settings.topics["like"]
    half = [Put(likes, 0, b"acme ada", b"sent by the one that was killed")]
    marks = [
        ("closeknit-redriven", f"{likes}/1/0".encode()),
        ("closeknit-timestamp", b"%d" % AT_MS),
    ]
    half += [Put(settings.dead_letters, 1, b"\x00redriven", b"", marks)]
    write(settings, half, f"{settings.app}-redrive", ends="left open")
    assert on_broker("dead-letters", "redrive").output == "redriven 3 misplaced\n"
    assert [record.value for record in read(settings, likes)] == [GOOD] * 3
    assert on_broker("dead-letters", "redrive").output == "There was nothing to redrive.\n"
