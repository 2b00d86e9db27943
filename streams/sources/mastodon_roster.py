"""Who follows whom, known from lists: the end of a follow is told by nobody.

A list is a claim like any other. One that was not read to its end, or that misses more than half of
those who were there, takes nothing back: the one is passed over, the other must be seen twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import msgspec

from schemas.events import Direction, Event
from streams.core.time import HOUR_MS, format_ms
from streams.sources.mastodon import Me, event, follow

log = logging.getLogger(__name__)

ALREADY = "ignored: follow of somebody who follows already"
UNTOLD = "unresolvable: end of a follow from before we started"

AGAIN_MS = HOUR_MS
"""A follow told so much later than the one that we know is another: the end of that was missed."""


class Known(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Somebody who follows.

    Attributes:
        member: `user@host`.
        since_ms: when we learned of it.
        told: whether an event was made of it.
    """

    member: str
    since_ms: int
    told: bool = True


class Roster:
    """Those who follow the account (inbound), or whom it follows (outbound).

    Args:
        me: the account.
        direction: see there.
        known: by account id, as remembered.
        settled: whether a whole list was taken in before.
        remember: told what to remember, None to forget.
    """

    def __init__(
        self,
        me: Me,
        direction: Direction,
        known: Mapping[str, Known],
        settled: bool,
        remember: Callable[[str, Known | None], None],
    ) -> None:
        self.settled = settled
        self.direction: Direction = direction
        self._me = me
        self._known = dict(known)
        self._remember = remember
        self._missed: frozenset[str] = frozenset()

    def meet(self, id: str, member: str, at_ms: int) -> list[Event] | str:
        """Take in a follow that was told; or say why it is no event."""
        known = self._known.get(id)
        events = []
        if known is not None and known.told:
            if at_ms < known.since_ms + AGAIN_MS:
                return ALREADY
            events.append(self._event(id, known.member, at_ms, is_end=True))
        self._set(id, Known(member, at_ms))
        return [*events, self._event(id, member, at_ms)]

    def arrivals(
        self, listed: Mapping[str, str], now_ms: int, *, seed: bool
    ) -> list[tuple[str, Known, Event | None]]:
        """Those listed (id to `user@host`) whom we did not know; what to tell of them, if anything.

        Nothing is taken in yet (`arrive` does): they may be too many for one batch.
        """
        found: list[tuple[str, Known, Event | None]] = []
        for id, member in listed.items():
            known = self._known.get(id)
            if member == self._me.acct or (known and (known.told or not seed)):
                continue
            told = self.settled or seed
            is_old = known is not None or not self.settled
            news = self._event(id, member, now_ms, seeded=is_old) if told else None
            found.append((id, Known(member, now_ms, told), news))
        return found

    def arrive(self, id: str, known: Known) -> None:
        """Take one in."""
        self._set(id, known)

    def depart(
        self, listed: Mapping[str, str], begun_ms: int, now_ms: int
    ) -> tuple[list[Event], int]:
        """Let go who is not in a list that was read to its end, begun at `begun_ms`.

        Returns the events, and how many left of whom none was ever told.
        """
        missing = {id for id in self._known if id not in listed}
        missing = {id for id in missing if self._known[id].since_ms < begun_ms}
        held = self._missed
        self._missed = frozenset(missing)
        if 2 * len(missing) > len(self._known):
            sure = missing & held
            if not sure:
                log.warning(
                    "%d of %d follows (%s) are missing at once: nothing is taken back until the "
                    "next list says so too",
                    len(missing),
                    len(self._known),
                    self.direction,
                )
            missing = sure
        events, untold = [], 0
        for id in sorted(missing):
            known = self._known[id]
            self._set(id, None)
            if known.told:
                events.append(self._event(id, known.member, now_ms, is_end=True))
            else:
                untold += 1
        return events, untold

    def __len__(self) -> int:
        return len(self._known)

    def _set(self, id: str, known: Known | None) -> None:
        if known is None:
            del self._known[id]
        else:
            self._known[id] = known
        self._remember(id, known)

    def _event(
        self, id: str, member: str, at_ms: int, *, is_end: bool = False, seeded: bool = False
    ) -> Event:
        deed = follow(self.direction, id, member, format_ms(at_ms))
        return event(deed, self._me, op="remove" if is_end else "add", seeded=seeded)
