"""ActivityStreams 2: whose a note is, what is taken back, and what cannot be known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Event, InvalidEvent, Reason, encode
from streams.core.time import format_ms
from streams.sources import activitystreams as streams
from streams.sources.activitystreams import ActivityStreams, Remembered, Told
from streams.sources.items import sendable

ACME = "https://brand.example/users/acme"
ADA = "https://social.example/users/ada"
BEN = "acct:ben@social.example"
OURS = f"{ACME}/notes/1"
THEIRS = "https://social.example/notes/9"
AT = "2026-07-04T14:38:07Z"
NOW = 1_783_175_887_396


class Reader:
    """Reads activities one after the other, each remembered by those that follow."""

    def __init__(self, memory: dict[str, bytes] | None = None) -> None:
        self.streams = ActivityStreams({ACME: f"{ACME}/"}, memory or {})
        self.kept: dict[str, bytes] = dict(memory or {})

    def __call__(self, type: Any, actor: Any = ADA, object: Any = OURS, **more: Any) -> Told:
        remembered: Remembered = {}
        activity = {"type": type, "actor": actor, "object": object, "published": AT, **more}
        told = self.streams.read(activity, NOW, remembered)
        self.streams.remember(remembered)
        for key, value in remembered.items():
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value
        return told

    def started_anew(self) -> Reader:
        return Reader(self.kept)


@pytest.fixture
def read() -> Reader:
    return Reader()


def told(one: Told) -> list[tuple[str, str, str, str, str]]:
    assert bool(one.events) != bool(one.left_out)
    return [(e.op, e.kind, e.direction, e.account, e.member) for e in one.events]


def inbound(kind: str, member: str = ADA, op: str = "add") -> list[tuple[str, ...]]:
    return [(op, kind, "inbound", ACME, member)]


def note(id: str, **fields: Any) -> dict[str, Any]:
    return {"type": "Note", "id": id, **fields}


@pytest.mark.parametrize(
    ("type", "object", "kind"),
    [
        ("Like", OURS, "like"),
        ("Like", note(OURS), "like"),
        ("Like", [note(OURS)], "like"),
        ("Like", note(THEIRS, attributedTo=ACME), "like"),
        ("Like", note(THEIRS, attributedTo={"type": "Person", "id": ACME}), "like"),
        ("Announce", OURS, "share"),
        ("Follow", ACME, "follow"),
        ("Follow", {"type": "Person", "id": ACME}, "follow"),
        ("Create", note(THEIRS, inReplyTo=OURS), "reply"),
        ("Create", note(THEIRS, inReplyTo=[OURS, "https://x.example/1"]), "reply"),
        ("Create", note(THEIRS, inReplyTo={"id": "urn:1", "attributedTo": ACME}), "reply"),
        (["Like"], OURS, "like"),
        ("https://www.w3.org/ns/activitystreams#Like", OURS, "like"),
        ("as:Like", OURS, "like"),
    ],
)
def test_what_is_done_to_an_account_is_an_inbound_event(
    read: Reader, type: Any, object: Any, kind: str
) -> None:
    """Actor and object by id or embedded; a note's owner by its author, or by its URL."""
    assert told(read(type, object=object)) == inbound(kind)
    assert told(read(type, {"type": "Person", "id": BEN}, object)) == inbound(kind, BEN)


def test_what_an_account_does_is_outbound(read: Reader) -> None:
    """To whom, is known of a note that was seen, or that names its author."""
    read("Create", object=note(THEIRS, inReplyTo=OURS))
    outbound = [("add", "like", "outbound", ACME, ADA)]
    assert told(read("Like", ACME, THEIRS)) == outbound
    assert told(read("Like", ACME, note("urn:2", attributedTo=ADA))) == outbound
    answer = read("Create", ACME, note(f"{ACME}/notes/2", inReplyTo=THEIRS))
    assert told(answer) == [("add", "reply", "outbound", ACME, ADA)]
    assert answer.events[0].in_reply_to == THEIRS
    assert told(read("Follow", ACME, BEN)) == [("add", "follow", "outbound", ACME, BEN)]


