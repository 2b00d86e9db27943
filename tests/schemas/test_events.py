"""The codec under fire: any bytes, any chunk, any JSON gets a verdict, and always the same one."""

import json
import sys
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import (
    Event,
    InvalidEvent,
    Reason,
    check_id,
    check_identity,
    decode,
    decode_many,
    encode,
)
from tests.schemas.documents import EVENTS, judge, schema_accepts

AT = "2026-07-04T14:38:07.396Z"
LIKE = Event("like", AT, "1", "acme", "bob")


def verdict(value: bytes) -> Event | tuple[Reason, str]:
    """The event, or why not."""
    try:
        return decode(value)
    except InvalidEvent as refusal:
        return refusal.reason, refusal.detail


def verdicts(values: list[bytes]) -> list[Event | tuple[Reason, str]]:
    """The same, of a chunk."""
    return [
        (found.reason, found.detail) if isinstance(found, InvalidEvent) else found
        for found in decode_many(values)
    ]


# JSON that is nearly an event: any field may be missing, of any type, or close to right.
words = st.sampled_from(
    ["like", "reply", "follow", "share", "tick", "add", "remove", "inbound", "outbound", "Like", ""]
)
identities = st.sampled_from(["acme", "bob", "", "a b", "a\u2003b", "a\x00", "x" * 256, "x" * 257])
times = st.sampled_from(
    [AT, "2026-07-04T14:38:07", "2016-12-31T23:59:60Z", "2026-02-30T00:00:00Z", AT + "\n", ""]
) | st.datetimes().map(lambda t: t.isoformat() + "+02:00")
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
close_to_right: dict[str, st.SearchStrategy[Any]] = {
    "kind": words,
    "at": times,
    "id": st.text(max_size=3),
    "account": identities,
    "member": identities,
}
optional: dict[str, st.SearchStrategy[Any]] = {
    "op": words,
    "direction": words,
    "seeded": st.booleans(),
    "platform": st.none() | st.text(),
    "post": st.none() | st.text(),
    "note": anything,
}
right: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.sampled_from(EVENTS),
    "at": st.just(AT),
    "id": st.text(min_size=1, max_size=3),
    "account": st.just("acme"),
    "member": st.just("bob"),
}
objects = (
    st.fixed_dictionaries(right, optional=optional)
    | st.fixed_dictionaries(close_to_right, optional=optional)
    | st.fixed_dictionaries({}, optional={**close_to_right, **optional})
    | st.fixed_dictionaries(right, optional=optional).flatmap(
        lambda fields: st.sampled_from(sorted(fields)).flatmap(
            lambda name: anything.map(lambda value: {**fields, name: value})
        )
    )
)
# json.dumps, unlike orjson, writes NaN, Infinity and lone surrogates: they must be refused.
documents = (objects | anything).map(lambda document: json.dumps(document).encode())

