"""Mastodon's notifications and statuses, as events of the account that they were told to.

What others do arrives as notifications; what the account does is in its own statuses. Accounts are
named as people write them, `user@host` in small letters, and so that no platform's number is needed
to recognise them. Ids of events are made of what was done to what, for the same favourite is told
under a new number each time that it is taken back and given again.

https://docs.joinmastodon.org/entities/Notification/, https://docs.joinmastodon.org/entities/Status/
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from schemas.events import Direction, Event, Kind, Op

T = TypeVar("T")

OTHER_TYPE = "ignored: another type of notification"
NO_REPLY_TO_US = "ignored: mention that is no reply to the account"
STATUS_GONE = "ignored: notification of a status that is gone"
NO_REPLY = "ignored: status that replies to nobody"
REPLY_TO_NOBODY = "ignored: reply to an account that is gone"
SELF = "self-interaction"


class Me(NamedTuple):
    """The account whose token we have: its id on its instance, and its name, `user@host`."""

    id: str
    acct: str


class Account(msgspec.Struct, gc=False):
    """What we read of an account."""

    id: str
    acct: str


class Status(msgspec.Struct, gc=False):
    """What we read of a status; `account` is its author."""

    id: str
    created_at: str = ""
    uri: str | None = None
    in_reply_to_id: str | None = None
    in_reply_to_account_id: str | None = None
    account: Account | None = None
    reblog: Status | None = None
    mentions: list[Account] = []


class _Notification(msgspec.Struct, gc=False):
    type: str
    created_at: str
    account: Account
    status: Status | None = None


class _Numbered(msgspec.Struct):
    id: str


class Item(NamedTuple):
    """One element of a list that the API returned.

    Attributes:
        key: tells it from the others.
        id: by which the API pages; empty where it shows none.
        value: its JSON.
    """

    key: str
    id: str
    value: bytes


class Deed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one account did to another: enough to tell it, and to take it back.

    Attributes:
        kind: of the event.
        direction: of the event.
        id: of the event.
        member: `user@host`.
        at: when.
        post: what it was done to.
        status: the status whose deletion takes it back; empty if it was not done by one.
    """

    kind: Kind
    direction: Direction
    id: str
    member: str
    at: str
    post: str = ""
    status: str = ""


_list = msgspec.json.Decoder(list[msgspec.Raw])
_numbered = msgspec.json.Decoder(_Numbered)
_notification = msgspec.json.Decoder(_Notification)
_status = msgspec.json.Decoder(Status)
_account = msgspec.json.Decoder(Account)


def identity(acct: str, domain: str) -> str:
    """An account's name: local ones are told without their host."""
    return (acct if "@" in acct else f"{acct}@{domain}").lower()


def read_items(body: bytes) -> list[Item]:
    """The elements of a list, in its order.

    Raises:
        ValueError: it is no list.
    """
    try:
        values = [bytes(raw) for raw in _list.decode(body)]
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return [_item(value) for value in values]


def read_status(value: bytes) -> Status:
    """A status.

    Raises:
        ValueError: it is none.
    """
    return _decode(_status, value)


def read_account(value: bytes) -> Account:
    """An account.

    Raises:
        ValueError: it is none.
    """
    return _decode(_account, value)


def read_notification(value: bytes, me: Me, domain: str) -> tuple[Deed, str] | str:
    """What a notification tells, and the id of who did it; or why it is no event.

    Raises:
        ValueError: it is no notification.
    """
    notification = _decode(_notification, value)
    actor, status = notification.account, notification.status
    member = identity(actor.acct, domain)
    if actor.id == me.id or member == me.acct:
        return SELF
    at = notification.created_at
    if notification.type == "follow":
        return follow("inbound", actor.id, member, at), actor.id
    if notification.type not in {"favourite", "reblog", "mention"}:
        return OTHER_TYPE
    if status is None:
        return STATUS_GONE
    id = f"{notification.type}/{actor.id}/{status.id}"
    if notification.type != "mention":
        kind: Kind = "like" if notification.type == "favourite" else "share"
        return Deed(kind, "inbound", id, member, at, _name(status)), actor.id
    if status.in_reply_to_account_id != me.id:
        return NO_REPLY_TO_US
    post = status.in_reply_to_id or ""
    return Deed("reply", "inbound", id, member, at, post, status.id), actor.id


def read_own(
    status: Status, me: Me, domain: str, acct_of: Callable[[str], str | None]
) -> Deed | str:
    """What a status of the account's own does to somebody, or why it is no event.

    Args:
        status: of the account.
        me: the account.
        domain: of its instance.
        acct_of: the `acct` of an id that the status does not mention; None if it is gone.
    """
    if (original := status.reblog) is not None:
        author = original.account
        if author is None:
            return REPLY_TO_NOBODY
        id, member = f"reblog/{me.id}/{original.id}", identity(author.acct, domain)
        at, post = status.created_at, _name(original)
        return _outbound(Deed("share", "outbound", id, member, at, post, status.id), me)
    if (target := status.in_reply_to_account_id) is None:
        return NO_REPLY
    if target == me.id:
        return SELF
    mentioned = next((one.acct for one in status.mentions if one.id == target), None)
    acct = mentioned or acct_of(target)
    if acct is None:
        return REPLY_TO_NOBODY
    member, id = identity(acct, domain), f"mention/{me.id}/{status.id}"
    post = status.in_reply_to_id or ""
    return _outbound(Deed("reply", "outbound", id, member, status.created_at, post, status.id), me)


def asks_whom(status: Status, me: Me) -> str | None:
    """The id of the account that `read_own` will ask for, if any."""
    target = status.in_reply_to_account_id
    if status.reblog is not None or target in {None, me.id}:
        return None
    return None if any(one.id == target for one in status.mentions) else target


def read_favourite(status: Status, me: Me, domain: str, at: str) -> Deed | str:
    """What our favouring a status does; when that was is not told."""
    if status.account is None:
        return REPLY_TO_NOBODY
    member, id = identity(status.account.acct, domain), f"favourite/{me.id}/{status.id}"
    return _outbound(Deed("like", "outbound", id, member, at, _name(status)), me)


def follow(direction: Direction, account_id: str, member: str, at: str) -> Deed:
    """A follow between the account and a member, whose id there is `account_id`.

    Its id is derived from the pair: the end of a follow is seen, and never told.
    """
    return Deed("follow", direction, f"follow/{account_id}", member, at)


def event(deed: Deed, me: Me, *, op: Op = "add", at: str = "", seeded: bool = False) -> Event:
    """A deed as an event; `at` is when it was taken back."""
    is_reply = deed.kind == "reply"
    return Event(
        kind=deed.kind,
        op=op,
        id=deed.id,
        account=me.acct,
        member=deed.member,
        direction=deed.direction,
        at=at or deed.at,
        seeded=seeded,
        platform="mastodon",
        post=None if is_reply else deed.post or None,
        in_reply_to=(deed.post or None) if is_reply else None,
    )


def _outbound(deed: Deed, me: Me) -> Deed | str:
    return SELF if deed.member == me.acct else deed


def _name(status: Status) -> str:
    return status.uri or status.id


def _item(value: bytes) -> Item:
    try:
        id = _numbered.decode(value).id
    except (ValueError, RecursionError):
        id = ""
    return Item(id or hashlib.blake2b(value, digest_size=16).hexdigest(), id, value)


def _decode(decoder: msgspec.json.Decoder[T], value: bytes) -> T:
    try:
        return decoder.decode(value)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
