"""What Jetstream sends, both versions of its protocol, as one kind of notice.

v1 (`/subscribe`) sends a line like `Notice`. v2 (`network.bsky.jetstream.subscribeEvents`) wraps
its payload in a frame, spreads the commit over it, and tells time as RFC 3339.

https://docs.bsky.app/blog/jetstream
"""

from __future__ import annotations

import msgspec

from streams.core.time import parse_at

LIKE = "app.bsky.feed.like"
REPOST = "app.bsky.feed.repost"
POST = "app.bsky.feed.post"
FOLLOW = "app.bsky.graph.follow"
COLLECTIONS = (LIKE, REPOST, POST, FOLLOW)

_END_US = 7_258_118_400_000_000  # 2200: what lies beyond is no time, and no place to read on from


class Commit(msgspec.Struct, gc=False):
    """One change of one record; `rev` only ever rises within one repository."""

    operation: str
    collection: str
    rkey: str
    rev: str = ""
    record: msgspec.Raw = msgspec.Raw()


class Account(msgspec.Struct, gc=False):
    """Whether an identity is there, and why not."""

    active: bool = True
    status: str = ""


class Notice(msgspec.Struct):
    """One thing that happened to one identity, and when the server saw it (µs since 1970)."""

    did: str
    time_us: int
    kind: str = ""
    commit: Commit | None = None
    account: Account | None = None


class StreamEnds(Exception):
    """The server says why it will send no more: it closes the connection after that."""


class _Payload(msgspec.Struct):
    type: str = msgspec.field(name="$type", default="")
    did: str = ""
    time: str = ""
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    rev: str = ""
    record: msgspec.Raw = msgspec.Raw()
    account: Account | None = None


class _Frame(msgspec.Struct):
    type: str = msgspec.field(name="$type")
    payload: _Payload | None = None
    error: str = ""
    message: str = ""


_notice = msgspec.json.Decoder(Notice).decode
_frame = msgspec.json.Decoder(_Frame).decode


def read_v1(text: bytes) -> Notice:
    """Read one line of v1.

    Raises:
        ValueError, RecursionError: it is none (`msgspec.MsgspecError` is a ValueError).
    """
    notice = _notice(text)
    if not 0 <= notice.time_us < _END_US:
        raise ValueError(f"time_us is {notice.time_us}, not between 1970 and 2199")
    return notice


def read_v2(text: bytes) -> Notice | None:
    """Read one frame of v2; None for a type of payload that we do not know.

    Raises:
        StreamEnds: it is the server's last word.
        ValueError, RecursionError: it is no frame.
    """
    frame = _frame(text)
    if frame.type == "error":
        raise StreamEnds(f"{frame.error[:80]} {frame.message[:200]}".strip())
    payload = frame.payload
    if payload is None:
        raise ValueError("a frame without a payload")
    kind = payload.type.rpartition("#")[2]
    if kind not in {"commit", "account", "identity", "sync"}:
        return None
    if not payload.did:
        raise ValueError("a payload without a did")
    notice = Notice(payload.did, _ms(payload.time) * 1000, kind)
    if kind == "commit":
        notice.commit = Commit(
            payload.operation, payload.collection, payload.rkey, payload.rev, payload.record
        )
    elif kind == "account":
        notice.account = payload.account
    return notice


def _ms(text: str) -> int:
    # Its usual spelling has six decimals, of which we keep three: the parser is fast on those.
    return parse_at(text[:23] + "Z" if len(text) == 27 and text[26] == "Z" else text)
