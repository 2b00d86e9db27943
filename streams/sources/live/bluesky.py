"""Bluesky, live: what Jetstream says of our accounts, and who followed them before."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing

import aiohttp
import msgspec
from aiohttp import ClientSession

from schemas.events import Event, Reason
from streams.sources.jetstream import Deed, Watch
from streams.sources.jetstream_wire import Notice, StreamEnds, read_v1, read_v2
from streams.sources.live.followers import followers, resolve
from streams.sources.live.jetstream import (
    HOSTS,
    LOOK_BACK_US,
    Chunk,
    Connection,
    Patience,
    Position,
    Protocol,
)
from streams.sources.live.meters import Meters
from streams.sources.live.source import Batch, Kept, Refused
from streams.sources.live.xrpc import Xrpc, tell_refusals

log = logging.getLogger(__name__)

API = "https://public.api.bsky.app"
"""Bluesky's own: public, 3,000 requests in 5 minutes."""

UNKNOWN_TYPE = "ignored: a type of message that we do not know"
ODD_RECORD = "ignored: a record that is not as its collection says"
NO_FOLLOW_SHOWN = "ignored: follower whose follow is not shown"

_CURSOR_EVERY = 1.0
"""Seconds after which the cursor moves though nothing concerned us."""

_IDLE = 3
"""Empty chunks in a row after which a stream has told what it has: one begins with a search."""

_FORGET_EVERY_US = 3600 * 1_000_000

_TID = "234567abcdefghijklmnopqrstuvwxyz"

_cursor = msgspec.json.Decoder(Position)
_deed = msgspec.json.Decoder(Deed)


class Bluesky:
    """The source `bluesky`.

    Args:
        accounts: DIDs or handles.
        meters: of the process.
        name: see `Source`.
        protocol: of Jetstream.
        hosts: of Jetstream; default: those that Bluesky runs.
        api: who resolves handles and knows followers.
        backfill: whether to begin with today's followers, and as far back as Jetstream goes.
        patience: with Jetstream.
    """

    def __init__(
        self,
        accounts: Sequence[str],
        meters: Meters,
        *,
        name: str = "bluesky",
        protocol: Protocol = "v2",
        hosts: Sequence[str] = (),
        api: str = API,
        backfill: bool = False,
        patience: Patience | None = None,
    ) -> None:
        self.name = name
        self._accounts = accounts
        self._meters = meters
        self._protocol: Protocol = protocol
        self._hosts = hosts or HOSTS[protocol]
        self._api = api
        self._backfill = backfill
        self._patience = patience or Patience()

    async def batches(self, kept: Kept) -> AsyncGenerator[Batch, None]:
        """See `Source`."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
        async with ClientSession(middlewares=(tell_refusals,), timeout=timeout) as session:
            api = Xrpc(session, self._api, self._meters.heard)
            dids = [await resolve(api, account) for account in self._accounts]
            log.info("Watching %s", ", ".join(dids))
            listening = _Listening(self.name, dids, kept, self._protocol)
            connection = Connection(
                session, self._protocol, self._hosts, self._meters, self._patience
            )
            connection.position = _position(kept.cursor)
            if self._backfill:
                async with aclosing(_begin(listening, api, connection, kept)) as begun:
                    async for batch in begun:
                        yield batch
            async with aclosing(_listen(listening, connection)) as heard:
                async for batch in heard:
                    yield batch


async def _begin(
    listening: _Listening, api: Xrpc, connection: Connection, kept: Kept
) -> AsyncGenerator[Batch, None]:
    """Today's followers; then the stream from as far back as it goes."""
    now_us = time.time_ns() // 1000
    if connection.position is None:
        connection.position = Position(now_us - LOOK_BACK_US)
    for account in listening.accounts:
        if _mark(account) in kept.memory:
            continue
        still: set[str] = set()
        pages = followers(api, account, lambda member: listening.watch.follows(member, account))  # noqa: B023
        async with aclosing(pages):
            async for page in pages:
                still.update(page.members)
                log.info("Followers of %s: %d so far", account, len(still))
                for member, uri in page.records.items():
                    listening.meet(account, member, uri, connection.position.time_us, now_us)
                yield listening.batch()
        listening.met(account, still, now_us)


async def _listen(listening: _Listening, connection: Connection) -> AsyncGenerator[Batch, None]:
    last_yield = time.monotonic()
    async with aclosing(connection.chunks()) as chunks:
        async for chunk in chunks:
            times = listening.hear(chunk)
            if times is not None and connection.read(chunk.host, *times):
                listening.outdate()
            due = time.monotonic() - last_yield > _CURSOR_EVERY
            if listening.has_news or (due and listening.has_moved):
                last_yield = time.monotonic()
                yield listening.batch(connection.position)


