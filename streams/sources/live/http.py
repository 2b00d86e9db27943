"""HTTP as the gateway speaks it: bounded in size and in time, with errors as problem details.

https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from errno import EADDRINUSE
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from streams.metrics.server import CannotListenError

CONNECTIONS = 1000
"""Connections at once; further ones are closed at once."""

HEAD_TIMEOUT = 15.0
"""Seconds in which the first head of a connection must be there."""

IDLE_TIMEOUT = 75.0
"""Seconds that a connection may wait for its next request."""

BODY_TIMEOUT = 30.0
"""Seconds in which a body must be there."""

STOP_TIMEOUT = 10.0
"""Seconds that requests under way are given when we are told to stop."""

_OURS = {"Server": "closeknit"}  # aiohttp would tell its version, and Python's
_JSON = {**_OURS, "Content-Type": "application/json"}

Respond = Callable[[web.BaseRequest], Awaitable[web.Response]]


class Problem(Exception):
    """An answer that says why not; `more` is added to its document."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self._document = {"title": title, "status": status, "detail": detail, **more}
        self._headers = headers

    def response(self) -> web.Response:
        """Return it as an answer."""
        return web.Response(
            status=self.status,
            body=orjson.dumps(self._document),
            content_type="application/problem+json",
            headers={**_OURS, **self._headers},
        )


def answer(status: int, document: Any) -> web.Response:
    """Return a JSON answer."""
    return web.Response(status=status, body=orjson.dumps(document), headers=_JSON)


def declared_size(request: web.BaseRequest, limit: int) -> int:
    """How much of a body must be reckoned with.

    Raises:
        Problem: more than is allowed.
    """
    size = request.content_length
    if size is None:
        return limit if request.can_read_body else 0
    if size > limit:
        raise _too_large(limit)
    return size


async def bounded_body(request: web.BaseRequest, limit: int) -> bytes:
    """Read a body.

    Raises:
        Problem: it is too large, too slow, or cut off.
    """
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    body = bytearray()
    try:
        if request.content.is_eof():  # it came with its head, as most do
            body += request.content.read_nowait()
        else:
            async with asyncio.timeout(BODY_TIMEOUT):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > limit:
                        break
    except TimeoutError:
        detail = f"the body was not there within {BODY_TIMEOUT:g} s"
        raise Problem(408, "Too slow", detail, headers={"Connection": "close"}) from None
    except (ClientPayloadError, HttpProcessingError, web.RequestPayloadError):
        raise Problem(400, "Broken body", "the body is not as its head announced it") from None
    if len(body) > limit:
        raise _too_large(limit)
    return bytes(body)


def unpacked(request: web.BaseRequest, body: bytes, limit: int) -> bytes:
    """Unpack a body that is gzipped.

    Raises:
        Problem: it is packed otherwise, damaged, or too large when unpacked.
    """
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise Problem(415, "Wrong encoding", "send the body as it is, or gzipped")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise Problem(400, "Broken body", "the body is not gzip, as its head says") from None
    if len(unpacked) > limit:
        raise _too_large(limit)
    if not unpacker.eof:
        raise Problem(400, "Broken body", "the gzipped body ends too early")
    return unpacked


@asynccontextmanager
async def listening(respond: Respond, host: str, port: int) -> AsyncIterator[int]:
    """Listen, on the port that is yielded; at the end whoever was heard is still answered.

    Raises:
        CannotListenError: the port is taken, or the address is not this machine's.
    """
    server = _Server(
        respond,
        request_factory=None,
        access_log=None,
        logger=logging.getLogger("closeknit.http"),
        keepalive_timeout=IDLE_TIMEOUT,
        # Signatures are of what was sent, so it is not unpacked before they are checked.
        auto_decompress=False,
        lingering_time=2.0,
    )
    try:
        listener = await asyncio.get_running_loop().create_server(server, host, port, backlog=512)
    except OSError as error:
        reason = "it is taken" if error.errno == EADDRINUSE else error.strerror or str(error)
        advice = f"cannot listen on {host}, port {port}: {reason}; choose with --listen HOST:PORT"
        raise CannotListenError(error.errno, advice) from error
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await server.shutdown(STOP_TIMEOUT)


class _Server(web.Server):
    """aiohttp's, which of itself would wait for ever for a connection's first request."""

    def __init__(self, handler: Respond, **options: Any) -> None:
        super().__init__(handler, **options)
        self._silent: dict[RequestHandler, asyncio.TimerHandle] = {}

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > CONNECTIONS:
            transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._silent[handler] = loop.call_later(HEAD_TIMEOUT, handler.force_close)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        self._heard(handler)
        super().connection_lost(handler, exc)

    def _make_request(self, message: Any, payload: Any, protocol: Any, *rest: Any) -> Any:
        self._heard(protocol)
        return super()._make_request(message, payload, protocol, *rest)

    def _heard(self, handler: RequestHandler) -> None:
        if (timer := self._silent.pop(handler, None)) is not None:
            timer.cancel()


def _too_large(limit: int) -> Problem:
    return Problem(
        413,
        "Too large",
        f"the body is larger than {limit} bytes: send less at a time",
        headers={"Connection": "close"},
    )
