"""Gateways for tests: listening in this process, before a delivery that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from aiohttp import ClientSession

from schemas.events import Event
from streams.sources.live.authentication import Authentication
from streams.sources.live.delivery import Delivery
from streams.sources.live.meters import Meters
from streams.sources.live.source import Batch, Kept
from streams.sources.live.webhooks import Gateway, Limits
from streams.sources.mapping_file import read_mapping
from tests.brokers.clients import until

TOKEN = "a-token-that-nobody-can-guess"
OPEN = Authentication()
SHOWN = Authentication(tokens=[TOKEN.encode()])
ACME = "https://brand.example/users/acme"
SEGMENT = read_mapping(
    (Path(__file__).parents[3] / "docs" / "mappings" / "segment.toml").read_text(), "segment.toml"
)


AT = "2026-03-01T12:00:00Z"


def like(number: int = 1, **fields: Any) -> dict[str, Any]:
    event = {"kind": "like", "id": f"like-{number}", "account": "acme", "member": "ada", "at": AT}
    return event | fields


def ids(desk: Desk) -> list[str]:
    return [event.id for event in desk.events]


class Desk:
    """Stands for a delivery: commits at once, or when it is told to."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.full = False
        self.batches: list[Batch] = []
        self.waiting: list[asyncio.Future[None]] = []

    async def submit(self, batch: Batch) -> asyncio.Future[None]:
        committed = asyncio.get_running_loop().create_future()
        self.batches.append(batch)
        if self.at_once:
            committed.set_result(None)
        else:
            self.waiting.append(committed)
        return committed

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch.events]


class Served:
    """A gateway that listens, and a client of it."""

    def __init__(self, client: ClientSession, meters: Meters, port: int) -> None:
        self.client = client
        self.meters = meters
        self.port = port

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        """The status and document of an answer; bytes go as they are."""
        given = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        payload = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self.client.post(path, headers=given, **payload) as response:
            return response.status, await response.json(content_type=None)


@asynccontextmanager
async def served(
    desk: Desk | Delivery,
    authentication: Authentication = OPEN,
    limits: Limits | None = None,
    accounts: Mapping[str, str] | None = None,
    memory: dict[str, bytes] | None = None,
) -> AsyncIterator[Served]:
    """Let a gateway listen until the block ends, which stops it in good order."""
    meters = Meters("webhooks")
    gateway = Gateway(
        authentication,
        limits or Limits(),
        {"segment": SEGMENT},
        {ACME: f"{ACME}/"} if accounts is None else accounts,
        meters,
    )
    feeding = asyncio.create_task(
        gateway.feed("127.0.0.1", 0, Kept(None, memory or {}), cast("Delivery", desk))
    )
    assert await until(lambda: gateway.port is not None or feeding.done())
    assert gateway.port is not None
    try:
        async with ClientSession(f"http://127.0.0.1:{gateway.port}") as client:
            yield Served(client, meters, gateway.port)
    finally:
        feeding.cancel()
        await asyncio.wait({feeding})
