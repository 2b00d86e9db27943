"""A Mastodon of the test's own, built from the documented API; it misbehaves as it is told.

It runs in a thread with a loop of its own, so that it serves processes and coroutines alike. Lists
page as Mastodon's do: newest first, `max_id` towards the past, `min_id` what is just newer than it,
Link headers with the ids of rows that the elements do not show (a follow's, a favourite's).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Self, TypeVar

from aiohttp import web

T = TypeVar("T")
Json = dict[str, Any]

DOMAIN = "social.example"
TOKEN = "s3cret-t0ken"
ME = {"id": "1", "username": "acme", "acct": "acme"}
ACCT = f"acme@{DOMAIN}"
START = datetime(2026, 7, 4, 14, 38, 8, tzinfo=UTC)


def at(number: int) -> str:
    """A time of the story, as Mastodon writes it."""
    return (START + timedelta(seconds=20 * number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def account(number: int) -> Json:
    """A member: every third is on the same instance, and told without a host."""
    host = "" if number % 3 == 0 else "@Other.Example"
    return {"id": str(1000 + number), "acct": f"Member{number}{host}"}


def acct(number: int) -> str:
    """The member's name as we write it."""
    return f"member{number}@" + (DOMAIN if number % 3 == 0 else "other.example")


class MastodonServer:
    """One instance with one account that has a token.

    Attributes:
        told: elements of lists sent so far, and heartbeats.
        requests: path and query of each request.
        pace: seconds that an answer takes.
        most: elements of a page at most, whatever is asked for.
        refusals: answers to the next requests: part of the path, status, headers.
        drop: share of the answers and of the stream's messages after which the connection is cut.
        streams: whether there is a stream; otherwise 404.
        silent: whether the stream says nothing, not even a heartbeat.
        babbles: whether elements that are none are in between.
        hidden: whether the lists of who follows end after their first page.
        count: how many followers it says there are; None: as many as there are.
    """

    def __init__(self, seed: int = 0) -> None:
        self.told = 0
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connected = 0
        self.pace = 0.0
        self.most = 80
        self.refusals: list[tuple[str, int, dict[str, str]]] = []
        self.drop = 0.0
        self.streams = True
        self.silent = False
        self.babbles = False
        self.hidden = False
        self.count: int | None = None
        self.token = TOKEN
        self.limits: dict[str, str] = {}
        self.notifications: list[tuple[int, Json]] = []
        self.statuses: list[tuple[int, Json]] = []
        self.favourites: list[tuple[int, Json]] = []
        self.followers: list[tuple[int, Json]] = []
        self.following: list[tuple[int, Json]] = []
        self.foreign: dict[str, Json] = {}
        self._random = Random(seed)
        self._rows = 100
        self._port = 0
        self._listeners: set[web.StreamResponse] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

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

    def up(self) -> None:
        """Serve: at the same port as before, if there was one."""

        async def start() -> None:
            app = web.Application()
            app.router.add_get("/api/v1/streaming/user", self._stream)
            app.router.add_get("/{path:.*}", self._get)
            self._runner = web.AppRunner(app, shutdown_timeout=0.1)
            await self._runner.setup()
            site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
            await site.start()
            self._port = self._runner.addresses[0][1]

        self._run(start())

    def down(self) -> None:
        """Be gone, as a server that is killed."""

        async def stop() -> None:
            for response in list(self._listeners):
                _abort(response)
            await self._runner.cleanup()

        self._run(stop())

    # What happens there. Ids rise, and are told as strings.

    def notify(
        self, kind: str, who: Json, created_at: str, status: Json | None = None, id: int = 0
    ) -> str:
        """Somebody does something; the stream says so. `id`: one that was taken before."""
        id = id or self.row()
        body = {"id": str(id), "type": kind, "created_at": created_at, "account": who}
        self.notifications.append((id, body | ({} if status is None else {"status": status})))
        self.say("notification", json.dumps(body))
        return str(id)

    def follow(self, who: Json, created_at: str, *, told: bool = True) -> None:
        """Somebody follows the account."""
        self.followers.append((self.row(), who))
        if told:
            self.notify("follow", who, created_at)

    def unfollow(self, who: Json) -> None:
        """And does no more: the notification goes with the follow, and nobody is told."""
        self.followers = [row for row in self.followers if row[1]["id"] != who["id"]]
        self.notifications = [
            row
            for row in self.notifications
            if (row[1]["type"], row[1]["account"]["id"]) != ("follow", who["id"])
        ]

    def post(self, created_at: str, **fields: Any) -> str:
        """The account posts; its stream says so."""
        id = self.row()
        status = {"id": str(id), "created_at": created_at, "account": ME, **fields}
        self.statuses.append((id, status))
        self.say("update", json.dumps(status))
        return str(id)

    def favourite(self, status: Json) -> None:
        """The account favours a status."""
        self.favourites.append((self.row(), status))

    def delete(self, id: str, *, told: bool = True) -> None:
        """A status is deleted, of the account or of another."""
        self.statuses = [row for row in self.statuses if row[1]["id"] != id]
        self.foreign.pop(id, None)
        if told:
            self.say("delete", id)

    def say(self, event: str, data: str) -> None:
        """Have the stream say something."""
        if self._port:
            self._run(self._say(f"event: {event}\ndata: {data}\n\n".encode()))

    def asked(self, part: str) -> int:
        """How often a path with this in it was asked for."""
        return sum(part in path for path, _ in self.requests)

    def row(self) -> int:
        """Take the next id."""
        self._rows += self._random.randint(1, 3)
        return self._rows

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _say(self, message: bytes) -> None:
        for response in list(self._listeners):
            if self.silent:
                continue
            try:
                await response.write(message)
            except ConnectionError:
                continue
            if self._random.random() < self.drop:
                _abort(response)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, dict(request.query)))
        if refusal := self._refusal(request):
            return refusal
        if not self.streams:
            return web.json_response({"error": "Not found"}, status=404)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b":)\n")
        self.connected += 1
        self._listeners.add(response)
        try:
            while request.transport is not None and not request.transport.is_closing():
                await asyncio.sleep(0.02)
                if not self.silent:
                    self.told += 1
                    await response.write(b":thump\n")
        except ConnectionError:
            pass
        finally:
            self._listeners.discard(response)
        return response

    async def _get(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, dict(request.query)))
        await asyncio.sleep(self.pace)
        if refusal := self._refusal(request):
            return refusal
        if self._random.random() < self.drop:
            assert request.transport is not None
            request.transport.abort()
        answer = self._answer(request)
        answer.headers.update(self.limits)
        return answer

    def _answer(self, request: web.Request) -> web.Response:
        match request.path.split("/")[2:]:
            case ["v2", "instance"]:
                urls = {"urls": {"streaming": self.url.replace("http", "ws")}}
                return web.json_response({"domain": DOMAIN, "configuration": urls})
            case ["v1", "accounts", "verify_credentials"] | ["v1", "accounts", "1"]:
                count = len(self.followers) if self.count is None else self.count
                counts = {"followers_count": count}
                return web.json_response(ME | counts | {"following_count": len(self.following)})
            case ["v1", "notifications"]:
                return self._page(request, self.notifications, 80)
            case ["v1", "favourites"]:
                return self._page(request, self.favourites, 40)
            case ["v1", "accounts", "1", "statuses"]:
                return self._page(request, self.statuses, 40)
            case ["v1", "accounts", "1", "followers"]:
                return self._page(request, self.followers, 80, is_hidden=self.hidden)
            case ["v1", "accounts", "1", "following"]:
                return self._page(request, self.following, 80)
            case ["v1", "accounts", id] if int(id) >= 1000:
                return web.json_response(account(int(id) - 1000))
            case ["v1", "statuses", id]:
                ours = {status["id"]: status for _, status in self.statuses}
                if found := (ours | self.foreign).get(id):
                    return web.json_response(found)
        return web.json_response({"error": "Record not found"}, status=404)

    def _page(
        self,
        request: web.Request,
        rows: Sequence[tuple[int, Json]],
        most: int,
        *,
        is_hidden: bool = False,
    ) -> web.Response:
        query = request.query
        limit = min(int(query.get("limit", 20)), most, self.most)
        lowest, highest = int(query.get("min_id", -1)), int(query.get("max_id", 1 << 62))
        found = sorted((row for row in rows if lowest < row[0] < highest), key=lambda row: row[0])
        page = found[:limit] if "min_id" in query else found[-limit:]
        page = page[::-1]
        links = []
        base = f"http://elsewhere.example{request.path}?limit={limit}"
        if len(page) == limit and not is_hidden:
            links.append(f'<{base}&max_id={page[-1][0]}>; rel="next"')
        if page:
            links.append(f'<{base}&min_id={page[0][0]}>; rel="prev"')
        self.told += len(page)
        values: list[Any] = [value for _, value in page]
        if self.babbles:
            noise: list[Any] = [7, "x", None, [], {"id": 7}, {"type": "follow"}]
            values.insert(len(values) // 2, self._random.choice(noise))
        return web.json_response(values, headers={"Link": ", ".join(links)} if links else {})

    def _refusal(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "The access token is invalid"}, status=401)
        for number, (part, status, headers) in enumerate(self.refusals):
            if part in request.path:
                del self.refusals[number]
                return web.json_response({"error": "as told"}, status=status, headers=headers)
        return None


def _abort(response: web.StreamResponse) -> None:
    request = response._req
    if request is not None and request.transport is not None:
        request.transport.abort()
