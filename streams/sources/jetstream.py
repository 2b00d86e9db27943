"""Recorded Bluesky Jetstream lines (v1 `/subscribe`), as events of the accounts that we watch.

A like, repost, reply or follow names its target; its deletion names only the record, so what
concerned us is remembered and resolved here. Event time is the server's `time_us`: `createdAt` is
declared by the client and may be anything.

https://docs.bsky.app/blog/jetstream
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import msgspec

from schemas.events import Direction, Event, InvalidEvent, Kind, encode
from streams.core.time import format_ms
from streams.sources.items import Malformed, Sendable, sendable

_LIKE = "app.bsky.feed.like"
_REPOST = "app.bsky.feed.repost"
_POST = "app.bsky.feed.post"
_FOLLOW = "app.bsky.graph.follow"

SELF = "self-interaction"
UNRESOLVABLE = "unresolvable: deletion of a {} not seen before"
NOT_OURS = "ignored: concerns none of the accounts"
OTHER_COLLECTION = "ignored: other collection"
NO_REPLY = "ignored: post that replies to nobody"
NO_COMMIT = "ignored: identity or account notice"
UPDATE = "ignored: update of a record"


class _Commit(msgspec.Struct):
    operation: str
    collection: str
    rkey: str
    record: msgspec.Raw = msgspec.Raw()


class _Account(msgspec.Struct):
    active: bool = True
    status: str = ""


class _Line(msgspec.Struct):
    did: str
    time_us: int
    kind: str
    commit: _Commit | None = None
    account: _Account | None = None


class _Reference(msgspec.Struct):
    uri: str


class _Reaction(msgspec.Struct):  # a like or a repost
    subject: _Reference


class _Thread(msgspec.Struct):
    parent: _Reference


class _Post(msgspec.Struct):
    reply: _Thread | None = None


class _Follow(msgspec.Struct):
    subject: str


_line = msgspec.json.Decoder(_Line)
_reaction = msgspec.json.Decoder(_Reaction)
_post = msgspec.json.Decoder(_Post)
_follow = msgspec.json.Decoder(_Follow)


class _Deed(NamedTuple):
    """What one record did to whom: enough to take it back."""

    kind: Kind
    target: str
    post: str | None = None


class Jetstream:
    """Turns Jetstream lines into events.

    Args:
        accounts: DIDs whose relationships we watch: what others do to them is inbound, what they
            do to others outbound. None makes every target an account, inbound only.
    """

    def __init__(self, accounts: Collection[str] | None) -> None:
        self.left_out: Counter[str] = Counter()
        self._accounts = None if accounts is None else frozenset(accounts)
        self._deeds: defaultdict[str, dict[str, _Deed]] = defaultdict(dict)  # DID → URI → deed

    def read(self, lines: Iterable[bytes]) -> Iterator[Sendable | Malformed]:
        """Read one file; deletions may refer to files read before."""
        for number, text in enumerate(lines, 1):
            if not text.strip():
                continue
            try:
                yield from [sendable(event, encode(event)) for event in self._events(text)]
            except InvalidEvent as invalid:
                yield Malformed(number, str(invalid))
            except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
                yield Malformed(number, f"not a Jetstream line: {error}")

    def _events(self, text: bytes) -> list[Event]:
        line = _line.decode(text)
        at = format_ms(line.time_us // 1000)
        commit = line.commit
        if commit is None:
            if line.account is not None and line.account.status == "deleted":
                return self._delete_actor(line.did, at)
            return self._leave_out(NO_COMMIT)
        if commit.collection not in {_LIKE, _REPOST, _POST, _FOLLOW}:
            return self._leave_out(OTHER_COLLECTION)
        uri = f"at://{line.did}/{commit.collection}/{commit.rkey}"
        match commit.operation:
            case "create":
                return self._create(line.did, uri, commit, at)
            case "delete":
                deed = self._deeds.get(line.did, {}).pop(uri, None)
                if deed is None:
                    noun = commit.collection.rpartition(".")[2]
                    return self._leave_out(UNRESOLVABLE.format(noun))
                return self._both_sides(line.did, uri, deed, at, remove=True)
            case _:  # none of the four has an editor that could change its target
                return self._leave_out(UPDATE)

    def _create(self, actor: str, uri: str, commit: _Commit, at: str) -> list[Event]:
        deed = _read_deed(commit)
        if deed is None:
            return self._leave_out(NO_REPLY)
        if deed.target == actor:
            return self._leave_out(SELF)
        events = self._both_sides(actor, uri, deed, at)
        if not events:
            return self._leave_out(NOT_OURS)
        self._deeds[actor][uri] = deed
        return events

    def _delete_actor(self, actor: str, at: str) -> list[Event]:
        return [
            event
            for uri, deed in self._deeds.pop(actor, {}).items()
            for event in self._both_sides(actor, uri, deed, at, remove=True)
        ]

    def _both_sides(
        self, actor: str, uri: str, deed: _Deed, at: str, *, remove: bool = False
    ) -> list[Event]:
        sides: list[tuple[str, str, Direction]] = []
        if self._accounts is None or deed.target in self._accounts:
            sides.append((deed.target, actor, "inbound"))
        if self._accounts is not None and actor in self._accounts:
            sides.append((actor, deed.target, "outbound"))
        return [
            Event(
                kind=deed.kind,
                op="remove" if remove else "add",
                id=uri,
                account=account,
                member=member,
                direction=direction,
                at=at,
                platform="bluesky",
                post=None if deed.kind == "reply" else deed.post,
                in_reply_to=deed.post if deed.kind == "reply" else None,
            )
            for account, member, direction in sides
        ]

    def _leave_out(self, why: str) -> list[Event]:
        self.left_out[why] += 1
        return []


def _read_deed(commit: _Commit) -> _Deed | None:
    """What a created record did; None for a post that replies to nobody."""
    if commit.collection == _FOLLOW:
        return _Deed("follow", _follow.decode(commit.record).subject)
    if commit.collection == _POST:
        thread = _post.decode(commit.record).reply
        if thread is None:
            return None
        return _Deed("reply", _authority(thread.parent.uri), thread.parent.uri)
    uri = _reaction.decode(commit.record).subject.uri
    return _Deed("like" if commit.collection == _LIKE else "share", _authority(uri), uri)


def _authority(uri: str) -> str:
    """Who owns what an `at://` URI names."""
    scheme, _, rest = uri.partition("://")
    if scheme != "at":
        raise ValueError(f"the subject {uri[:80]!r} is no at:// URI")
    return rest.partition("/")[0]
