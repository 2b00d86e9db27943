"""The gateway's limits: whoever asks for too much is told so, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from streams.sources.live import http, webhooks
from streams.sources.live.webhooks import Limits
from tests.brokers.clients import run
from tests.sources.live.gateways import Desk, ids, like, served

SMALL = Limits(body=4096, items=5)


async def _in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 512):
        yield b" " * 512


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (413, b" " * 5000, {}),
        (413, _in_pieces(8192), {}),  # of no announced size
        (413, gzip.compress(b" " * 100_000, mtime=0), {"Content-Encoding": "gzip"}),
        (413, json.dumps([like()] * 6).encode(), {}),
        (400, b"", {}),
        (400, b"[1, 2", {}),
        (400, b"not gzip", {"Content-Encoding": "gzip"}),
        (400, gzip.compress(b"[]", mtime=0)[:-4], {"Content-Encoding": "gzip"}),
        (415, b"[]", {"Content-Encoding": "br"}),
        (415, b"kind=like", {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
)
def test_what_cannot_be_read_is_refused(status: int, body: Any, headers: dict[str, str]) -> None:
    async def story() -> None:
        desk = Desk()
        async with served(desk, limits=SMALL) as gateway:
            given = {"Content-Type": "application/json", **headers}
            async with gateway.client.post("/events", data=body, headers=given) as response:
                assert response.status == status
                assert response.content_type == "application/problem+json"
                assert (await response.json(content_type=None))["detail"]
        assert desk.batches == []

    run(story())


def test_when_there_is_no_room_the_sender_is_told_to_wait_and_nothing_is_lost() -> None:
    async def story() -> None:
        desk = Desk()
        async with served(desk) as gateway:
            desk.full = True
            for call in (
                gateway.client.post("/events", json=like()),
                gateway.client.get("/readyz"),
            ):
                async with call as response:
                    assert response.status == 503
                    assert int(response.headers["Retry-After"]) >= 1
            desk.full = False
            assert (await gateway.post("/events", like()))[0] == 202
        assert ids(desk) == ["like-1"]

    run(story())


def test_bodies_in_hand_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many senders there are."""
    monkeypatch.setattr(webhooks, "HELD", 10_000)

    async def slowly(more: asyncio.Event) -> AsyncIterator[bytes]:
        yield b"["
        await more.wait()
        yield b"]"

    async def story() -> None:
        more = asyncio.Event()
        async with served(Desk(), limits=Limits(body=6000)) as gateway:
            kind = {"Content-Type": "application/json"}
            first = asyncio.create_task(
                gateway.client.post("/events", data=slowly(more), headers=kind)
            )
            answers: list[int] = []
            while 503 not in answers:  # once the first one's head is there
                answers.append((await gateway.post("/events", b" " * 5000))[0])
            more.set()
            assert (await first).status == 202
            assert (await gateway.post("/events", b"[]" + b" " * 5000))[0] == 202

    run(story())


def test_beyond_the_rate_the_sender_is_told_how_long_to_wait() -> None:
    async def story() -> None:
        desk = Desk()
        async with served(desk, limits=Limits(rate=2)) as gateway:
            assert (await gateway.post("/events", [like(n) for n in range(1, 6)]))[0] == 202
            async with gateway.client.post("/events", json=like(9)) as response:
                assert response.status == 429
                assert int(response.headers["Retry-After"]) in {1, 2}
        assert len(desk.events) == 5

    run(story())


def test_whoever_is_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for a head, nor for a body."""
    monkeypatch.setattr(http, "HEAD_TIMEOUT", 0.2)
    monkeypatch.setattr(http, "BODY_TIMEOUT", 0.2)

    async def story() -> None:
        async with served(Desk()) as gateway:
            for sent, expected in (
                (b"", b""),
                (b"POST /events HTTP/1.1\r\nHost: x\r\n", b""),
                (b"POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[", b" 408 "),
            ):
                reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
                writer.write(sent)
                answer = await reader.read()  # until it is closed
                assert (expected in answer) if expected else answer == b""
                writer.close()

    run(story())


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CONNECTIONS", 1)

    async def story() -> None:
        async with served(Desk()) as gateway:
            assert (await gateway.post("/events", []))[0] == 202  # and keeps its connection
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            assert (await gateway.post("/events", []))[0] == 202

    run(story())
