"""Asks a Mastodon instance over HTTP: as often as it likes, and never anybody else.

The token goes to the instance alone. Redirects are not followed, and of a link to a next page only
the parameters are taken: whoever can write one cannot lead us, or the token, to another host.

https://docs.joinmastodon.org/api/rate-limits/, https://docs.joinmastodon.org/api/guidelines/
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import aiohttp
import msgspec
from aiohttp import ClientResponse, ClientSession
from yarl import URL

from streams.sources.live.backoff import Backoff
from streams.sources.live.source import SourceFailed

log = logging.getLogger(__name__)

MAX_BYTES = 16 << 20
"""Of an answer."""

LONGEST_REST = 900.0
"""Seconds that an instance may make us wait: one that asks for more is asked again before."""

SCOPES = "read:accounts read:statuses read:notifications read:favourites, or just read"

Parameters = Mapping[str, str]


class Refusal(Exception):
    """A request that was answered, and will not be granted: its status and the reason given."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}".strip())
        self.status = status


class Answer(NamedTuple):
    """A body, and the parameters of the pages that it is linked to, by relation (next, prev)."""

    body: bytes
    links: Mapping[str, Parameters]


class _Error(msgspec.Struct):
    error: str = ""


class Api:
    """One instance, asked in the name of one account.

    Args:
        session: of the process.
        base: URL of the instance.
        token: of the account.
        heard: called at each answer.
        backoff: between attempts.
    """

    def __init__(
        self,
        session: ClientSession,
        base: str,
        token: str,
        heard: Callable[[], None],
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self.base = URL(base).origin()
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}
        self._heard = heard
        self._backoff = backoff
        self._left = 1.0  # share of the requests that we have until `_reset`
        self._reset = 0.0  # by the clock of the event loop

    async def get(
        self, path: str, parameters: Parameters | None = None, *, spare: float = 0.0
    ) -> Answer:
        """Ask, again and again while the instance is busy or away.

        Args:
            path: of the endpoint.
            parameters: of the query.
            spare: the share of our requests that is left to others: what can wait, waits.

        Raises:
            Refusal: it will not answer this (403, 404, …).
            SourceFailed: the token is not valid, or this is no API.
        """
        backoff = self._backoff()
        while True:
            if self._left <= spare:
                await asyncio.sleep(max(0.0, self._reset - _now()))
            try:
                async with self._session.get(
                    self.base.with_path(path),
                    params=parameters,
                    headers=self._headers,
                    allow_redirects=False,
                ) as response:
                    rest = self._note_limits(response)
                    body = await _read(response)
                    self._heard()
                    failure = self._judge(response, body)
                    if failure is None:
                        return Answer(body, _links(response))
            except (aiohttp.ClientError, TimeoutError, OSError, _TooLong) as error:
                failure, rest = f"{type(error).__name__} {error}".strip(), 0.0
            log.warning("%s%s: %s; asking again", self.base, path, failure)
            await backoff.wait(rest)

    def stream(self, url: URL) -> aiohttp.client._RequestContextManager:
        """Open a stream of the account."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=15)
        return self._session.get(url, headers=self._headers, allow_redirects=False, timeout=timeout)

    def _judge(self, response: ClientResponse, body: bytes) -> str | None:
        """What passes, as a sentence; None for success."""
        status = response.status
        if status == 200:
            return None
        reason = f"{status} {_reason(body) or response.reason or ''}".strip()
        if status in {408, 425, 429} or status >= 500:
            return reason
        if 300 <= status < 400:
            there = URL(response.headers.get("Location", "")).host or "elsewhere"
            raise SourceFailed(
                f"{self.base} sends us on to {there}: give --instance the address at which the "
                "instance's web interface is"
            )
        if status == 401:
            raise SourceFailed(
                f"{self.base} does not take the token ({reason}): make one at {self.base}"
                f"/settings/applications with the scopes {SCOPES}, and start the source again"
            )
        raise Refusal(status, _reason(body) or response.reason or "")

    def _note_limits(self, response: ClientResponse) -> float:
        """Note how many requests are left; return the seconds to wait if this one was too many."""
        headers = response.headers
        rest = _until(headers.get("X-RateLimit-Reset"), headers.get("Date"))
        try:
            limit = float(headers["X-RateLimit-Limit"])
            self._left = float(headers["X-RateLimit-Remaining"]) / limit
            self._reset = _now() + rest
        except (KeyError, ValueError, ZeroDivisionError):
            self._left = 1.0
        if response.status not in {429, 503}:
            return 0.0
        try:
            return min(LONGEST_REST, max(0.0, float(headers["Retry-After"])))
        except (KeyError, ValueError):
            return rest


class _TooLong(Exception):
    pass


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _read(response: ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BYTES:
            raise _TooLong(f"the answer has more than {MAX_BYTES} bytes")
    return bytes(body)


def _reason(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Error).error[:200]
    except (ValueError, RecursionError):
        return ""


def _links(response: ClientResponse) -> dict[str, Parameters]:
    try:
        return {
            relation: dict(url.query)
            for relation, link in response.links.items()
            if isinstance(url := link.get("url"), URL)
        }
    except ValueError:  # a URL that is none
        return {}


def _until(moment: str | None, date: str | None) -> float:
    """Seconds until a moment (ISO 8601), by the clock of whoever names it."""
    if moment is None:
        return 0.0
    try:
        end = datetime.fromisoformat(moment)
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return min(LONGEST_REST, max(0.0, (end - now).total_seconds()))
    except (ValueError, TypeError, OverflowError):
        return 0.0
