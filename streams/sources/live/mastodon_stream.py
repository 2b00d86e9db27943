"""Listens to an instance's stream as to a doorbell: it says that something happened, and where.

What happened is asked of the API, which gives it in order, from where we were, and complete: the
stream has no resume, skips what a user's policy filters, and may be silent without a word. So a
message of it is only a reason to ask now and not later, and none of its faults can cost an event.

https://docs.joinmastodon.org/methods/streaming/
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

import aiohttp
import msgspec
from yarl import URL

from streams.sources.live.backoff import Backoff
from streams.sources.live.mastodon_api import Api
from streams.sources.live.meters import Meters

log = logging.getLogger(__name__)

_LONGEST_EVENT = 4 << 20


class Message(NamedTuple):
    """One server-sent event."""

    event: str
    data: bytes


class Ring(NamedTuple):
    """Why the bell rang.

    Attributes:
        notifications: whether there are new ones.
        statuses: whether the account has posted.
        deleted: the id of a status that is said to be deleted; empty for none.
    """

    notifications: bool = False
    statuses: bool = False
    deleted: str = ""


EVERYTHING = Ring(True, True)


class Parser:
    """Server-sent events, whatever pieces they arrive in.

    https://html.spec.whatwg.org/multipage/server-sent-events.html
    """

    def __init__(self) -> None:
        self._rest = b""
        self._event = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[Message]:
        """Take what has arrived; return the messages that are complete.

        Raises:
            ValueError: a message has no end.
        """
        *lines, self._rest = (self._rest + piece).split(b"\n")
        messages = [message for line in lines if (message := self._line(line.removesuffix(b"\r")))]
        if len(self._rest) + self._size > _LONGEST_EVENT:
            raise ValueError(f"a message of the stream has more than {_LONGEST_EVENT} bytes")
        return messages

    def _line(self, line: bytes) -> Message | None:
        if not line:
            message = Message(self._event, b"\n".join(self._data))
            self._event, self._data, self._size = "", [], 0
            return message if message.event or message.data else None
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._event = value.decode(errors="replace")
        elif field == b"data":
            self._data.append(value)
            self._size += len(value) + 1
        return None


class _Author(msgspec.Struct):
    id: str


class _Update(msgspec.Struct):
    account: _Author


_update = msgspec.json.Decoder(_Update)


def reason(message: Message, my_id: str) -> Ring | None:
    """What a message is a reason to ask for; never raises on what it holds."""
    match message.event:
        case "notification" | "notifications_merged":
            return Ring(notifications=True)
        case "delete":
            return Ring(deleted=message.data.decode(errors="replace"))
        case "update":
            try:
                is_ours = _update.decode(message.data).account.id == my_id
            except (ValueError, RecursionError):
                is_ours = True
            return Ring(statuses=True) if is_ours else None
        case _:
            return None


class Bell:
    """A stream that is never given up.

    Args:
        api: of the account.
        host: where the stream is.
        my_id: of the account.
        meters: told of signs of life, and of connections made anew.
        ring: called when there is a reason to ask.
        silent: seconds without a byte after which it is made anew; an instance sends one every 15.
        backoff: between attempts.
    """

    def __init__(
        self,
        api: Api,
        host: URL,
        my_id: str,
        meters: Meters,
        ring: Callable[[Ring], None],
        silent: float,
        backoff: Backoff,
    ) -> None:
        self._api = api
        self._url = host.with_path("/api/v1/streaming/user")
        self._my_id = my_id
        self._meters = meters
        self._ring = ring
        self._silent = silent
        self._backoff = backoff

    async def listen(self) -> None:
        """Ring whenever there is a reason, for ever."""
        while True:
            try:
                await self._listen()
                why = "it closed the connection"
            except TimeoutError:
                why = f"no sign of life for {self._silent:.0f} s"
            except (aiohttp.ClientError, OSError, ValueError) as error:
                why = f"{type(error).__name__} {error}".strip()
            log.warning(
                "The stream of %s: %s; looking for news now and then until it is back",
                self._url.host,
                why,
            )
            self._meters.reconnected()
            await self._backoff.wait()

    async def _listen(self) -> None:
        async with asyncio.timeout(self._silent) as patience, self._api.stream(self._url) as answer:
            if answer.status != 200:
                raise ValueError(f"it answers {answer.status}")
            log.info("Listening to %s", self._url.host)
            self._ring(EVERYTHING)
            parser = Parser()
            connected = asyncio.get_running_loop().time()
            async for piece in answer.content.iter_any():
                self._meters.heard()
                now = asyncio.get_running_loop().time()
                patience.reschedule(now + self._silent)
                if now - connected > self._silent:
                    self._backoff.reset()  # it has held
                for message in parser.feed(piece):
                    if ring := reason(message, self._my_id):
                        self._ring(ring)
