"""Jetstream lines: who did what to whom, and what a deletion takes back."""

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Event, decode
from streams.core.time import parse_at
from streams.sources import Jetstream, Lines, Malformed, Sendable
from streams.sources.jetstream import Deed, Watch
from streams.sources.jetstream_wire import Notice, StreamEnds, read_v1, read_v2
from tests.sources.live.recording import ACCOUNTS, recording

SAMPLE = Path(__file__).parents[2] / ".." / "shared" / "data" / "jetstream-v1-sample.jsonl"

ME, ADA, BEN = "did:plc:me", "did:plc:ada", "did:plc:ben"
_KEYS = "did time_us kind commit account $type payload operation collection rkey record subject uri"
_WORDS = [
    "commit",
    "create",
    "app.bsky.feed.like",
    "message",
    "x#commit",
    "error",
    1783175887396999,
]
NEARLY = st.recursive(
    st.none() | st.integers() | st.text(max_size=9) | st.sampled_from(_WORDS),
    lambda inner: st.dictionaries(st.sampled_from(_KEYS.split()), inner, max_size=6),
    max_leaves=9,
)
"""Documents of words that Jetstream uses, seldom as it uses them."""

AT_US = 1783175887396999
POST = f"at://{ME}/app.bsky.feed.post/p1"


def line(did: str, collection: str, rkey: str, record: Any = None, *, at: int = AT_US) -> bytes:
    """A commit: a deletion where there is no record."""
    commit = {"rev": "1", "operation": "delete", "collection": collection, "rkey": rkey}
    if record is not None:
        commit |= {"operation": "create", "record": record}
    return json.dumps({"did": did, "time_us": at, "kind": "commit", "commit": commit}).encode()


def like(did: str, uri: str = POST, rkey: str = "l1") -> bytes:
    return line(did, "app.bsky.feed.like", rkey, {"subject": {"uri": uri, "cid": "c"}})


def reply(did: str, parent: str = POST, rkey: str = "r1") -> bytes:
    record = {"reply": {"parent": {"uri": parent}, "root": {"uri": "at://x/y/z"}}, "text": "hi"}
    return line(did, "app.bsky.feed.post", rkey, record)


def follow(did: str, target: str = ME, rkey: str = "f1") -> bytes:
    return line(did, "app.bsky.graph.follow", rkey, {"subject": target})


def events(source: Jetstream, *lines: bytes) -> list[Event]:
    found = list(source.read(lines))
    assert all(isinstance(item, Sendable) for item in found), found
    return [decode(item.value) for item in found if isinstance(item, Sendable)]


@pytest.mark.parametrize(
    ("text", "kind", "id"),
    [
        (like(ADA), "like", f"at://{ADA}/app.bsky.feed.like/l1"),
        (
            line(ADA, "app.bsky.feed.repost", "s1", {"subject": {"uri": POST}}),
            "share",
            f"at://{ADA}/app.bsky.feed.repost/s1",
        ),
        (reply(ADA), "reply", f"at://{ADA}/app.bsky.feed.post/r1"),
        (follow(ADA), "follow", f"at://{ADA}/app.bsky.graph.follow/f1"),
    ],
)
def test_each_kind_is_inbound_for_its_target_and_named_by_its_uri(
    text: bytes, kind: str, id: str
) -> None:
    """Event time is the server's, truncated to the millisecond."""
    (event,) = events(Jetstream(None), text)
    assert (event.kind, event.id, event.account, event.member) == (kind, id, ME, ADA)
    assert (event.op, event.direction) == ("add", "inbound")
    assert parse_at(event.at) == AT_US // 1000


def test_named_accounts_also_get_what_they_do_to_others() -> None:
    """Inbound from others, outbound from us, both sides when two of ours meet; else nothing."""
    source = Jetstream([ME, BEN])
    assert [(e.account, e.member, e.direction) for e in events(source, like(ADA))] == [
        (ME, ADA, "inbound")
    ]
    mine = events(source, follow(ME, ADA))
    assert [(e.account, e.member, e.direction) for e in mine] == [(ME, ADA, "outbound")]
    ours = events(source, follow(BEN, ME))
    assert [(e.account, e.member, e.direction) for e in ours] == [
        (ME, BEN, "inbound"),
        (BEN, ME, "outbound"),
    ]
    assert events(source, follow(ADA, "did:plc:stranger")) == []
    assert source.left_out == {"ignored: concerns none of the accounts": 1}


def test_a_deletion_removes_what_was_seen_before_and_only_once() -> None:
    """A deletion names no target: it is remembered from the creation, across files."""
    source = Jetstream([ME, BEN])
    added = events(source, follow(BEN, ME))
    removed = events(source, line(BEN, "app.bsky.graph.follow", "f1", at=AT_US + 1_000_000))
    assert [(e.op, e.id, e.account, e.member, e.direction) for e in removed] == [
        ("remove", e.id, e.account, e.member, e.direction) for e in added
    ]
    assert parse_at(removed[0].at) == AT_US // 1000 + 1000
    assert events(source, line(BEN, "app.bsky.graph.follow", "f1")) == []
    assert source.left_out == {"unresolvable: deletion of a follow not seen before": 1}


