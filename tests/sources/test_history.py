"""History: files of all formats as one stream of events, each of which is told once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from schemas.events import Event, decode
from streams.sources import Lines, Malformed
from streams.sources.history import History, NoHistory, guess
from tests.sources.test_activitystreams import ACME, ADA, OURS
from tests.sources.test_jetstream import ME, POST, line

FOLLOW = "app.bsky.graph.follow"
LIKE = "app.bsky.feed.like"


def at(second: int) -> str:
    return f"2026-07-04T14:38:{second:02}.000Z"


def event(second: int, id: str = "", kind: str = "like") -> bytes:
    fields = {"kind": kind, "id": id or str(second), "account": "a", "member": "m"}
    return json.dumps({**fields, "at": at(second)}).encode()


def write(path: Path, *lines: bytes) -> str:
    whole = b"".join(one + b"\n" for one in lines)
    path.write_bytes(gzip.compress(whole) if path.suffix == ".gz" else whole)
    return str(path)


def read(
    files: Mapping[str, str], accounts: Mapping[str, str] | None = None
) -> tuple[list[Event], list[Malformed]]:
    """What a history says, twice: reading it again says the same."""
    history = History(files, accounts)
    malformed: list[Malformed] = []
    found = [decode(item.value) for item in history.events(malformed.append)]
    told = list(malformed)
    malformed.clear()
    assert [decode(item.value) for item in history.events(malformed.append)] == found
    assert malformed == told
    return found, told


def test_files_of_our_own_are_merged_by_time_sorted_or_not_packed_or_not(tmp_path: Path) -> None:
    """Each may hold one kind, or all."""
    files = {
        write(tmp_path / "likes.jsonl.gz", event(1), event(4), event(7)): "jsonl",
        write(tmp_path / "replies.jsonl", event(5, kind="reply"), event(2, kind="reply")): "jsonl",
        write(
            tmp_path / "shares.csv",
            b"kind,id,account,member,at",
            f"share,s,a,m,{at(3)}".encode(),
            f"share,t,a,m,{at(6)}".encode(),
        ): "csv",
    }
    found, malformed = read(files)
    assert [one.at for one in found] == [at(second) for second in range(1, 8)]
    assert malformed == []


def test_a_look_tells_what_there_is_and_whether_it_is_in_order(tmp_path: Path) -> None:
    name = write(tmp_path / "some.jsonl", event(5), event(2), b"nonsense", event(9))
    look = History({name: "jsonl"}).look()[name]
    assert (look.lines, look.ordered, look.last_ms - look.first_ms) == (3, False, 7000)


def test_another_history_has_another_digest(tmp_path: Path) -> None:
    """By what is in the files and how it is read; their names may change."""

    def digest(*contents: bytes, form: str = "jsonl", account: str = "") -> str:
        files = {
            write(tmp_path / f"{number}{len(list(tmp_path.iterdir()))}", one): form
            for number, one in enumerate(contents)
        }
        history = History(files, {account: ""} if account else None)
        history.look()
        return history.digest()

    same = digest(event(1), event(2))
    assert digest(event(1), event(2)) == same
    others = {
        digest(event(1)),
        digest(event(2), event(1)),
        digest(event(1), event(3)),
        digest(event(1), event(2), account="b"),
    }
    assert len(others | {same}) == 5


def test_a_deletion_in_one_recording_is_resolved_by_another(tmp_path: Path) -> None:
    """Recordings are merged line by line, each in any order, before one reader reads them."""
    us = 1_783_175_887_000_000
    liked = line("did:plc:ada", LIKE, "l1", {"subject": {"uri": POST}}, at=us)
    unliked = line("did:plc:ada", LIKE, "l1", at=us + 9_000_000)
    followed = line("did:plc:ada", FOLLOW, "f1", {"subject": ME}, at=us + 5_000_000)
    early = write(tmp_path / "early.jsonl", followed, liked)
    late = write(tmp_path / "late.jsonl", unliked, b"nonsense")
    found, malformed = read({late: "jetstream", early: "jetstream"}, {ME: ""})
    assert [(one.kind, one.op) for one in found] == [
        ("like", "add"),
        ("follow", "add"),
        ("like", "remove"),
    ]
    ((number, reason, file),) = malformed
    assert (number, file) == (2, late)
    assert "not a Jetstream line" in reason


def activity(second: int, type: str, actor: str = ADA, object: Any = OURS) -> dict[str, Any]:
    return {"type": type, "actor": actor, "object": object, "published": at(second)}


@pytest.mark.parametrize("shape", ["collection", "page", "list", "lines", "one"])
def test_activitystreams_are_read_however_they_are_exported(shape: str, tmp_path: Path) -> None:
    """As Mastodon exports an outbox, the newest first; what has no time is no history."""
    deeds = [
        activity(4, "Undo", object=activity(2, "Like")),
        activity(3, "Follow", object=ACME),
        activity(2, "Like"),
        {"type": "Announce", "actor": ADA, "object": OURS},
    ]
    if shape == "one":
        deeds = deeds[2:3]
    document: Any = {
        "collection": {"type": "OrderedCollection", "orderedItems": deeds},
        "page": {"type": "Collection", "first": {"items": deeds}},
        "list": deeds,
        "one": deeds[0],
    }.get(shape)
    lines = [json.dumps(document, indent=1)] if document else list(map(json.dumps, deeds))
    name = write(tmp_path / "outbox.json", *(one.encode() for one in lines))
    found, malformed = read({name: "activitystreams"}, {ACME: f"{ACME}/"})
    expected = [("like", "add"), ("follow", "add"), ("like", "remove")]
    assert [(one.kind, one.op) for one in found] == expected[: len(deeds)]
    assert [one.line for one in malformed] == ([] if shape == "one" else [4])


@pytest.mark.parametrize("form", ["jsonl", "csv", "jetstream", "activitystreams"])
def test_a_file_in_which_nothing_is_an_event_is_refused(form: str, tmp_path: Path) -> None:
    """It is of another format, most likely."""
    name = write(tmp_path / "what", b"nonsense,of,some,kind")
    with pytest.raises(NoHistory, match=f"{name} has no event in it, read as {form}: line 1"):
        History({name: form}, {ACME: ""}).look()


def test_an_empty_file_is_no_fault(tmp_path: Path) -> None:
    """In some month nobody shared anything."""
    empty, full = write(tmp_path / "empty"), write(tmp_path / "full", event(1))
    assert len(read({empty: "jsonl", full: "jsonl"})[0]) == 1


@pytest.mark.parametrize(
    ("name", "first", "form"),
    [
        ("events.csv.gz", b"kind,at\n", "csv"),
        ("events", event(1), "jsonl"),
        ("recorded", line(ME, LIKE, "1"), "jetstream"),
        (
            "outbox.json",
            b'{"@context": "https://www.w3.org/ns/activitystreams",\n',
            "activitystreams",
        ),
        ("inbox.jsonl", json.dumps(activity(1, "Like")).encode(), "activitystreams"),
        ("empty", b"", "jsonl"),
    ],
)
def test_the_format_of_a_file_is_guessed(name: str, first: bytes, form: str) -> None:
    assert guess(name, first) == form


def test_lines_are_read_anew_each_time(tmp_path: Path) -> None:
    """A history is read twice: once to look, once to tell."""
    lines = Lines(write(tmp_path / "some.gz", b"a", b"b"))
    assert list(lines) == list(lines) == [b"a\n", b"b\n"]
