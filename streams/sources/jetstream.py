"""Bluesky's Jetstream, as events of the accounts that we watch: recorded lines, or live.

A like, repost, reply or follow names its target; its deletion names only the record, so what
concerned us is remembered and resolved here. Event time is the server's: `createdAt` is declared by
the client and may be anything.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import msgspec

from schemas.events import Direction, Event, InvalidEvent, Kind, encode
from streams.core.time import DAY_MS, format_ms
from streams.sources.items import Malformed, Sendable, sendable
from streams.sources.jetstream_wire import (
    COLLECTIONS,
    FOLLOW,
    LIKE,
    POST,
    Commit,
    Notice,
    read_v1,
)

SELF = "self-interaction"
UNRESOLVABLE = "unresolvable: deletion of a {} not seen before"
NOT_OURS = "ignored: concerns none of the accounts"
OTHER_COLLECTION = "ignored: other collection"
NO_REPLY = "ignored: post that replies to nobody"
NO_COMMIT = "ignored: identity or account notice"
UPDATE = "ignored: update of a record"
SEEN = "ignored: seen before"

GONE_KEPT_US = 2 * DAY_MS * 1000
"""How long a deleted record is remembered: longer than Jetstream looks back (36 h), so that
nothing that is sent again is taken for new."""

KEPT_US = 90 * DAY_MS * 1000
"""How long likes, reposts and replies are remembered: past every window. Follows are until they
end."""


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


_reaction = msgspec.json.Decoder(_Reaction)
_post = msgspec.json.Decoder(_Post)
_follow = msgspec.json.Decoder(_Follow)


class Deed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one record did to whom: enough to take it back.

    Attributes:
        rev: the revision of the repository in which it was last heard of.
        time_us: when that was, by the server.
        kind: None when the record is deleted.
        target: whom it concerns.
        post: which post of theirs.
    """

    rev: str
    time_us: int
    kind: Kind | None = None
    target: str = ""
    post: str | None = None


Remember = Callable[[str, Deed | None], None]
"""Told of each change to what is remembered: the URI of a record, and its deed or None."""


def _keep_nowhere(_uri: str, _deed: Deed | None) -> None:
    pass