def test_a_deleted_identity_takes_back_all_that_it_did() -> None:
    """And nothing that others did."""
    source = Jetstream(None)
    events(source, like(ADA), reply(ADA), like(BEN))
    gone = {"did": ADA, "time_us": AT_US, "kind": "account"}
    text = json.dumps(gone | {"account": {"active": False, "status": "deleted"}}).encode()
    removed = events(source, text)
    assert [(e.op, e.kind, e.member) for e in removed] == [
        ("remove", "like", ADA),
        ("remove", "reply", ADA),
    ]
    suspended = json.dumps(gone | {"account": {"active": False, "status": "suspended"}}).encode()
    assert events(source, suspended) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (like(ME), "self-interaction"),
        (line(ADA, "app.bsky.graph.block", "b1", {"subject": 7}), "ignored: other collection"),
        (
            line(ADA, "app.bsky.feed.post", "p2", {"text": "hello"}),
            "ignored: post that replies to nobody",
        ),
        (
            json.dumps({"did": ADA, "time_us": 1, "kind": "identity", "identity": {}}).encode(),
            "ignored: identity or account notice",
        ),
        (like(ADA).replace(b'"create"', b'"update"'), "ignored: update of a record"),
        (
            line(ADA, "app.bsky.feed.post", "p9"),
            "unresolvable: deletion of a post not seen before",
        ),
    ],
)
def test_what_is_left_out_is_counted_by_reason(text: bytes, why: str) -> None:
    """Left out is not malformed."""
    source = Jetstream(None)
    assert events(source, text) == []
    assert source.left_out == {why: 1}


@pytest.mark.parametrize(
    "text",
    [
        b"nonsense",
        b"[]",
        b'{"did":"did:plc:ada","kind":"commit"}',  # no time
        line(ADA, "app.bsky.feed.like", "l1", {"subject": "at://x"}),  # a like has an object
        like(ADA, "https://example.org/post/1"),  # no at:// URI
        like(ADA, "at://"),  # nobody's
        follow(ADA, "two words"),  # no id of ours
        follow(ADA).replace(str(AT_US).encode(), b"1" + b"0" * 17),  # the year 5138
        follow(ADA).replace(str(AT_US).encode(), b"-1"),
        b'{"did":"' + b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_jetstream_line_is_malformed(text: bytes) -> None:
    """Reported by number, and the next one is read."""
    first, second = Jetstream(None).read([text, like(ADA)])
    assert isinstance(first, Malformed)
    assert first.line == 1
    assert isinstance(second, Sendable)


@given(st.binary() | NEARLY)
def test_whatever_comes_is_a_notice_or_refused(something: Any) -> None:
    """By both versions, with nothing but the errors that they declare."""
    text = something if isinstance(something, bytes) else json.dumps(something).encode()
    for read in (read_v1, read_v2):
        with suppress(ValueError, RecursionError, StreamEnds):
            Watch([ME]).tell(read(text) or Notice(ADA, 1))


STORY = recording(seed=7, length=150)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 80), st.booleans())))
def test_what_is_told_again_changes_nothing(turns: list[tuple[int, int, bool]]) -> None:
    """However the stream goes back, and wherever the watch is made anew from what it remembered."""
    remembered: dict[str, Deed] = {}

    def remember(uri: str, deed: Deed | None) -> None:
        if deed is None:
            del remembered[uri]
        else:
            coded = msgspec.json.encode(deed)
            remembered[uri] = msgspec.json.decode(coded, type=Deed)

    def tell(watch: Watch, lines: list[bytes]) -> None:
        for one in lines:
            with suppress(ValueError):  # some records are odd
                told.extend(watch.tell(read_v1(one)))

    told: list[Event] = []
    tell(Watch(ACCOUNTS, {}, lambda _uri, _deed: None), STORY)
    once, told = told, []
    watch, place = Watch(ACCOUNTS, {}, remember), 0
    for forth, back, anew in [*turns, (len(STORY), 0, False)]:
        tell(watch, STORY[place : place + forth])
        place = max(0, place + forth - back)
        if anew:
            watch = Watch(ACCOUNTS, remembered, remember)
    assert told == once


@pytest.mark.skipif(not SAMPLE.exists(), reason="the recorded sample is not part of the project")
def test_the_recorded_sample_gives_its_known_counts() -> None:
    """152 lines of the production service, every one accounted for."""
    source = Jetstream(None)
    found = list(source.read(Lines(str(SAMPLE))))
    kinds = Counter(item.kind for item in found if isinstance(item, Sendable))
    assert kinds == {"like": 104, "share": 15, "reply": 6, "follow": 6}
    assert len(found) == 131
    assert source.left_out == {
        "self-interaction": 3,
        "ignored: other collection": 3,
        "ignored: post that replies to nobody": 9,
        "ignored: identity or account notice": 2,
        "unresolvable: deletion of a follow not seen before": 3,
        "unresolvable: deletion of a post not seen before": 1,
    }
