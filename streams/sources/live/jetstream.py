"""A connection to Jetstream that is never given up: watched, resumed, and moved to another host.

A place in the stream is a time by the server's clock. v2 also numbers what it sends, but each host
for itself, while every host of either version takes a time. Clocks of hosts differ, and each sends
at least once, so we read again a little of what we have: whoever listens knows it when he sees it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Literal, NamedTuple

import aiohttp
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from yarl import URL

from streams.core.time import format_ms
from streams.sources.jetstream_wire import COLLECTIONS
from streams.sources.live.backoff import Backoff
from streams.sources.live.meters import Meters
from streams.sources.live.source import SourceFailed
from streams.sources.live.xrpc import Refusal

log = logging.getLogger(__name__)

Protocol = Literal["v1", "v2"]
Socket = ClientWebSocketResponse[Literal[False]]  # its messages are bytes

HOSTS: dict[Protocol, tuple[str, ...]] = {
    "v1": (
        "wss://jetstream1.us-east.bsky.network",
        "wss://jetstream2.us-east.bsky.network",
        "wss://jetstream1.us-west.bsky.network",
        "wss://jetstream2.us-west.bsky.network",
    ),
    "v2": ("wss://jetstream.us-east.bsky.network", "wss://jetstream.us-west.bsky.network"),
}
"""Those that Bluesky runs."""

LOOK_BACK_US = 36 * 3600 * 1_000_000
"""How far back Jetstream can be read."""

_SURELY_US = LOOK_BACK_US - 1800 * 1_000_000  # at its very edge it may be gone when we ask

SAME_HOST_US = 5 * 1_000_000
OTHER_HOST_US = 300 * 1_000_000
"""What is read again: of the host that we had, and of another, which may be behind it."""

_TOLERANCE_US = 60 * 1_000_000
"""So much later the first message may be than the last that we had: clocks differ."""

_PATHS: dict[Protocol, str] = {
    "v1": "/subscribe",
    "v2": "/xrpc/network.bsky.jetstream.subscribeEvents",
}
_MAX_MESSAGE = 1_000_000  # a record has at most as many bytes; an event that long is no event
_CHUNK = 1000  # messages that wait for us; the rest waits at the server


class Patience(NamedTuple):
    """How long to wait for what, in seconds.

    Attributes:
        connect: for a connection.
        ping: without a message, before the server is asked whether it is there.
        dead: without any sign, before the connection is given up.
        silent: without a message, though it answers, before it is made anew: the feed may be idle,
            or stuck. Doubles while nothing comes.
        silent_longest: see there.
        first: before the first new attempt; doubles.
        longest: between two attempts.
        failures: in a row, after which another host is tried.
    """

    connect: float = 15.0
    ping: float = 5.0
    dead: float = 20.0
    silent: float = 60.0
    silent_longest: float = 900.0
    first: float = 0.5
    longest: float = 60.0
    failures: int = 3


class Position(NamedTuple):
    """Behind which message of which host to go on: its time in µs. No host: whichever."""

    time_us: int
    host: str = ""


class Chunk(NamedTuple):
    """Messages of one host, none when it had nothing to say for a while."""

    host: str
    messages: Sequence[bytes]


class _GoneSilent(Exception):
    pass


class Connection:
    """Messages from whichever host has them.

    Args:
        session: with `tell_refusals`.
        protocol: which of the two.
        hosts: their URLs, the first is tried first.
        meters: told of signs of life, and of connections made anew.
        patience: see there.
    """

    def __init__(
        self,
        session: ClientSession,
        protocol: Protocol,
        hosts: Sequence[str],
        meters: Meters,
        patience: Patience,
    ) -> None:
        self.position: Position | None = None
        """From where the next connection reads; None: from now on."""
        self._session = session
        self._protocol: Protocol = protocol
        self._hosts = list(hosts)
        self._meters = meters
        self._patience = patience
        self._backoff = Backoff(patience.first, patience.longest)
        self._silence = patience.silent
        self._look_back_us = _SURELY_US
        self._too_old = False
        self._owed: Position | None = None  # until a first message shows whether we reached it
        self._failures = 0
        self._hopeless: set[str] | None = set()  # hosts that refuse us; None once one took us

    async def chunks(self) -> AsyncGenerator[Chunk, None]:
        """Yield what comes, for ever.

        Raises:
            SourceFailed: every host refuses what we ask for, from the start.
        """
        while True:
            host, rest = self._hosts[0], 0.0
            try:
                async with aclosing(self._connect(host)) as chunks:
                    async for chunk in chunks:
                        yield chunk
                why = "it closed the connection"
            except Refusal as refusal:
                why, rest = str(refusal), refusal.retry_after
                if refusal.error == "CursorTooOld":
                    self._go_less_far_back()
                elif not refusal.passes:
                    self._give_up_on(host, why)
            except _GoneSilent as end:
                why = str(end)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = f"{type(error).__name__} {error}".strip()
            self._failures += 1
            if self._failures >= self._patience.failures:
                self._hosts.append(self._hosts.pop(0))
                self._failures = 0
            log.warning("%s: %s; going on with %s", _shown(host), why, _shown(self._hosts[0]))
            self._meters.reconnected()
            await self._backoff.wait(rest)

    def read(self, host: str, first_us: int, last_us: int) -> bool:
        """Move the position behind what was read: the times of the first and last message of it.

        Returns whether all that was before is lost: a server that no longer has what we ask for
        begins later, v1 without a word.
        """
        owed, self._owed = self._owed, None
        lost = first_us - owed.time_us if owed is not None and owed.host else 0
        if lost > _TOLERANCE_US and owed is not None:
            self._meters.lost(lost / 1_000_000)
            log.error(
                "What happened from %s to %s is lost: %s no longer has it. Start again with "
                "--backfill to learn who has ceased to follow since",
                format_ms(owed.time_us // 1000),
                format_ms(first_us // 1000),
                _shown(host),
            )
        self._too_old = False
        self._look_back_us = _SURELY_US
        self.position = Position(last_us, host)
        return lost > _TOLERANCE_US

    async def _connect(self, host: str) -> AsyncGenerator[Chunk, None]:
        patience = self._patience
        socket = await self._open(host)
        self._hopeless = None
        self._owed = self.position
        log.info("Listening to %s", _shown(host))
        inbox = _Inbox(socket, self._meters.heard)
        filling = asyncio.create_task(inbox.fill())
        try:
            while True:
                await inbox.wait(patience.ping)
                if messages := inbox.take():
                    self._backoff.reset()
                    self._failures = 0
                    self._silence = patience.silent
                    yield Chunk(host, messages)
                elif filling.done():
                    filling.result()
                    return
                else:
                    yield Chunk(host, ())
                    self._judge(inbox)
                    await socket.ping()
        finally:
            filling.cancel()
            await asyncio.wait({filling})
            if not filling.cancelled():
                filling.exception()  # looked at, so that nobody complains of it
            await socket.close()

    async def _open(self, host: str) -> Socket:
        url = URL(host.rstrip("/") + _PATHS[self._protocol])
        async with asyncio.timeout(self._patience.connect):
            return await self._session.ws_connect(
                url,
                params=[*self._parameters(), *self._cursor(host)],
                protocols=("xrpc.v1.json",) if self._protocol == "v2" else (),
                autoping=False,
                max_msg_size=4 * _MAX_MESSAGE,
                decode_text=False,
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            )

    def _parameters(self) -> list[tuple[str, str]]:
        limit = ("maxMessageSizeBytes", str(_MAX_MESSAGE))
        if self._protocol == "v1":
            return [limit, *(("wantedCollections", name) for name in COLLECTIONS)]
        kinds = [("kinds", "commit"), ("kinds", "account")]
        return [limit, *kinds, *(("collections", name) for name in COLLECTIONS)]

    def _cursor(self, host: str) -> list[tuple[str, str]]:
        if self.position is None:
            return []
        again = SAME_HOST_US if host == self.position.host else OTHER_HOST_US
        wanted = self.position.time_us - again
        if self._too_old:
            wanted = max(wanted, time.time_ns() // 1000 - self._look_back_us)
            log.warning(
                "%s no longer has what happened since %s; reading from %s on",
                _shown(host),
                format_ms(self.position.time_us // 1000),
                format_ms(wanted // 1000),
            )
        return [("cursor", str(max(0, wanted)))]

    def _go_less_far_back(self) -> None:
        """From the oldest that there is; where that is, only trying tells."""
        if self._too_old:
            self._look_back_us -= self._look_back_us // 8
        self._too_old = True
        self._failures = 0  # it answers: it is we who ask for too much
        self._backoff.reset()

    def _give_up_on(self, host: str, why: str) -> None:
        self._failures = self._patience.failures
        if self._hopeless is None:
            return  # it took us before: this will pass
        self._hopeless.add(host)
        if self._hopeless >= set(self._hosts):
            raise SourceFailed(
                f"no Jetstream takes our request; the last, {_shown(host)}: {why}. Are --host and "
                f"--protocol right ({self._protocol} asks for {_PATHS[self._protocol]})?"
            )

    def _judge(self, inbox: _Inbox) -> None:
        """Tell idle from stuck from dead."""
        if inbox.unheard > self._patience.dead:
            raise _GoneSilent(f"no sign of life for {inbox.unheard:.0f} s")
        if inbox.idle > self._silence:
            self._silence = min(2 * self._silence, self._patience.silent_longest)
            raise _GoneSilent(f"it answers, and has said nothing for {inbox.idle:.0f} s")


class _Inbox:
    """What has come and is not taken; while it is full, nothing more is read."""

    def __init__(self, socket: Socket, sign: Callable[[], None]) -> None:
        self._sign = sign
        self._socket = socket
        self._messages: list[bytes] = []
        self._arrived, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._last_sign = self._last_message = time.monotonic()

    @property
    def unheard(self) -> float:
        """Seconds since the last sign of life."""
        return time.monotonic() - self._last_sign

    @property
    def idle(self) -> float:
        """Seconds since the last message, or the connection."""
        return time.monotonic() - self._last_message

    async def fill(self) -> None:
        """Read until the connection ends."""
        try:
            async for message in self._socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                    self._messages.append(message.data)
                    self._arrived.set()
                    if len(self._messages) >= _CHUNK:
                        self._room.clear()
                        await self._room.wait()
                elif message.type is WSMsgType.PING:
                    await self._socket.pong(message.data)
                elif message.type is WSMsgType.ERROR:
                    raise aiohttp.ClientError(f"broken frame: {message.data}")
                elif message.type is WSMsgType.PONG:
                    self._last_sign = time.monotonic()
                    self._sign()
        finally:
            self._arrived.set()

    async def wait(self, seconds: float) -> None:
        """Until something has come, or the end, or so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._arrived.wait()

    def take(self) -> list[bytes]:
        """Everything that has come."""
        taken, self._messages = self._messages, []
        self._arrived.clear()
        self._room.set()
        if taken:
            self._last_sign = self._last_message = time.monotonic()
            self._sign()
        return taken


def _shown(host: str) -> str:
    """A URL as it may be logged: without what might be secret in it."""
    url = URL(host)
    return f"{url.scheme}://{url.host}" + (f":{url.explicit_port}" if url.explicit_port else "")