# Bytes that are nearly JSON, and pieces that only make sense together with their neighbours.
pieces = st.sampled_from(
    [
        encode(LIKE),
        encode(Event("tick", AT)),
        b'{"kind":"tick",',
        b'"at":"2026-07-04T14:38:07.396Z"}',
        b'{"kind":"tick","at":"',
        b'"note":{}',
        b'"note":"\\ud83d',
        b"\\ude00",
        b"1e999",
        b"\xff",
        b"\xf0\x9f\x98\x80",
        b"\xef\xbb\xbf",
        b"\x00",
        b"\n",
        b"\r\n",
        b" ",
        b"{",
        b"}",
        b'"',
        b",",
        b"[",
        b"]",
    ]
)
pieced_together = st.lists(pieces, max_size=5).map(b"".join)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A document with a few bytes replaced, cut out or put in."""
    value = draw(documents)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(value)))
        put_in = draw(pieces | st.binary(max_size=2))
        value = value[:at] + put_in + value[at + draw(st.integers(0, 2)) :]
    return value


values = st.binary(max_size=40) | pieced_together | documents | damaged()


@given(values)
def test_whatever_the_bytes_there_is_an_event_or_a_reason(value: bytes) -> None:
    """Nothing but InvalidEvent is ever raised, and its detail can be put into a header."""
    found = verdict(value)
    if not isinstance(found, Event):
        reason, detail = found
        assert reason in Reason
        assert detail
        assert len(detail.encode()) < 300


@given(values)
def test_json_is_what_orjson_takes_for_json(value: bytes) -> None:
    """One judge of what JSON is, whether or not the odd bytes are in a field that we read."""
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        wanted = Reason.NOT_JSON if value else Reason.EMPTY
        assert verdict(value)[0] == wanted
    else:
        found = verdict(value)
        assert isinstance(found, Event) or found[0] not in {Reason.NOT_JSON, Reason.EMPTY}


@given(st.lists(values, max_size=6))
def test_a_chunk_is_judged_as_its_values_are(chunk: list[bytes]) -> None:
    """No value is helped or harmed by its neighbours."""
    assert verdicts(chunk) == [verdict(value) for value in chunk]


TICK = encode(Event("tick", AT))
BEGIN, END = TICK[:15], TICK[15:]


@pytest.mark.parametrize(
    "chunk",
    [
        # read as lines in one go, each chunk would give as many events as it has values
        [BEGIN, END + TICK],  # one event over two values, two in one of them
        [BEGIN, END + b" " + TICK],
        [TICK + BEGIN, END],
        [TICK + TICK, b""],  # two events in one value, none in the other
        [TICK + b"\n" + TICK, b""],
        [b" ", TICK + b"\n" + TICK],
        [TICK + b"\n" + TICK, b"", TICK],
        [b"", TICK + b"\n" + TICK + b"\n"],
        [TICK + b"\n" + BEGIN, END, b""],
    ],
)
def test_no_event_spans_two_values_and_no_two_share_one(chunk: list[bytes]) -> None:
    """A chunk is cut where the records are cut, not where the events are."""
    alone = [verdict(value) for value in chunk]
    assert not all(isinstance(found, Event) for found in alone)
    assert verdicts(chunk) == alone


@given(st.sampled_from(EVENTS), documents)
def test_what_the_engine_accepts_the_schema_accepts(kind: str, value: bytes) -> None:
    """The schemas promise strangers no less than the engine keeps, and nearly no more."""
    reason = judge(kind, value)
    if reason is None:
        assert schema_accepts(kind, value)
    elif reason not in {Reason.SELF_INTERACTION, Reason.INVALID_TIME}:
        # those two hold what JSON Schema cannot say: see test_examples.BEYOND_JSON_SCHEMA
        assert not schema_accepts(kind, value)


@given(
    st.builds(
        Event,
        kind=st.sampled_from(EVENTS),
        at=st.text(),
        id=st.text(min_size=1),
        account=st.text(min_size=1),
        member=st.text(min_size=1),
        op=st.sampled_from(["add", "remove"]),
        direction=st.sampled_from(["inbound", "outbound"]),
        seeded=st.booleans(),
        platform=st.none() | st.text(),
        in_reply_to=st.none() | st.text(),
    )
)
def test_an_event_survives_the_wire(event: Event) -> None:
    """Encoded and decoded it is equal, also in company."""
    assert decode(encode(event)) == event
    assert decode_many([encode(event)] * 2) == [event, event]
    assert b"\n" not in encode(event)  # one line each: files of events can be read line by line


def test_an_event_is_written_without_its_defaults() -> None:
    """The shortest value that says it all."""
    assert encode(LIKE) == (
        b'{"kind":"like","at":"2026-07-04T14:38:07.396Z","id":"1","account":"acme","member":"bob"}'
    )
    assert encode(Event("tick", AT)) == b'{"kind":"tick","at":"2026-07-04T14:38:07.396Z"}'


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        # each detail names the field, says what is there and what is wanted
        ({"kind": ...}, Reason.MISSING_FIELD, 'the field "kind" is missing'),
        ({"at": ...}, Reason.MISSING_FIELD, 'the field "at" is missing; a like needs it'),
        ({"at": 5}, Reason.WRONG_TYPE, 'the field "at" is a number; a string is wanted'),
        ({"seeded": None}, Reason.WRONG_TYPE, 'the field "seeded" is null; a boolean is wanted'),
        (
            {"post": {}},
            Reason.WRONG_TYPE,
            'the field "post" is an object; a string or null is wanted',
        ),
        (
            {"op": "undo"},
            Reason.UNKNOWN_KIND,
            "the field \"op\" is 'undo'; known are add, remove",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(change: dict[str, Any], reason: Reason, detail: str) -> None:
    """Who finds a dead letter need not read code."""
    fields = {**orjson.loads(encode(LIKE)), **change}
    value = orjson.dumps({name: field for name, field in fields.items() if field is not ...})
    assert verdict(value) == (reason, detail)
    with pytest.raises(InvalidEvent) as refusal:
        decode(value)
    assert str(refusal.value) == f"{reason}: {detail}"


def test_a_strangers_text_is_made_visible_and_cut() -> None:
    """A refusal can be logged and put into a header, whatever the stranger wrote."""
    value = encode(LIKE)[:-1] + b',"op":"\\n\xe2\x80\xae' + b"x" * 5000 + b'"}'
    shown = "'\\n\\u202e" + "x" * 35 + "...'"
    assert verdict(value) == (
        Reason.UNKNOWN_KIND,
        f'the field "op" is {shown}; known are add, remove',
    )


@pytest.mark.parametrize(
    ("account", "member", "reason", "detail"),
    [
        ("", "bob", Reason.INVALID_ACCOUNT, "account has 0 characters; 1 to 256 are allowed"),
        ("acme", "", Reason.INVALID_MEMBER, "member has 0 characters; 1 to 256 are allowed"),
        ("a" * 257, "bob", Reason.INVALID_ACCOUNT, "account has 257 characters; 1 to 256 are"),
        ("acme", "b" * 257, Reason.INVALID_MEMBER, "member has 257 characters; 1 to 256 are"),
        ("ac me", "bob", Reason.INVALID_ACCOUNT, "account holds U+0020 at character 3; white"),
        ("acme", "bob\n", Reason.INVALID_MEMBER, "member holds U+000A at character 4; white"),
        ("acme", "acme", Reason.SELF_INTERACTION, "account and member are both 'acme'"),
    ],
)
def test_ends_of_a_relationship_that_are_refused(
    account: str, member: str, reason: Reason, detail: str
) -> None:
    """The detail names the end, and what is wrong with it."""
    found = check_identity(account, member)
    assert found is not None
    assert found[0] == reason
    assert found[1].startswith(detail)


@pytest.mark.parametrize(
    ("account", "member"),
    [
        ("acme", "bob"),
        ("a" * 256, "b" * 256),  # the longest
        ("ü" * 256, "😀" * 256),  # in characters, however wide
        ("acme", "Acme"),  # ids are compared as they are
    ],
)
def test_ends_of_a_relationship_that_are_accepted(account: str, member: str) -> None:
    """Ids that fit into a key, and are two."""
    assert check_identity(account, member) is None


@pytest.mark.parametrize(
    ("length", "reason"),
    [(0, Reason.INVALID_ID), (1, None), (512, None), (513, Reason.INVALID_ID)],
)
def test_an_id_has_1_to_512_characters(length: int, reason: Reason | None) -> None:
    """Both sides of both limits."""
    found = check_id("i" * length)
    assert (found and found[0]) == reason


def test_a_value_nested_beyond_any_stack_is_refused_and_not_followed() -> None:
    """A stranger cannot make us recurse, not even near the end of our own stack."""
    deep = encode(LIKE)[:-1] + b',"deep":' + b"[" * 500_000 + b"]" * 500_000 + b"}"
    assert verdict(deep)[0] == Reason.NOT_JSON
    just_fine = encode(LIKE)[:-1] + b',"deep":' + b"[" * 1000 + b"]" * 1000 + b"}"

    def near_the_end(frames: int) -> object:
        return near_the_end(frames - 1) if frames else verdict(just_fine)

    assert near_the_end(sys.getrecursionlimit() // 2) == LIKE


def test_each_reason_has_a_meaning() -> None:
    """A reason is a word for counting and a sentence for people."""
    assert all(reason == reason.value and len(reason.meaning) > 20 for reason in Reason)
    assert len({reason.meaning for reason in Reason}) == len(Reason)
