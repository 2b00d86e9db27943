"""A Jetstream of the test's own: it plays a recording, as v1 or v2, and misbehaves as it is told.

It runs in a thread with a loop of its own, so that it serves processes and coroutines alike. Beside
the streams it answers the three queries about accounts that a backfill asks.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from bisect import bisect_left
from collections.abc import Coroutine, Mapping, Sequence
from random import Random
from typing import Any, Self, TypeVar

import msgspec
from aiohttp import web

T = TypeVar("T")

_BURST = 10

_line = msgspec.json.Decoder(dict[str, Any])


class JetstreamServer:
    """Plays lines of v1, in their order, to whoever subscribes.

    Without a cursor it begins at the first line; at the last it waits for more (`tell`).

    Attributes:
        sent: lines sent so far, to all together.
        cursors: what was asked for, in this order; None without a cursor.
        requests: method and parameters of each query.
        oldest: index of the first line that it still has.
        pace: seconds between bursts of ten.
        drop_after: the most lines that a connection gets before it is cut; 0 cuts none.
        hushes: share of the cuts that are none: the connection stays, and says nothing more.
        back: by how many lines at most it begins before the cursor.
        garbage: what it says now and then that is no line.
        silent_after: lines after which it says nothing more; None for never.
        deaf: whether it answers no ping either.
        refusals: statuses with which it answers the next subscriptions and queries.
        followers: by account: member and URI of the follow (empty: it is not shown).
        handles: DID by handle.
    """

    def __init__(self, lines: Sequence[bytes], seed: int = 0) -> None:
        self.sent = 0
        self.subscribed = 0
        self.cursors: list[int | None] = []
        self.requests: list[tuple[str, list[tuple[str, str]]]] = []
        self.oldest = 0
        self.pace = 0.0
        self.drop_after = 0
        self.hushes = 0.0
        self.back = 0
        self.garbage: Sequence[bytes] = ()
        self.silent_after: int | None = None
        self.deaf = False
        self.refusals: list[tuple[int, Mapping[str, str]]] = []
        self.followers: dict[str, list[tuple[str, str]]] = {}
        self.handles: dict[str, str] = {}
        self._random = Random(seed)
        self._lines: list[bytes] = []
        self._times: list[int] = []
        self._port = 0
        self._playing: dict[web.WebSocketResponse, asyncio.Task[Any]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.tell(lines)

    def __enter__(self) -> Self:
        self._thread.start()
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def tell(self, lines: Sequence[bytes]) -> None:
        """Have more to say."""
        self._times += [_line.decode(line)["time_us"] for line in lines]
        self._lines += lines

    def up(self) -> None:
        """Serve: at the same port as before, if there was one."""

        async def start() -> None:
            app = web.Application()
            app.router.add_get("/subscribe", self._v1)
            app.router.add_get("/xrpc/network.bsky.jetstream.subscribeEvents", self._v2)
            app.router.add_get("/xrpc/{method}", self._query)
            self._runner = web.AppRunner(app, shutdown_timeout=0.1)
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
            await site.start()
            self._port = self._runner.addresses[0][1]

        self._run(start())

    def down(self) -> None:
        """Be gone, as a server that is killed."""

        async def stop() -> None:
            await self._cut()
            await self._runner.cleanup()

        self._run(stop())

    def cut(self) -> None:
        """Cut every connection."""
        self._run(self._cut())

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _cut(self) -> None:
        for socket, playing in list(self._playing.items()):
            _abort(socket)
            playing.cancel()
            await asyncio.wait({playing})

    async def _v1(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal():
            return refusal
        return await self._play(request, self._oldest_from(request), lambda line, _: line)

    async def _v2(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._refusal():
            return refusal
        cursor = request.query.get("cursor")
        if cursor is not None and self.oldest and int(cursor) < self._times[self.oldest]:
            self.cursors.append(int(cursor))
            body = {"error": "CursorTooOld", "message": "the cursor is out of the look-back"}
            return web.json_response(body, status=400)
        return await self._play(request, self._oldest_from(request), as_v2)

    def _oldest_from(self, request: web.Request) -> int:
        cursor = request.query.get("cursor")
        self.cursors.append(None if cursor is None else int(cursor))
        start = 0 if cursor is None else bisect_left(self._times, int(cursor))
        return max(self.oldest, start - self._random.randint(0, self.back))

    async def _play(self, request: web.Request, place: int, render: Any) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            autoping=not self.deaf, timeout=0.1, protocols=("xrpc.v1.json",)
        )
        await socket.prepare(request)
        playing = asyncio.current_task()
        assert playing is not None
        self._playing[socket] = playing
        self.subscribed += 1
        hearing = asyncio.create_task(self._hear(socket))
        left = self._random.randint(1, self.drop_after) if self.drop_after else None
        said, hushed = 0, False
        try:
            while not socket.closed and not hearing.done():
                if hushed or place == len(self._lines) or said == self.silent_after:
                    await asyncio.sleep(0.01)  # a server at the end of what it has polls for more
                    continue
                if self.garbage and self._random.random() < 0.1:
                    await socket.send_bytes(self._random.choice(self.garbage))
                await socket.send_str(render(self._lines[place], place).decode())
                place, said, self.sent = place + 1, said + 1, self.sent + 1
                if said == left:
                    hushed = self._random.random() < self.hushes
                    if not hushed:
                        _abort(socket)
                        break
                if said % _BURST == 0:
                    await asyncio.sleep(self.pace)
        except ConnectionError:
            pass
        finally:
            hearing.cancel()
            await asyncio.wait({hearing})
            del self._playing[socket]
        return socket

    async def _hear(self, socket: web.WebSocketResponse) -> None:
        if self.deaf:
            await asyncio.Event().wait()
        async for _ in socket:
            pass

    async def _query(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.requests.append((method, list(request.query.items())))
        if refusal := self._refusal():
            return refusal
        query = request.query
        match method:
            case "com.atproto.identity.resolveHandle":
                if query["handle"] not in self.handles:
                    body = {"error": "InvalidRequest", "message": "Unable to resolve handle"}
                    return web.json_response(body, status=400)
                return web.json_response({"did": self.handles[query["handle"]]})
            case "app.bsky.graph.getFollowers":
                everybody = self.followers.get(query["actor"], [])
                start = int(query.get("cursor", 0))
                end = start + int(query["limit"])
                page: dict[str, Any] = {
                    "subject": {"did": query["actor"]},
                    "followers": [{"did": did, "handle": "x"} for did, _ in everybody[start:end]],
                }
                return web.json_response(page | ({"cursor": str(end)} if everybody[end:] else {}))
            case "app.bsky.graph.getRelationships":
                others = query.getall("others")
                if len(others) > 30:
                    return web.json_response({"error": "InvalidRequest"}, status=400)
                by = dict(self.followers.get(query["actor"], []))
                relationships = [
                    {"$type": "app.bsky.graph.defs#relationship", "did": other}
                    | ({"followedBy": by[other]} if by.get(other) else {})
                    for other in others
                ]
                return web.json_response({"actor": query["actor"], "relationships": relationships})
        return web.json_response({"error": "MethodNotImplemented"}, status=501)

    def _refusal(self) -> web.Response | None:
        if not self.refusals:
            return None
        status, headers = self.refusals.pop(0)
        body = {"error": "Refused", "message": "as told"}
        return web.json_response(body, status=status, headers=headers)


def _abort(socket: web.WebSocketResponse) -> None:
    request = socket._req
    if request is not None and request.transport is not None:
        request.transport.abort()


def as_v2(line: bytes, place: int) -> bytes:
    """A line of v1 as a frame of v2."""
    notice = _line.decode(line)
    seconds, micros = divmod(notice["time_us"], 1_000_000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    kind = notice["kind"]
    rest = notice["commit"] if kind == "commit" else {kind: notice[kind]}
    payload = {
        "$type": f"network.bsky.jetstream.subscribeEvents#{kind}",
        "seq": 25_000_000_000 + place,
        "did": notice["did"],
        "time": f"{moment}.{micros:06d}Z",
        **rest,
    }
    return json.dumps({"$type": "message", "payload": payload}).encode()
