"""Mastodon's JSON: what each notification and status means, and that nothing of it raises."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Event
from streams.sources.live.mastodon_stream import Message, Parser, Ring, reason
from streams.sources.live.mastodon_telling import Telling
from streams.sources.live.source import Kept
from streams.sources.mastodon import (
    NO_REPLY,
    NO_REPLY_TO_US,
    OTHER_TYPE,
    REPLY_TO_NOBODY,
    SELF,
    STATUS_GONE,
    Deed,
    Item,
    Me,
    event,
    identity,
    read_items,
    read_notification,
    read_own,
    read_status,
)
from streams.sources.mastodon_feed import AGAIN, Position, advance, new
from streams.sources.mastodon_roster import AGAIN_MS, ALREADY, Known, Roster

DOMAIN = "social.example"
ME = Me("14715", "trwnh@social.example")
AT = "2019-11-23T07:49:02.064Z"

# As in Mastodon's documentation.
ZSC = {"id": "971724", "username": "zsc", "acct": "zsc"}
HASKAL = {"id": "297420", "acct": "haskal@cybre.space"}
MINE = {"id": "14715", "acct": "trwnh"}
POST = {"id": "103186046267791694", "account": MINE}
REPLY = {
    "id": "103186126728896492",
    "in_reply_to_id": "103186038209478945",
    "in_reply_to_account_id": "14715",
    "account": ZSC,
}


def notification(kind: str, who: Any, status: Any = None) -> bytes:
    body = {"id": "34975861", "type": kind, "created_at": AT, "account": who, "status": status}
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("value", "kind", "id", "member", "about"),
    [
        (
            notification("favourite", HASKAL, POST),
            "like",
            "favourite/297420/103186046267791694",
            "haskal@cybre.space",
            (POST["id"], None),
        ),
        (
            notification("reblog", ZSC, POST | {"uri": "https://social.example/1"}),
            "share",
            "reblog/971724/103186046267791694",
            "zsc@social.example",
            ("https://social.example/1", None),
        ),
        (
            notification("mention", ZSC, REPLY),
            "reply",
            "mention/971724/103186126728896492",
            "zsc@social.example",
            (None, "103186038209478945"),
        ),
        (
            notification("follow", ZSC),
            "follow",
            "follow/971724",
            "zsc@social.example",
            (None, None),
        ),
    ],
)
def test_each_notification_is_inbound_and_named_by_what_was_done_to_what(
    value: bytes, kind: str, id: str, member: str, about: tuple[Any, Any]
) -> None:
    """The same favourite told again, under another number, is the same event."""
    told = read_notification(value, ME, DOMAIN)
    assert not isinstance(told, str)
    found = event(told[0], ME)
    assert (found.kind, found.id, found.account, found.member) == (kind, id, ME.acct, member)
    assert (found.at, found.direction, found.op) == (AT, "inbound", "add")
    assert (found.post, found.in_reply_to) == about
    again = read_notification(value.replace(b"34975861", b"40000000"), ME, DOMAIN)
    assert again == told


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (notification("favourite", ZSC), STATUS_GONE),
        (notification("mention", ZSC, REPLY | {"in_reply_to_account_id": "9"}), NO_REPLY_TO_US),
        (notification("mention", ZSC, {"id": "1"}), NO_REPLY_TO_US),
        (notification("poll", ZSC, POST), OTHER_TYPE),
        (notification("severed_relationships", ZSC), OTHER_TYPE),
        (notification("favourite", MINE, POST), SELF),
    ],
)
def test_what_makes_no_event_says_why(value: bytes, why: str) -> None:
    assert read_notification(value, ME, DOMAIN) == why


def nobody(_: str) -> str | None:
    return None


@pytest.mark.parametrize(
    ("status", "acct_of", "expected"),
    [
        ({"reblog": {"id": "5", "account": ZSC}}, nobody, ("share", "reblog/14715/5")),
        (
            {"in_reply_to_account_id": "297420", "mentions": [HASKAL]},
            nobody,
            ("reply", "mention/14715/8"),
        ),
        ({"in_reply_to_account_id": "3"}, lambda _: "eve", ("reply", "mention/14715/8")),
        ({"in_reply_to_account_id": "3"}, nobody, REPLY_TO_NOBODY),
        ({"in_reply_to_account_id": "14715"}, nobody, SELF),
        ({"reblog": {"id": "5", "account": MINE}}, nobody, SELF),
        ({"reblog": {"id": "5"}}, nobody, REPLY_TO_NOBODY),
        ({}, nobody, NO_REPLY),
    ],
)
def test_what_the_account_posts_is_outbound(
    status: dict[str, Any], acct_of: Callable[[str], str | None], expected: Any
) -> None:
    """A reply to whom it answers, a boost to whose status it is; a thread to nobody."""
    body = json.dumps({"id": "8", "created_at": AT, "account": MINE, **status}).encode()
    deed = read_own(read_status(body), ME, DOMAIN, acct_of)
    if isinstance(deed, Deed):
        assert (deed.kind, deed.id) == expected
        assert (deed.direction, deed.status) == ("outbound", "8")
    else:
        assert deed == expected


def test_an_account_has_one_name_however_it_is_told() -> None:
    assert identity("Zsc", DOMAIN) == identity("zsc@Social.Example", DOMAIN) == "zsc@social.example"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("id", "type", "created_at", "account", "acct", "status", "reblog"),
                    *("mentions", "in_reply_to_account_id", "in_reply_to_id"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
accounts = st.fixed_dictionaries({"id": st.text(max_size=4), "acct": st.text(max_size=6)})
notifications = st.fixed_dictionaries(
    {
        "id": st.text(max_size=3),
        "type": st.sampled_from(["favourite", "reblog", "mention", "follow", "poll"]),
        "created_at": st.sampled_from([AT, "", "yesterday"]),
        "account": accounts | anything,
    },
    optional={"status": anything},
)
deep = st.just(b"[" * 100_000) | st.just(b'[{"account":' * 50_000)
bodies = st.lists(anything | notifications).map(lambda x: json.dumps(x).encode())


@settings(max_examples=60)
@given(bodies | st.binary() | deep)
def test_nothing_that_an_instance_answers_raises(body: bytes) -> None:
    """It becomes an event, is counted, or is refused with what it was."""
    telling = Telling("mastodon", ME, DOMAIN, Kept(None, {}))
    try:
        items = read_items(body)
    except ValueError:
        return
    for item in items:
        telling.notified(item)
    statuses = telling.statuses(items)
    telling.accts |= dict.fromkeys(telling.strangers(statuses))
    for status in statuses:
        telling.posted(status)
        telling.favoured(status, 0)
    telling.forget(1 << 42)
    said = telling.batch()
    count = len(said.events) + len(said.refused) + sum(said.left_out.values())
    assert count >= len(items)


@given(st.binary() | st.lists(st.sampled_from([b"event: x\n", b"data: {}\r\n", b"\n", b":"])))
def test_nothing_that_a_stream_says_raises(said: bytes | list[bytes]) -> None:
    for message in Parser().feed(said if isinstance(said, bytes) else b"".join(said)):
        reason(message, "1")


@given(st.lists(st.integers(0, 200), max_size=9))
def test_a_stream_may_arrive_in_any_pieces(cuts: Sequence[int]) -> None:
    """Heartbeats and unknown fields are no messages."""
    stream = (
        b':)\n:thump\nevent: notification\ndata: {"id":"1"}\n\n:thump\n'
        b"id: 7\nevent: delete\r\ndata: 108\r\n\r\nevent: update\ndata:{\ndata: }\n\n"
    )
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    parser = Parser()
    found = [message for a, b in pairwise(places) for message in parser.feed(stream[a:b])]
    assert found == [
        Message("notification", b'{"id":"1"}'),
        Message("delete", b"108"),
        Message("update", b"{\n}"),
    ]


def test_a_message_without_an_end_is_not_waited_for() -> None:
    """What is read of a stream is bounded."""
    with pytest.raises(ValueError, match="more than"):
        Parser().feed(b"data: " + b"x" * (5 << 20))
    with pytest.raises(ValueError, match="more than"):
        Parser().feed((b"data: " + b"x" * 1000 + b"\n") * 5000)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (Message("notification", b"{"), Ring(notifications=True)),
        (Message("update", b'{"account":{"id":"1"}}'), Ring(statuses=True)),
        (Message("update", b'{"account":{"id":"2"}}'), None),  # somebody else's, in our timeline
        (Message("update", b"nonsense"), Ring(statuses=True)),
        (Message("delete", b"108"), Ring(deleted="108")),
        (Message("filters_changed", b"undefined"), None),
    ],
)
def test_a_message_is_a_reason_to_ask_for_what_it_is_about(message: Message, expected: Any) -> None:
    assert reason(message, "1") == expected


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(AGAIN + 10, 80))
def test_a_list_that_grows_is_told_once_whatever_it_grows_by(steps: list[int], limit: int) -> None:
    """Every element once, in the order of the list."""
    rows: list[Item] = []
    told: list[str] = []
    position = Position()
    for step in steps:
        rows += [Item(str(n), str(n), b"") for n in range(len(rows) + 1, len(rows) + 1 + step)]
        while True:
            page = [row for row in rows if int(row.id) > int(position.after)][:limit]
            fresh, before = new(position, page), position
            told += [item.key for item in fresh]
            position = advance(position, page)
            if not fresh and position == before:
                break
    assert told == [row.key for row in rows]


def roster(settled: bool = True, **known: Known) -> Roster:
    return Roster(ME, "inbound", known, settled, lambda _id, _known: None)


def ops(events: Sequence[Event] | str) -> list[str] | str:
    return events if isinstance(events, str) else [event.op for event in events]


def test_a_follow_told_again_is_another_only_if_it_is_much_later() -> None:
    """The list saw it first, or the end of the first was missed between two lists."""
    known = Known("ada@x.example", 5)
    assert ops(roster(a=known).meet("a", "ada@x.example", 6)) == ALREADY
    assert ops(roster(a=known).meet("a", "ada@x.example", 5 + AGAIN_MS)) == ["remove", "add"]
    untold = Known("ada@x.example", 5, told=False)
    assert ops(roster(a=untold).meet("a", "ada@x.example", 6)) == ["add"]


@given(
    st.lists(st.sets(st.integers(0, 9)), max_size=8),
    st.booleans(),
)
def test_what_is_told_of_follows_always_adds_up(lists: list[set[int]], seed: bool) -> None:
    """Nobody begins twice or ends without having begun; a list seen twice is what is known."""
    remembered: dict[str, Known | None] = {}
    found = Roster(ME, "inbound", {}, False, remembered.__setitem__)
    following: set[str] = set()
    now = 0
    for listed in lists:
        names = {str(number): f"m{number}@x.example" for number in listed}
        for _ in range(3):
            now += 2
            events = []
            for id, known, news in found.arrivals(names, now, seed=seed):
                found.arrive(id, known)
                events += [news] if news else []
            events += found.depart(names, now - 1, now)[0]
            found.settled = True
            for one in events:
                if one.op == "add":
                    assert one.member not in following
                    following.add(one.member)
                else:
                    following.remove(one.member)
        assert {id for id, known in remembered.items() if known} == set(names)
        assert following <= set(names.values())


def test_who_came_while_the_list_was_read_is_not_missed_in_it() -> None:
    """A follower at its beginning is not seen by who is at its end."""
    met = roster(a=Known("ada@x.example", 1), b=Known("ben@x.example", 1))
    met.meet("c", "eve@x.example", 10)
    events, untold = met.depart({"a": "", "b": ""}, begun_ms=9, now_ms=20)
    assert (events, untold, len(met)) == ([], 0, 3)