def test_a_note_of_ours_is_known_once_it_was_seen_wherever_it_lies(read: Reader) -> None:
    """Not each server names notes after their authors."""
    assert read("Like", object="urn:note").left_out == streams.WHOSE
    assert read("Create", ACME, note("urn:note")).left_out == streams.NO_REPLY
    assert told(read("Like", object="urn:note")) == inbound("like")


def test_an_event_keeps_what_it_was_about_and_when(read: Reader) -> None:
    (event,) = read("Like", id="urn:1").events
    assert (event.at, event.post, event.platform) == (AT, OURS, "activitystreams")
    (event,) = read("Like", BEN, published=None).events
    assert event.at == format_ms(NOW)
    reply = note(THEIRS, inReplyTo=OURS, published="2026-01-01T00:00:00Z")
    (event,) = read("Create", object=reply, published=None).events
    assert (event.id, event.at) == (THEIRS, "2026-01-01T00:00:00Z")


@pytest.mark.parametrize("type", ["Like", "Announce", "Follow"])
@pytest.mark.parametrize("by", ["id", "embedded with id", "embedded without id"])
@pytest.mark.parametrize("restart", [False, True])
def test_an_undo_takes_back_what_was_done_however_it_names_it(
    read: Reader, type: str, by: str, restart: bool
) -> None:
    """Under the same id; once, and also after a restart."""
    object = ACME if type == "Follow" else OURS
    (done,) = read(type, object=object, id="urn:done").events
    if restart:
        read = read.started_anew()
    undone: Any = {
        "id": "urn:done",
        "embedded with id": {"type": type, "id": "urn:done", "actor": ADA, "object": object},
        "embedded without id": {"type": type, "actor": ADA, "object": object},
    }[by]
    if by == "id":
        undone = "urn:done"
    (taken_back,) = read("Undo", object=undone).events
    assert taken_back == Event(
        **{name: getattr(done, name) for name in Event.__struct_fields__} | {"op": "remove"}
    )
    if by == "id":
        assert read("Undo", object=undone).left_out == streams.NOT_SEEN
    assert read.kept == {}


def test_an_undo_without_an_id_finds_a_like_whose_owner_only_the_like_told(read: Reader) -> None:
    """By actor, type and object."""
    read("Like", object=note("urn:n", attributedTo=ACME))
    undo = read("Undo", object={"type": "Like", "object": "urn:n"})
    assert told(undo) == inbound("like", op="remove")


def test_a_like_that_is_repeated_under_another_id_is_the_same_event(read: Reader) -> None:
    """Platforms name it anew after it was taken back."""
    first, second = (read("Like", id=id).events[0] for id in ("urn:1", "urn:2"))
    assert first == second


def test_a_deleted_note_takes_its_reply_back(read: Reader) -> None:
    read("Create", object=note(THEIRS, inReplyTo=OURS), id="urn:create")
    deleted = read("Delete", object={"type": "Tombstone", "id": THEIRS})
    assert told(deleted) == inbound("reply", op="remove")
    assert read("Delete", object=THEIRS).left_out == streams.NOT_SEEN


def test_an_actor_that_is_deleted_takes_back_all_that_it_did(read: Reader) -> None:
    read("Like")
    read("Follow", object=ACME)
    read("Like", BEN)
    deleted = read("Delete", object=ADA)
    assert sorted(told(deleted)) == inbound("follow", op="remove") + inbound("like", op="remove")
    assert told(read("Undo", BEN, {"type": "Like", "object": OURS}))


def test_nobody_takes_back_what_another_did(read: Reader) -> None:
    read("Like", id="urn:1")
    read("Create", object=note(THEIRS, inReplyTo=OURS))
    assert read("Undo", BEN, "urn:1").left_out == streams.NOT_THEIRS
    assert read("Delete", BEN, THEIRS).left_out == streams.NOT_THEIRS
    embedded = {"type": "Like", "actor": ADA, "object": OURS}
    assert read("Undo", BEN, embedded).left_out == streams.NOT_THEIRS