class Watch:
    """Turns notices into events of the accounts, and knows what became of every deed.

    Args:
        accounts: DIDs whose relationships we watch: what others do to them is inbound, what they
            do to others outbound. None makes every target an account, inbound only.
        deeds: what was remembered before, by the URI of the record.
        remember: see `Remember`; None remembers no deleted record.
    """

    def __init__(
        self,
        accounts: Collection[str] | None,
        deeds: Mapping[str, Deed] | None = None,
        remember: Remember | None = None,
    ) -> None:
        self.left_out: Counter[str] = Counter()
        self._accounts = None if accounts is None else frozenset(accounts)
        self._remember = remember or _keep_nowhere
        self._keeps_gone = remember is not None
        self._deeds: defaultdict[str, dict[str, Deed]] = defaultdict(dict)  # DID → URI → deed
        for uri, deed in (deeds or {}).items():
            self._deeds[_authority(uri)][uri] = deed
        self._awaited: dict[str, str] = {}  # follow URI → account, see `await_follow`

    def tell(self, notice: Notice) -> list[Event]:
        """What a notice means to the accounts.

        Raises:
            ValueError, RecursionError: a record is not as its collection says. Anybody may write
                such a thing.
        """
        commit = notice.commit
        if commit is None:
            if notice.account is not None and notice.account.status == "deleted":
                return self._delete_actor(notice)
            return self._leave_out(NO_COMMIT)
        if commit.collection not in COLLECTIONS:
            return self._leave_out(OTHER_COLLECTION)
        match commit.operation:
            case "create":
                return self._create(notice, commit)
            case "delete":
                return self._delete(notice, commit)
            case _:  # none of the four has an editor that could change its target
                return self._leave_out(UPDATE)

    def follows(self, member: str, account: str) -> bool:
        """Whether a follow of this account is remembered."""
        return any(
            deed.kind == "follow" and deed.target == account
            for deed in self._deeds.get(member, {}).values()
        )

    def seed(self, uri: str, account: str, at_ms: int) -> list[Event]:
        """A follow that was there before we looked: nothing where it is known already."""
        member = _authority(uri)
        if uri in self._deeds.get(member, {}) or member == account:
            return []
        deed = Deed("", at_ms * 1000, "follow", account)
        self._set(member, uri, deed)
        return self._both_sides(member, uri, deed, at_ms, seeded=True)

    def part(self, account: str, still: Collection[str], now_us: int) -> list[Event]:
        """End the follows of an account by those who, as we learn now, are not there any more."""
        events: list[Event] = []
        for actor in sorted(self._deeds.keys() - still):
            for uri, deed in list(self._deeds[actor].items()):
                if deed.kind == "follow" and deed.target == account:
                    notice = Notice(actor, now_us)
                    events += self._take_back(notice, uri, deed)
                    self._end(notice, uri, deed.rev)
        return events

    def await_follow(self, uri: str, account: str) -> None:
        """Expect the stream to tell of this follow, and when it began; `release` seeds the rest."""
        if uri not in self._deeds.get(_authority(uri), {}):
            self._awaited[uri] = account

    def release(self, at_ms: int) -> list[Event]:
        """Seed the follows of which the stream has not told, neither beginning nor end."""
        awaited, self._awaited = self._awaited, {}
        return [event for item in awaited.items() for event in self.seed(*item, at_ms)]

    def forget(self, now_us: int) -> None:
        """Forget what nobody can refer to any more in a way that matters."""
        for actor, deeds in list(self._deeds.items()):
            for uri, deed in list(deeds.items()):
                kept = GONE_KEPT_US if deed.kind is None else KEPT_US
                if deed.kind != "follow" and deed.time_us < now_us - kept:
                    self._set(actor, uri, None)

    def _create(self, notice: Notice, commit: Commit) -> list[Event]:
        actor = notice.did
        deed = _read_deed(notice, commit)
        if deed is None:
            return self._leave_out(NO_REPLY)
        if deed.target == actor:
            return self._leave_out(SELF)
        if self._accounts is not None and not self._accounts & {deed.target, actor}:
            return self._leave_out(NOT_OURS)
        uri = _uri(actor, commit)
        known = self._deeds.get(actor, {}).get(uri)
        if known is not None and commit.rev <= known.rev:
            return self._leave_out(SEEN)
        events = self._both_sides(actor, uri, deed, notice.time_us // 1000)
        self._awaited.pop(uri, None)
        self._set(actor, uri, deed)
        return events

    def _delete(self, notice: Notice, commit: Commit) -> list[Event]:
        uri = _uri(notice.did, commit)
        known = self._deeds.get(notice.did, {}).get(uri)
        self._awaited.pop(uri, None)
        if known is None:
            return self._leave_out(UNRESOLVABLE.format(commit.collection.rpartition(".")[2]))
        if known.kind is None or commit.rev < known.rev:
            return self._leave_out(SEEN)
        events = self._take_back(notice, uri, known)
        self._end(notice, uri, commit.rev)
        return events

    def _delete_actor(self, notice: Notice) -> list[Event]:
        events: list[Event] = []
        for uri, deed in list(self._deeds.get(notice.did, {}).items()):
            # A notice that is sent again must not end what was begun since.
            if deed.kind is not None and deed.time_us <= notice.time_us:
                events += self._take_back(notice, uri, deed)
                self._end(notice, uri, deed.rev)
        for uri in [uri for uri in self._awaited if _authority(uri) == notice.did]:
            del self._awaited[uri]
        return events

    def _take_back(self, notice: Notice, uri: str, deed: Deed) -> list[Event]:
        return self._both_sides(notice.did, uri, deed, notice.time_us // 1000, remove=True)

    def _end(self, notice: Notice, uri: str, rev: str) -> None:
        self._set(notice.did, uri, Deed(rev, notice.time_us) if self._keeps_gone else None)

    def _set(self, actor: str, uri: str, deed: Deed | None) -> None:
        if deed is not None:
            self._deeds[actor][uri] = deed
        else:
            self._deeds[actor].pop(uri, None)
            if not self._deeds[actor]:
                del self._deeds[actor]
        self._remember(uri, deed)

    def _both_sides(
        self,
        actor: str,
        uri: str,
        deed: Deed,
        at_ms: int,
        *,
        remove: bool = False,
        seeded: bool = False,
    ) -> list[Event]:
        sides: list[tuple[str, str, Direction]] = []
        if self._accounts is None or deed.target in self._accounts:
            sides.append((deed.target, actor, "inbound"))
        if self._accounts is not None and actor in self._accounts:
            sides.append((actor, deed.target, "outbound"))
        assert deed.kind is not None  # noqa: S101  a deleted record has no sides
        return [
            Event(
                kind=deed.kind,
                op="remove" if remove else "add",
                id=uri,
                account=account,
                member=member,
                direction=direction,
                at=format_ms(at_ms),
                seeded=seeded,
                platform="bluesky",
                post=None if deed.kind == "reply" else deed.post,
                in_reply_to=deed.post if deed.kind == "reply" else None,
            )
            for account, member, direction in sides
        ]

    def _leave_out(self, why: str) -> list[Event]:
        self.left_out[why] += 1
        return []


class Jetstream:
    """Reads recorded v1 lines. `accounts`: see `Watch`."""

    def __init__(self, accounts: Collection[str] | None) -> None:
        self._watch = Watch(accounts)
        self.left_out = self._watch.left_out

    def read(self, lines: Iterable[bytes]) -> Iterator[Sendable | Malformed]:
        """Read one file; deletions may refer to files read before."""
        for number, text in enumerate(lines, 1):
            if not text.strip():
                continue
            try:
                events = self._watch.tell(read_v1(text))
                yield from [sendable(event, encode(event)) for event in events]
            except InvalidEvent as invalid:
                yield Malformed(number, str(invalid))
            except (ValueError, RecursionError) as error:
                yield Malformed(number, f"not a Jetstream line: {error}")


def _uri(actor: str, commit: Commit) -> str:
    return f"at://{actor}/{commit.collection}/{commit.rkey}"


def _read_deed(notice: Notice, commit: Commit) -> Deed | None:
    """What a created record did; None for a post that replies to nobody."""
    if commit.collection == FOLLOW:
        subject = _follow.decode(commit.record).subject
        return Deed(commit.rev, notice.time_us, "follow", subject)
    if commit.collection == POST:
        thread = _post.decode(commit.record).reply
        if thread is None:
            return None
        uri = thread.parent.uri
        return Deed(commit.rev, notice.time_us, "reply", _authority(uri), uri)
    uri = _reaction.decode(commit.record).subject.uri
    kind: Kind = "like" if commit.collection == LIKE else "share"
    return Deed(commit.rev, notice.time_us, kind, _authority(uri), uri)


def _authority(uri: str) -> str:
    """Who owns what an `at://` URI names."""
    scheme, _, rest = uri.partition("://")
    authority = rest.partition("/")[0]
    if scheme != "at" or not authority:
        raise ValueError(f"the subject {uri[:80]!r} is no at:// URI")
    return authority
