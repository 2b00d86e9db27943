"""What was read from an instance, taken in bit by bit, and said batch by batch."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from schemas.events import Direction, Event, Reason
from streams.core.time import DAY_MS, format_ms, parse_at
from streams.sources.live.source import Batch, Kept, Refused, SourceFailed
from streams.sources.mastodon import (
    Deed,
    Item,
    Me,
    Status,
    asks_whom,
    event,
    read_favourite,
    read_notification,
    read_own,
    read_status,
)
from streams.sources.mastodon_feed import Position
from streams.sources.mastodon_roster import UNTOLD, Known, Roster

log = logging.getLogger(__name__)

KEPT_MS = 90 * DAY_MS
"""How long we can tell what the deletion of a status takes back."""

_AT_ONCE = 1000

_STATUS = "status "
_ROSTERS: Mapping[Direction, str] = {"inbound": "follower ", "outbound": "following "}
_SETTLED = "read "


class Cursor(msgspec.Struct, frozen=True):
    """How far we are: whose account it is, and where in its lists."""

    account: str
    notifications: Position
    statuses: Position
    favourites: str


_cursor = msgspec.json.Decoder(Cursor)
_deed = msgspec.json.Decoder(Deed)
_known = msgspec.json.Decoder(Known)


def read_cursor(kept: Kept, me: Me, name: str) -> Cursor | None:
    """The cursor that was kept, if any.

    Raises:
        SourceFailed: it is another account's.
    """
    if kept.cursor is None:
        return None
    cursor = _cursor.decode(kept.cursor)
    if cursor.account != me.acct:
        raise SourceFailed(
            f"the source {name} belongs to {cursor.account}, and the token to {me.acct}: give "
            "each account a source of its own with --name"
        )
    return cursor


class Telling:
    """What is to be said of one account.

    Args:
        name: of the source.
        me: the account.
        domain: of its instance.
        kept: what was remembered.
    """

    def __init__(self, name: str, me: Me, domain: str, kept: Kept) -> None:
        self.me = me
        self.accts: dict[str, str | None] = {}
        """Those that were asked for by id; None: gone."""
        self._topic = f"source:{name}"
        self._domain = domain
        self._events: list[Event] = []
        self._memory: dict[str, bytes | None] = {}
        self._refused: list[Refused] = []
        self._left_out: Counter[str] = Counter()
        self._deeds = {
            key.removeprefix(_STATUS): _deed.decode(value)
            for key, value in kept.memory.items()
            if key.startswith(_STATUS)
        }
        self.rosters = {direction: self._roster(direction, kept) for direction in _ROSTERS}

    def batch(self, cursor: Cursor | None = None) -> Batch:
        """Everything that is to be said."""
        encoded = None if cursor is None else msgspec.json.encode(cursor)
        said = Batch(self._events, self._memory, encoded, self._refused, dict(self._left_out))
        self._events, self._memory, self._refused = [], {}, []
        self._left_out.clear()
        return said

    def notified(self, item: Item) -> None:
        """Take a notification in."""
        try:
            told = read_notification(item.value, self.me, self._domain)
        except ValueError as error:
            self._refuse(item.value, error)
            return
        if isinstance(told, str):
            self._left_out[told] += 1
            return
        deed, actor = told
        if deed.kind == "follow":
            self._followed(item, deed, actor)
        else:
            self._did(deed)

    def posted(self, status: Status) -> None:
        """Take a status of the account's own in; whom it `asks_whom` must be in `accts`."""
        self._did_or_not(read_own(status, self.me, self._domain, self.accts.get))

    def favoured(self, status: Status, now_ms: int) -> None:
        """Take in that the account favoured a status."""
        self._did_or_not(read_favourite(status, self.me, self._domain, format_ms(now_ms)))

    def statuses(self, items: Sequence[Item]) -> list[Status]:
        """Those that are statuses; the others are refused."""
        found = []
        for item in items:
            try:
                found.append(read_status(item.value))
            except ValueError as error:
                self._refuse(item.value, error)
        return found

    def strangers(self, statuses: Sequence[Status]) -> list[str]:
        """The ids of accounts that must be asked for before these can be told."""
        asked = dict.fromkeys(asks_whom(status, self.me) for status in statuses)
        return [id for id in asked if id is not None and id not in self.accts]

    def knows(self, status_id: str) -> bool:
        """Whether the deletion of this status would take something back."""
        return status_id in self._deeds

    def deleted(self, status_id: str, now_ms: int) -> None:
        """Take in that a status is gone."""
        deed = self._deeds.pop(status_id)
        self._memory[_STATUS + status_id] = None
        self._events.append(event(deed, self.me, op="remove", at=format_ms(now_ms)))

    def missing(self, listed: Collection[str], *, since: str) -> list[str]:
        """Statuses of the account's own since then that are not listed, by id; maybe deleted."""
        return [
            id
            for id, deed in self._deeds.items()
            if deed.direction == "outbound" and id not in listed and _ms(deed.at) > _ms(since)
        ]

    def forget(self, now_ms: int) -> None:
        """Forget what is so old that nothing recent depends on it."""
        old = [id for id, deed in self._deeds.items() if _ms(deed.at) < now_ms - KEPT_MS]
        for id in old:
            del self._deeds[id]
            self._memory[_STATUS + id] = None

    def arrived(
        self, direction: Direction, listed: Mapping[str, str], now_ms: int, *, seed: bool
    ) -> list[Batch]:
        """Take in who is listed and was not known: in batches, to be said in this order."""
        roster = self.rosters[direction]
        arrivals = roster.arrivals(listed, now_ms, seed=seed)
        batches = []
        for start in range(0, len(arrivals), _AT_ONCE):
            for id, known, news in arrivals[start : start + _AT_ONCE]:
                roster.arrive(id, known)
                if news is not None:
                    self._events.append(news)
            batches.append(self.batch())
        return batches

    def departed(
        self, direction: Direction, listed: Mapping[str, str], begun_ms: int, now_ms: int
    ) -> None:
        """Take in who is not listed any more, in a list that was read to its end."""
        roster = self.rosters[direction]
        events, untold = roster.depart(listed, begun_ms, now_ms)
        self._events += events
        if untold:
            self._left_out[UNTOLD] += untold
        if not roster.settled:
            roster.settled = True
            self._memory[_SETTLED + direction] = b"done"

    def _roster(self, direction: Direction, kept: Kept) -> Roster:
        prefix = _ROSTERS[direction]
        known = {
            key.removeprefix(prefix): _known.decode(value)
            for key, value in kept.memory.items()
            if key.startswith(prefix)
        }

        def remember(id: str, known: Known | None) -> None:
            self._memory[prefix + id] = None if known is None else msgspec.json.encode(known)

        return Roster(self.me, direction, known, _SETTLED + direction in kept.memory, remember)

    def _followed(self, item: Item, deed: Deed, actor: str) -> None:
        try:
            at_ms = parse_at(deed.at)
        except ValueError as error:
            self._refused.append(Refused(item.value, Reason.INVALID_TIME, str(error), self._topic))
            return
        news = self.rosters["inbound"].meet(actor, deed.member, at_ms)
        if isinstance(news, str):
            self._left_out[news] += 1
        else:
            self._events += news

    def _did_or_not(self, deed: Deed | str) -> None:
        if isinstance(deed, str):
            self._left_out[deed] += 1
        else:
            self._did(deed)

    def _did(self, deed: Deed) -> None:
        self._events.append(event(deed, self.me))
        if deed.status:
            self._deeds[deed.status] = deed
            self._memory[_STATUS + deed.status] = msgspec.json.encode(deed)

    def _refuse(self, value: bytes, error: ValueError) -> None:
        self._refused.append(Refused(value, Reason.WRONG_TYPE, str(error), self._topic))


def _ms(at: str) -> int:
    try:
        return parse_at(at)
    except ValueError:
        return 0