@pytest.mark.parametrize(
    ("activity", "why"),
    [
        ({"type": "Like", "object": THEIRS}, streams.WHOSE),
        ({"type": "Like", "object": note(THEIRS, attributedTo=BEN)}, streams.NOT_OURS),
        ({"type": "Follow", "object": BEN}, streams.NOT_OURS),
        ({"type": "Follow", "object": ADA}, streams.SELF),
        ({"type": "Like", "actor": ACME, "object": OURS}, streams.SELF),
        ({"type": "Create", "object": note(THEIRS)}, streams.NO_REPLY),
        ({"type": "Create", "object": "urn:note"}, streams.WHOSE),
        ({"type": "Create", "object": note(THEIRS, inReplyTo="urn:x")}, streams.WHOSE),
        ({"type": "Undo", "object": "urn:unknown"}, streams.NOT_SEEN),
        ({"type": "Delete", "object": ADA}, streams.NOT_SEEN),
        ({"type": "Undo", "object": {"type": "Block", "object": ACME}}, streams.NOT_SEEN),
        ({"type": "Update", "object": OURS}, streams.NO_INTERACTION),
    ],
)
def test_what_makes_no_event_is_left_out_with_its_reason(
    read: Reader, activity: dict[str, Any], why: str
) -> None:
    """And is not remembered."""
    assert read(**activity) == Told([], why)
    assert read.kept == {}


@pytest.mark.parametrize(
    ("activity", "reason"),
    [
        ({"type": None}, Reason.MISSING_FIELD),
        ({"type": [1]}, Reason.WRONG_TYPE),
        ({"type": "Like", "actor": None}, Reason.MISSING_FIELD),
        ({"type": "Like", "actor": 5}, Reason.WRONG_TYPE),
        ({"type": "Like", "actor": "a b"}, Reason.INVALID_MEMBER),
        ({"type": "Like", "object": {}}, Reason.WRONG_TYPE),
        ({"type": "Like", "object": None}, Reason.MISSING_FIELD),
        ({"type": "Like", "object": [OURS, THEIRS]}, Reason.MISSING_FIELD),
        ({"type": "Like", "id": 5}, Reason.WRONG_TYPE),
        ({"type": "Like", "id": "x" * 513}, Reason.INVALID_ID),
        ({"type": "Like", "published": 5}, Reason.WRONG_TYPE),
        ({"type": "Like", "published": "2026-07-04"}, Reason.INVALID_TIME),
        ({"type": "Create", "object": note("x" * 513, inReplyTo=OURS)}, Reason.INVALID_ID),
    ],
)
def test_what_is_no_activity_is_refused_and_not_remembered(
    read: Reader, activity: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(InvalidEvent) as caught:
        read(**activity)
    assert caught.value.reason == reason
    assert read.kept == {}


IDS = st.sampled_from([ACME, ADA, BEN, OURS, THEIRS, "urn:1", "urn:2", ""])
THINGS = st.recursive(
    IDS | st.none() | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.fixed_dictionaries(
            {},
            optional={
                "type": st.sampled_from(["Like", "Create", "Follow", "Undo", "Delete", "Announce"]),
                "id": inner,
                "actor": inner,
                "object": inner,
                "attributedTo": inner,
                "inReplyTo": inner,
                "published": st.sampled_from([AT, "x"]) | inner,
            },
        )
    ),
    max_leaves=8,
)


@given(st.lists(THINGS, max_size=6))
def test_whatever_is_pushed_makes_events_is_left_out_or_is_refused(activities: list[Any]) -> None:
    """No other error; and what is remembered can be read again."""
    streams_ = ActivityStreams({ACME: f"{ACME}/"}, {})
    for activity in activities:
        remembered: Remembered = {}
        try:
            one = streams_.read(activity, NOW, remembered)
        except InvalidEvent:
            assert remembered == {}
            continue
        for event in one.events:
            sendable(event, encode(event))
        streams_.remember(remembered)
