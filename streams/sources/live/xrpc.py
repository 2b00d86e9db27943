"""Asks a Bluesky service over HTTP, as often as it likes, and says why it refuses.

https://atproto.com/specs/xrpc
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession

from streams.sources.live.backoff import Backoff
from streams.sources.live.source import SourceFailed

log = logging.getLogger(__name__)

T = TypeVar("T")

_MAX_BYTES = 8 << 20
_MAX_REFUSAL = 4096
_LONGEST_REST = 900.0
"""Seconds that a service may make us wait: one that asks for more is asked again before."""

_PASSING = {408, 425, 429}


class Refusal(Exception):
    """A request that was answered, and refused.

    Attributes:
        status: of HTTP.
        error: the name that the service gives to the reason; may be empty.
        retry_after: seconds to wait before asking again; 0 if it does not say.
    """

    def __init__(self, status: int, error: str, message: str, retry_after: float) -> None:
        super().__init__(" ".join(filter(None, [str(status), error, message])))
        self.status = status
        self.error = error
        self.retry_after = retry_after

    @property
    def passes(self) -> bool:
        """Whether the same request may be taken later."""
        return self.status >= 500 or self.status in _PASSING


class _Reason(msgspec.Struct):
    error: str = ""
    message: str = ""


async def tell_refusals(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """A middleware that raises `Refusal`, with the reason, also where a WebSocket was wanted."""
    response = await handler(request)
    if response.status < 300:
        return response
    try:
        body = await response.content.read(_MAX_REFUSAL)
    finally:
        response.close()
    try:
        reason = msgspec.json.decode(body, type=_Reason)
    except ValueError:
        reason = _Reason("", response.reason or "")
    rest = _rest(response.headers.get("Retry-After"), response.headers.get("RateLimit-Reset"))
    raise Refusal(response.status, reason.error[:80], reason.message[:200], rest)


def _rest(seconds: str | None, reset: str | None) -> float:
    """Seconds to wait: as the header says, or until the time (s since 1970) that the other says."""
    try:
        if seconds is not None:
            return min(_LONGEST_REST, max(0.0, float(seconds)))
        if reset is not None:
            return min(_LONGEST_REST, max(0.0, float(reset) - time.time()))
    except ValueError:  # a date, or nonsense: our own patience will do
        pass
    return 0.0


class Xrpc:
    """Queries to one service.

    Args:
        session: with `tell_refusals`.
        base: its URL.
        heard: called at each answer, a refusal too.
        attempts: of one query, before it is given up.
    """

    def __init__(
        self, session: ClientSession, base: str, heard: Callable[[], None], attempts: int = 12
    ) -> None:
        self._session = session
        self._base = base.rstrip("/")
        self._heard = heard
        self._attempts = attempts

    async def get(self, method: str, parameters: Sequence[tuple[str, str]], kind: type[T]) -> T:
        """Ask, again and again while the service is busy or away.

        Raises:
            Refusal: it will not answer this.
            SourceFailed: it did not answer this for a long time, or not as documented.
        """
        url = f"{self._base}/xrpc/{method}"
        backoff = Backoff()
        for _ in range(self._attempts):
            rest = 0.0
            try:
                async with self._session.get(
                    url, params=parameters, allow_redirects=False
                ) as response:
                    body = await _read(response)
                self._heard()
                return msgspec.json.decode(body, type=kind)
            except Refusal as refusal:
                self._heard()
                if not refusal.passes:
                    raise
                failure, rest = str(refusal), refusal.retry_after
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                failure = f"{type(error).__name__} {error}".strip()
            except ValueError as error:
                raise SourceFailed(
                    f"the answer of {url} is not as documented ({error}): is --api right?"
                ) from error
            log.warning("%s: %s; asking again", method, failure)
            await backoff.wait(rest)
        raise SourceFailed(f"{url} does not answer ({failure}): is --api right? Try again later")


async def _read(response: ClientResponse) -> bytes:
    body = b""
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES} bytes")
    return body
