"""Mastodon, live: what happens around one account, and what it does itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import NamedTuple

import aiohttp
import msgspec
from aiohttp import ClientSession

from schemas.events import Direction
from streams.sources.live.backoff import Backoff
from streams.sources.live.mastodon_api import SCOPES, Api, Parameters, Refusal
from streams.sources.live.mastodon_lists import (
    Listed,
    introduce,
    own_statuses,
    read_list,
    recent_statuses,
)
from streams.sources.live.mastodon_stream import EVERYTHING, Bell, Ring
from streams.sources.live.mastodon_telling import Cursor, Telling, read_cursor
from streams.sources.live.meters import Meters
from streams.sources.live.source import Batch, Kept, SourceFailed
from streams.sources.mastodon import Item, Me, read_account, read_items
from streams.sources.mastodon_feed import OLDEST, Position, advance, new

log = logging.getLogger(__name__)

_NOTIFICATIONS = "/api/v1/notifications"
_FAVOURITES = "/api/v1/favourites"
_DOUBTS = 3
"""Times that we look whether a status that is said to be deleted is gone."""

_ROSTERS: tuple[tuple[Direction, str], ...] = (
    ("inbound", "followers"),
    ("outbound", "following"),
)


class Pace(NamedTuple):
    """How often to do what, in seconds.

    Attributes:
        ring: at least between two looks for news, however often the bell rings.
        look: between two looks for news, if it does not.
        lists: between two readings of who follows whom.
        silent: without a byte of the stream, before it is made anew.
        first: before the first new attempt; doubles.
        longest: between two attempts.
    """

    ring: float = 2.0
    look: float = 60.0
    lists: float = 3600.0
    silent: float = 45.0
    first: float = 0.5
    longest: float = 60.0


class Mastodon:
    """The source `mastodon`: one account of one instance.

    Args:
        instance: its URL.
        token: of the account; never said to anybody else, nor logged.
        meters: of the process.
        name: see `Source`.
        backfill: whether to begin with those who follow now, and with all notifications and
            statuses that the instance still has.
        pace: see there.
    """

    def __init__(
        self,
        instance: str,
        token: str,
        meters: Meters,
        *,
        name: str = "mastodon",
        backfill: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self.name = name
        self._instance = instance
        self._token = token
        self._meters = meters
        self._backfill = backfill
        self._pace = pace or Pace()

    async def batches(self, kept: Kept) -> AsyncGenerator[Batch, None]:
        """See `Source`."""
        pace = self._pace
        timeout = aiohttp.ClientTimeout(total=120, sock_connect=15, sock_read=60)
        async with ClientSession(timeout=timeout) as session:
            api = Api(session, self._instance, self._token, self._meters.heard, self._waits)
            try:
                me, domain, streaming = await introduce(api)
                log.info("The account is %s", me.acct)
                telling = Telling(self.name, me, domain, kept)
                cursor = read_cursor(kept, me, self.name) or await self._begin(api, telling)
                watch = _Watch(api, telling, cursor, pace.look, backfill=self._backfill)
            except Refusal as refusal:
                raise _refused(api, refusal) from refusal
            yield telling.batch(watch.cursor)
            bell = Bell(api, streaming, me.id, self._meters, watch.ring, pace.silent, self._waits())
            listening = asyncio.create_task(bell.listen())
            try:
                while True:
                    async with aclosing(watch.news()) as news:
                        async for batch in news:
                            yield batch
                    for batch in watch.lists(pace.lists):
                        yield batch
                    if listening.done():
                        listening.result()
                    await asyncio.sleep(pace.ring)
                    await watch.wait()
            finally:
                await _end(listening)
                await watch.end()

    async def _begin(self, api: Api, telling: Telling) -> Cursor:
        """From where to read: the oldest that there is, or from now on."""
        me = telling.me
        favourites = (await api.get(_FAVOURITES, {"limit": "1"})).links
        position = notifications = Position()
        if not self._backfill:
            position = await _newest(api, own_statuses(me))
            notifications = await _newest(api, _NOTIFICATIONS)
        return Cursor(
            me.acct, notifications, position, favourites.get("prev", {}).get("min_id", OLDEST)
        )

    def _waits(self) -> Backoff:
        return Backoff(self._pace.first, self._pace.longest)


class _Watch:
    """Looks for what is new when there is a reason to, and now and then without one."""

    def __init__(
        self, api: Api, telling: Telling, cursor: Cursor, look: float, *, backfill: bool
    ) -> None:
        self.cursor = cursor
        self._api = api
        self._telling = telling
        self._look = look
        self._looked_at = time.monotonic()
        self._backfill = backfill
        self._wanted = EVERYTHING
        self._doubted: dict[str, int] = {}
        self._stirred = asyncio.Event()
        self._reading: asyncio.Task[_Lists] | None = None
        self._read_at = -float("inf")
        self._proven = False

    def ring(self, ring: Ring) -> None:
        """Note a reason to look for news."""
        if ring.deleted:
            if self._telling.knows(ring.deleted):
                self._doubted[ring.deleted] = _DOUBTS
                self._stirred.set()
            return
        wanted = self._wanted
        self._wanted = Ring(
            wanted.notifications or ring.notifications, wanted.statuses or ring.statuses
        )
        self._stirred.set()

    async def wait(self) -> None:
        """Wait for a reason; or until it is time to look for everything."""
        due = self._looked_at + self._look
        with suppress(TimeoutError):
            async with asyncio.timeout(due - time.monotonic()):
                await self._stirred.wait()
        self._stirred.clear()
        if time.monotonic() >= due:
            self._looked_at = time.monotonic()
            self._wanted = EVERYTHING

    async def end(self) -> None:
        """Leave what is being read."""
        if self._reading is not None:
            await _end(self._reading)

    async def news(self) -> AsyncGenerator[Batch, None]:
        """Yield what there is to say."""
        wanted, self._wanted = self._wanted, Ring()
        looks = [
            look()
            for look, is_wanted in (
                (self._notifications, wanted.notifications),
                (self._statuses, wanted.statuses),
                (self._favourites, wanted == EVERYTHING),
            )
            if is_wanted
        ]
        try:
            for look in looks:
                async with aclosing(look) as batches:
                    async for batch in batches:
                        yield batch
            if self._doubted:
                await self._doubt()
                yield self._telling.batch()
            self._proven = True
        except Refusal as refusal:
            if not self._proven:
                raise _refused(self._api, refusal) from refusal
            log.error("%s refuses what it granted before: %s", self._api.base, refusal)
        except ValueError as error:
            log.error("%s: an answer is not as documented: %s", self._api.base, error)

    def lists(self, every: float) -> list[Batch]:
        """Read who follows whom beside everything else; return what came of it."""
        if self._reading is None:
            if time.monotonic() - self._read_at >= every:
                self._reading = asyncio.create_task(_read_lists(self._api, self._telling.me))
                self._reading.add_done_callback(lambda _: self._stirred.set())
            return []
        if not self._reading.done():
            return []
        reading, self._reading = self._reading, None
        self._read_at = time.monotonic()
        try:
            return self._compare(reading.result())
        except (Refusal, ValueError, RecursionError) as error:
            log.error("Who follows whom cannot be read from %s: %s", self._api.base, error)
            return []

    def _compare(self, lists: _Lists) -> list[Batch]:
        telling, now_ms = self._telling, _now_ms()
        batches = []
        for direction, listed in lists.follows:
            batches += telling.arrived(direction, listed.members, now_ms, seed=self._backfill)
            if listed.complete:
                telling.departed(direction, listed.members, lists.begun_ms, now_ms)
        for id in telling.missing(lists.statuses, since=lists.statuses_since):
            self._doubted.setdefault(id, 1)
        telling.forget(now_ms)
        return [*batches, telling.batch()]

    async def _page(self, path: str, position: Position, limit: int) -> list[Item]:
        asked = {"min_id": position.after, "limit": str(limit)}
        if path == _NOTIFICATIONS:
            asked["include_filtered"] = "true"
        return read_items((await self._api.get(path, asked)).body)[::-1]

    async def _notifications(self) -> AsyncGenerator[Batch, None]:
        while True:
            before = self.cursor.notifications
            page = await self._page(_NOTIFICATIONS, before, 80)
            fresh = new(before, page)
            for item in fresh:
                self._telling.notified(item)
            self._move(notifications=advance(before, page))
            if not fresh and self.cursor.notifications == before:
                return
            yield self._telling.batch(self.cursor)

    async def _statuses(self) -> AsyncGenerator[Batch, None]:
        path = own_statuses(self._telling.me)
        while True:
            before = self.cursor.statuses
            page = await self._page(path, before, 40)
            fresh = new(before, page)
            statuses = self._telling.statuses(fresh)
            for id in self._telling.strangers(statuses):
                self._telling.accts[id] = await self._acct(id)
            for status in statuses:
                self._telling.posted(status)
            self._move(statuses=advance(before, page))
            if not fresh and self.cursor.statuses == before:
                return
            yield self._telling.batch(self.cursor)

    async def _favourites(self) -> AsyncGenerator[Batch, None]:
        while True:
            asked = {"min_id": self.cursor.favourites, "limit": "40"}
            answer = await self._api.get(_FAVOURITES, asked)
            for status in self._telling.statuses(read_items(answer.body)[::-1]):
                self._telling.favoured(status, _now_ms())
            newest = answer.links.get("prev", {}).get("min_id", self.cursor.favourites)
            if newest == self.cursor.favourites:
                return
            self._move(favourites=newest)
            yield self._telling.batch(self.cursor)

    def _move(self, **places: Position | str) -> None:
        self.cursor = msgspec.structs.replace(self.cursor, **places)

    async def _acct(self, id: str) -> str | None:
        try:
            return read_account((await self._api.get(f"/api/v1/accounts/{id}")).body).acct
        except (Refusal, ValueError):
            return None

    async def _doubt(self) -> None:
        """Look whether statuses are gone: a mute is told as a deletion, and may be undone."""
        for id, left in list(self._doubted.items()):
            if await self._is_gone(id) and self._telling.knows(id):
                self._telling.deleted(id, _now_ms())
            if left > 1 and self._telling.knows(id):
                self._doubted[id] = left - 1
            else:
                del self._doubted[id]

    async def _is_gone(self, status_id: str) -> bool:
        try:
            await self._api.get(f"/api/v1/statuses/{status_id}")
        except Refusal as refusal:
            return refusal.status in {404, 410}
        return False


class _Lists(NamedTuple):
    begun_ms: int
    follows: list[tuple[Direction, Listed]]
    statuses: set[str]
    statuses_since: str


async def _read_lists(api: Api, me: Me) -> _Lists:
    begun_ms = _now_ms()
    follows = [(direction, await read_list(api, me, name)) for direction, name in _ROSTERS]
    statuses, since = await recent_statuses(api, me)
    return _Lists(begun_ms, follows, statuses, since)


async def _newest(api: Api, path: str) -> Position:
    asked: Parameters = {"limit": "40"}
    if path == _NOTIFICATIONS:
        asked = {**asked, "include_filtered": "true"}
    return advance(Position(), read_items((await api.get(path, asked)).body)[::-1])


async def _end(task: asyncio.Task[object]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _refused(api: Api, refusal: Refusal) -> SourceFailed:
    advice = (
        f"the token needs the scopes {SCOPES}: make one at {api.base}/settings/applications"
        if refusal.status == 403
        else "is --instance the address of a Mastodon?"
    )
    return SourceFailed(f"{api.base} refuses what we ask for ({refusal}): {advice}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