class _Listening:
    """What was heard and is not yet said."""

    def __init__(self, name: str, accounts: Sequence[str], kept: Kept, protocol: Protocol) -> None:
        deeds = {
            uri: _deed.decode(value)
            for uri, value in kept.memory.items()
            if uri.startswith("at://")
        }
        self.accounts = accounts
        self.watch = Watch(accounts, deeds, self._remember)
        self.has_moved = False
        self._topic = f"source:{name}"
        self._read = read_v1 if protocol == "v1" else read_v2
        self._events: list[Event] = []
        self._memory: dict[str, bytes | None] = {}
        self._refused: list[Refused] = []
        self._backfilled: list[str] = []
        self._backfilled_until_us = 0
        self._forgot_us = 0
        self._idle = 0

    @property
    def has_news(self) -> bool:
        """Whether there is more to say than that the cursor moved."""
        return bool(self._events or self._memory or self._refused)

    def hear(self, chunk: Chunk) -> tuple[int, int] | None:
        """Take messages in; return the times of the first and the last."""
        first_us = last_us = 0
        for message in chunk.messages:
            notice = self._notice(message)
            if notice is not None:
                first_us, last_us = first_us or notice.time_us, notice.time_us
                self._tell(notice)
        self._idle = 0 if chunk.messages else self._idle + 1
        if self._backfilled and (self._idle > _IDLE or last_us >= self._backfilled_until_us):
            self._end_backfill()
        if not last_us:
            return None
        self.has_moved = True
        if last_us > self._forgot_us + _FORGET_EVERY_US:
            self._forgot_us = last_us
            self.watch.forget(last_us)
        return first_us, last_us

    def meet(self, account: str, member: str, uri: str, since_us: int, now_us: int) -> None:
        """Take a follower in, but for the stream's to tell: whose follow began since then."""
        if not uri.startswith(f"at://{member}/"):
            self.watch.left_out[NO_FOLLOW_SHOWN] += 1
        elif _tid_us(uri.rpartition("/")[2]) > since_us:
            self.watch.await_follow(uri, account)
        else:
            self._events += self.watch.seed(uri, account, now_us // 1000)

    def met(self, account: str, still: Collection[str], now_us: int) -> None:
        """Note that all followers are met: nobody else follows, and nobody is awaited for long."""
        self._events += self.watch.part(account, still, now_us)
        self._backfilled.append(account)
        self._backfilled_until_us = now_us

    def outdate(self) -> None:
        """Note that something was missed: the next backfill is to look at everybody again."""
        self._memory |= dict.fromkeys(map(_mark, self.accounts))

    def batch(self, position: Position | None = None) -> Batch:
        """Everything that is to be said."""
        cursor = None if position is None else msgspec.json.encode(position)
        said = Batch(self._events, self._memory, cursor, self._refused, dict(self.watch.left_out))
        self._events, self._memory, self._refused = [], {}, []
        self.watch.left_out.clear()
        self.has_moved = False
        return said

    def _notice(self, message: bytes) -> Notice | None:
        try:
            notice = self._read(message)
        except StreamEnds as end:  # it closes the connection, which is then made anew
            log.warning("The Jetstream says: %s", end)
            return None
        except (ValueError, RecursionError) as error:
            self._refused.append(Refused(message, _reason(error), str(error), self._topic))
            return None
        if notice is None:
            self.watch.left_out[UNKNOWN_TYPE] += 1
        return notice

    def _tell(self, notice: Notice) -> None:
        try:
            self._events += self.watch.tell(notice)
        except (ValueError, RecursionError):  # of anybody's making, and of everybody's stream
            self.watch.left_out[ODD_RECORD] += 1

    def _end_backfill(self) -> None:
        self._events += self.watch.release(self._backfilled_until_us // 1000)
        for account in self._backfilled:
            self._memory[_mark(account)] = b"done"
        self._backfilled.clear()
        log.info("The backfill is done: followers and look-back are in")

    def _remember(self, uri: str, deed: Deed | None) -> None:
        self._memory[uri] = None if deed is None else msgspec.json.encode(deed)


def _mark(account: str) -> str:
    return f"backfill {account}"


def _reason(error: Exception) -> Reason:
    is_type = isinstance(error, msgspec.ValidationError)
    return Reason.WRONG_TYPE if is_type else Reason.NOT_JSON


def _position(cursor: bytes | None) -> Position | None:
    return None if cursor is None else _cursor.decode(cursor)


def _tid_us(rkey: str) -> int:
    """When a record key of 13 such digits was made (µs since 1970), if it is one; else 0.

    https://atproto.com/specs/tid
    """
    number = 0
    for digit in rkey if len(rkey) == 13 else "":
        found = _TID.find(digit)
        if found < 0:
            return 0
        number = number << 5 | found
    return number >> 10
