"""The gateway: takes what is pushed, and thanks for it once it is committed.

A request is answered 202 when the Kafka transaction that holds its events is committed, and not
before: whatever was acknowledged is in the topics, and whatever was not can be sent again, as
events with the same id count once. When there is no room the sender is told to wait; nothing is
taken that could be lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from aiohttp import web

from schemas.events import Event, InvalidEvent, Reason, decode
from streams.core.time import format_ms, parse_at
from streams.sources.activitystreams import ActivityStreams, Remembered, Told
from streams.sources.bodies import NotJson, pieces
from streams.sources.items import sendable
from streams.sources.live.allowance import Allowance
from streams.sources.live.authentication import Authentication, Unauthorized
from streams.sources.live.delivery import Delivery
from streams.sources.live.http import (
    Problem,
    answer,
    bounded_body,
    declared_size,
    listening,
    unpacked,
)
from streams.sources.live.meters import Meters
from streams.sources.live.openapi import openapi
from streams.sources.live.source import Batch, Kept
from streams.sources.mapping import NO_RULE, Mapped, read_json

log = logging.getLogger(__name__)

HELD = 64 << 20
"""Bytes of bodies that are in hand at once, whatever the number of senders."""

BEAT = 10.0
"""Seconds between two signs of life of a gateway that listens."""

_LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
_FULL = "more is waiting to be written than Kafka takes: send it again"


class Limits(NamedTuple):
    """What a sender may ask for.

    Attributes:
        body: bytes of one request, packed or not.
        items: in one request.
        rate: items a second, of all senders; 0 is without limit.
        value: bytes of one event, as workers take it.
        ahead_ms: how far ahead of our clock an event may be, as workers take it.
    """

    body: int = 1 << 20
    items: int = 1000
    rate: float = 0
    value: int = 65_536
    ahead_ms: int = 3_600_000


@dataclass(frozen=True)
class Fault:
    """Why an item is no event: its index in the request, the reason as of a dead letter."""

    index: int
    reason: str
    detail: str


Read = Callable[[bytes, Remembered], Told]
"""Makes events of one item; raises `InvalidEvent`."""


class _Inlet(NamedTuple):
    """Where what is taken goes."""

    delivery: Delivery
    activities: ActivityStreams


class Gateway:
    """Answers requests, with the delivery that takes what they hold.

    Args:
        authentication: who may push.
        limits: how much.
        mappings: by name, for `/mapped/NAME`.
        accounts: for `/activitystreams`, see `ActivityStreams`; without any there is none.
        meters: told what is refused.

    Attributes:
        port: where it listens, once it does.
    """

    port: int | None = None

    def __init__(
        self,
        authentication: Authentication,
        limits: Limits,
        mappings: Mapping[str, Mapped],
        accounts: Mapping[str, str],
        meters: Meters,
    ) -> None:
        self._authentication = authentication
        self._limits = limits
        self._mappings = mappings
        self._accounts = accounts
        self._meters = meters
        self._allowance = Allowance(limits.rate, time.monotonic())
        self._held = 0
        self._document = openapi(authentication, limits, list(mappings), bool(accounts))

    async def feed(self, host: str, port: int, kept: Kept, delivery: Delivery) -> None:
        """Listen until cancelled; whoever is waiting for an answer then still gets it.

        Raises:
            CannotListenError: the port is taken.
        """
        activities = ActivityStreams(self._accounts, kept.memory)
        inlet = _Inlet(delivery, activities)
        reads: dict[str, Read] = {"/events": self._read_event}
        if self._accounts:
            reads["/activitystreams"] = partial(_read_activity, activities)
        for name, mapped in self._mappings.items():
            reads[f"/mapped/{name}"] = partial(_read_mapped, mapped)
        pages: dict[str, Callable[[], web.Response]] = {
            "/healthz": lambda: answer(200, {"status": "ok"}),
            "/readyz": partial(_readiness, delivery),
            "/openapi.json": lambda: answer(200, self._document),
        }

        async def respond(request: web.BaseRequest) -> web.Response:
            path = request.path
            try:
                if path in reads:
                    _allow(request, "POST")
                    return await self._receive(request, reads[path], inlet)
                if path not in pages:
                    raise Problem(404, "Not found", f"there are {', '.join([*reads, *pages])}")
                _allow(request, "GET", "HEAD")
                return pages[path]()
            except Problem as problem:
                return problem.response()

        async with listening(respond, host, port) as self.port:
            log.info("Listening for events at http://%s:%d", host, self.port)
            while True:  # whether senders have nothing to say is not for us to know
                self._meters.heard()
                await asyncio.sleep(BEAT)

    async def _receive(self, request: web.BaseRequest, read: Read, inlet: _Inlet) -> web.Response:
        try:
            proven = self._authentication.check_head(request.headers)
        except Unauthorized as error:
            raise self._turned_away(error) from None
        in_part, lines = _partial(request), _lines(request)
        self._make_room(inlet.delivery)
        size = declared_size(request, self._limits.body)
        self._hold(size)
        try:
            body = await bounded_body(request, self._limits.body)
            if not proven:
                try:
                    self._authentication.check_signature(request.headers, body, time.time())
                except Unauthorized as error:
                    raise self._turned_away(error) from None
            body = unpacked(request, body, self._limits.body)
            items = self._items(body, lines=lines)
            # From here to the batch's submission nothing is awaited: others may come in between.
            self._make_room(inlet.delivery)
            self._allowance.take(len(items))
            remembered: Remembered = {}
            batch, faults = self._read_all(items, read, remembered)
        finally:
            self._held -= size
        for fault in faults:
            self._meters.refused(fault.reason)
        told = {"refused": faults}
        if faults and (not in_part or len(faults) == len(items)):
            raise Problem(
                422,
                "Not events",
                f"{len(faults)} of {len(items)} items are no events, so none was taken",
                more=told,
            )
        inlet.activities.remember(remembered)
        await _committed(inlet.delivery, batch)
        return answer(
            202,
            {"received": len(items), "events": len(batch.events), "left_out": batch.left_out}
            | (told if in_part else {}),
        )

    def _turned_away(self, error: Unauthorized) -> Problem:
        self._meters.refused("unauthorized")
        return Problem(401, "Unauthorized", str(error), headers={"WWW-Authenticate": "Bearer"})

    def _make_room(self, delivery: Delivery) -> None:
        if delivery.full:
            self._meters.refused("no_room")
            raise Problem(503, "No room", _FULL, headers={"Retry-After": "1"})
        if wait := self._allowance.wait(time.monotonic()):
            self._meters.refused("rate")
            raise Problem(
                429,
                "Too many",
                f"more than {self._limits.rate:g} items a second: wait, and send it again",
                headers={"Retry-After": str(wait)},
            )

    def _hold(self, size: int) -> None:
        if self._held + size > HELD:
            self._meters.refused("no_room")
            raise Problem(503, "No room", "too many requests at once", headers={"Retry-After": "1"})
        self._held += size

    def _items(self, body: bytes, *, lines: bool) -> list[bytes]:
        try:
            items = pieces(body, lines=lines)
        except NotJson as error:
            self._meters.refused(Reason.NOT_JSON)
            raise Problem(400, "Not JSON", str(error)) from None
        if len(items) > self._limits.items:
            self._meters.refused(Reason.TOO_LARGE)
            raise Problem(
                413,
                "Too many items",
                f"{len(items)} items; {self._limits.items} are allowed in one request",
            )
        return items

    def _read_all(
        self, items: Sequence[bytes], read: Read, remembered: Remembered
    ) -> tuple[Batch, list[Fault]]:
        events: list[Event] = []
        left_out: dict[str, int] = {}
        faults = []
        latest = time.time_ns() // 1_000_000 + self._limits.ahead_ms
        for index, item in enumerate(items):
            try:
                told = read(item, remembered)
                for event in told.events:
                    _check_time(event, latest)
            except InvalidEvent as invalid:
                faults.append(Fault(index, invalid.reason, invalid.detail))
                continue
            events += told.events
            if told.left_out is not None:
                left_out[told.left_out] = left_out.get(told.left_out, 0) + 1
        return Batch(events, remembered, left_out=left_out), faults

    def _read_event(self, item: bytes, _: Remembered) -> Told:
        if len(item) > self._limits.value:
            raise InvalidEvent(
                Reason.TOO_LARGE, f"{len(item)} bytes; {self._limits.value} are allowed"
            )
        event = decode(item)
        if event.kind == "tick":
            raise InvalidEvent(Reason.UNKNOWN_KIND, "a tick is for replays, not for live sources")
        sendable(event, item)
        return Told([event])


def _read_activity(activities: ActivityStreams, item: bytes, remembered: Remembered) -> Told:
    return activities.read(read_json(item), time.time_ns() // 1_000_000, remembered)


def _read_mapped(mapped: Mapped, item: bytes, _: Remembered) -> Told:
    events = mapped.read(item)
    return Told(events, None if events else NO_RULE)


def _check_time(event: Event, latest_ms: int) -> None:
    at_ms = parse_at(event.at)
    if at_ms > latest_ms:
        raise InvalidEvent(
            Reason.IN_FUTURE, f"at is {format_ms(at_ms)}, further ahead of our clock than allowed"
        )


async def _committed(delivery: Delivery, batch: Batch) -> None:
    try:
        await (await delivery.submit(batch))
    except asyncio.CancelledError:
        if (ourselves := asyncio.current_task()) and ourselves.cancelling():
            raise
        detail = "it could not be written to Kafka: send it again"
        raise Problem(503, "Not written", detail, headers={"Retry-After": "5"}) from None


def _readiness(delivery: Delivery) -> web.Response:
    if delivery.full:
        raise Problem(503, "No room", _FULL, headers={"Retry-After": "1"})
    return answer(200, {"status": "ready"})


def _allow(request: web.BaseRequest, *methods: str) -> None:
    if request.method not in methods:
        allowed = ", ".join(methods)
        raise Problem(405, "Wrong method", f"it takes {allowed}", headers={"Allow": allowed})


def _partial(request: web.BaseRequest) -> bool:
    if not request.query_string:
        return False
    query = dict(request.query)
    value = query.pop("partial", "false")
    if query or value not in {"true", "false"}:  # a misspelt one would change what is meant
        raise Problem(400, "Wrong query", "there is only partial=true, or partial=false")
    return value == "true"


def _lines(request: web.BaseRequest) -> bool:
    kind = request.content_type.lower()
    if kind in _LINES:
        return True
    if (
        "Content-Type" not in request.headers
        or kind == "application/json"
        or kind.endswith("+json")
    ):
        return False
    raise Problem(
        415, "Wrong type", "send application/json, some +json, or application/x-ndjson", headers={}
    )
