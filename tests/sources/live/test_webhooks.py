"""The gateway: what is taken, what is refused and why, and that nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.events import Event, encode
from streams.sources.live.authentication import Authentication
from streams.sources.mapping import NO_RULE
from tests.brokers.clients import run, until
from tests.fuzz.damage import damaged
from tests.schemas.documents import examples, read
from tests.sources.live.gateways import ACME, AT, SHOWN, TOKEN, Desk, ids, like, served

BAD = like(2, member="acme")


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (json.dumps(like()).encode(), "application/json", 1),
        (b" [ ] ", "application/json", 0),
        (json.dumps([like(1), like(2)]).encode(), "application/json; charset=utf-8", 2),
        (json.dumps(like()).encode(), "application/cloudevents+json", 1),
        (
            b"\n".join(json.dumps(like(n)).encode() for n in (1, 2, 3)) + b"\r\n\n",
            "application/x-ndjson",
            3,
        ),
    ],
)
def test_events_are_taken_one_many_or_line_by_line(body: bytes, kind: str, expected: int) -> None:
    async def story() -> None:
        desk = Desk()
        async with served(desk) as gateway:
            status, told = await gateway.post("/events", body, Content_Type=kind)
        assert (status, told["received"], told["events"]) == (202, expected, expected)
        assert ids(desk) == [f"like-{n}" for n in range(1, expected + 1)]

    run(story())


def test_nothing_is_acknowledged_before_it_is_committed() -> None:
    """Nor when it cannot be: then it is to be sent again."""

    async def story() -> None:
        desk = Desk(at_once=False)
        async with served(desk) as gateway:
            posted = [asyncio.create_task(gateway.post("/events", like(n))) for n in (1, 2)]
            assert await until(lambda: len(desk.waiting) == 2)
            done, _ = await asyncio.wait(posted, timeout=0.2)
            assert not done
            order = [batch.events[0].id for batch in desk.batches]
            desk.waiting[order.index("like-1")].set_result(None)
            assert (await posted[0])[0] == 202
            desk.waiting[order.index("like-2")].cancel()
            assert (await posted[1])[0] == 503

    run(story())


def test_a_batch_with_a_bad_item_is_refused_whole_with_the_reason_of_each() -> None:
    """A sender repeats whole requests: half a batch would come twice, or never."""

    async def story() -> None:
        desk = Desk()
        async with served(desk) as gateway:
            status, told = await gateway.post("/events", [like(1), BAD, 5])
            page = gateway.meters.page().decode()
        assert status == 422
        assert [(one["index"], one["reason"]) for one in told["refused"]] == [
            (1, "self_interaction"),
            (2, "wrong_type"),
        ]
        assert desk.batches == []
        assert 'refused_total{reason="self_interaction",source="webhooks"} 1.0' in page

    run(story())


def test_whoever_asks_for_it_has_the_good_items_taken_and_the_others_told() -> None:
    async def story() -> None:
        desk = Desk()
        async with served(desk) as gateway:
            status, told = await gateway.post("/events?partial=true", [like(1), BAD])
            assert (status, told["events"]) == (202, 1)
            assert [one["index"] for one in told["refused"]] == [1]
            assert (await gateway.post("/events?partial=true", [BAD]))[0] == 422
            assert (await gateway.post("/events?partial=perhaps", like()))[0] == 400
        assert ids(desk) == ["like-1"]

    run(story())


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"kind": "tick", "at": AT}, "unknown_kind"),
        (like(at="2199-01-01T00:00:00Z"), "in_future"),
        (like(at="2026-03-01"), "invalid_time"),
        (like(note="x" * 70_000), "too_large"),
        (like(member=""), "invalid_member"),
        (like(id="x" * 513), "invalid_id"),
    ],
)
def test_what_a_worker_would_refuse_is_refused_to_its_sender(
    event: dict[str, Any], reason: str
) -> None:
    """Who can mend it, and learns of it at once."""

    async def story() -> None:
        async with served(Desk()) as gateway:
            status, told = await gateway.post("/events", event)
        assert (status, told["refused"][0]["reason"]) == (422, reason)

    run(story())


def test_activities_are_taken_and_remembered_with_what_they_became() -> None:
    """A later undo by id is resolved, after a restart too, from the memory that was delivered."""
    liked = {"type": "Like", "id": "urn:1", "actor": "urn:ada", "object": f"{ACME}/1"}

    async def story() -> None:
        desk = Desk()
        async with served(desk) as gateway:
            kind = {"Content_Type": "application/activity+json"}
            assert (await gateway.post("/activitystreams", [liked, {"type": "View"}], **kind)) == (
                *(202,),
                {"received": 2, "events": 1, "left_out": {webhooks_no_interaction(): 1}},
            )
            # Refused whole: what the good one would be remembered by is forgotten with it.
            broken = [{**liked, "id": "urn:2"}, {"type": "Like", "actor": 5, "object": "urn:3"}]
            assert (await gateway.post("/activitystreams", broken))[0] == 422
        memory = {k: v for k, v in desk.batches[0].memory.items() if v is not None}
        assert "activity urn:1" in memory
        later = Desk()
        async with served(later, memory=memory) as gateway:
            for undone, expected in (("urn:2", 0), ("urn:1", 1), ("urn:1", 0)):
                undo = {"type": "Undo", "actor": "urn:ada", "object": undone}
                status, told = await gateway.post("/activitystreams", undo)
                assert (status, told["events"]) == (202, expected)
        assert later.events[0].id == desk.events[0].id
        assert [event.op for event in (*desk.events, *later.events)] == ["add", "remove"]

    run(story())


def webhooks_no_interaction() -> str:
    from streams.sources.activitystreams import NO_INTERACTION  # noqa: PLC0415

    return NO_INTERACTION


def test_anything_else_is_taken_through_a_mapping() -> None:
    record = {
        **{"type": "track", "event": "Comment Posted", "messageId": "m", "userId": "ada"},
        **{"timestamp": AT, "properties": {"brand": "acme"}},
    }

    async def story() -> None:
        desk = Desk()
        async with served(desk) as gateway:
            status, told = await gateway.post("/mapped/segment", [record, {"type": "page"}])
            assert (status, told["events"], told["left_out"]) == (202, 1, {NO_RULE: 1})
            status, told = await gateway.post("/mapped/segment", record | {"userId": None})
            assert status == 422
            assert told["refused"][0]["detail"].startswith("rule 3 (line ")
            assert (await gateway.post("/mapped/other", record))[0] == 404
        assert [(event.kind, event.member) for event in desk.events] == [("reply", "ada")]

    run(story())


def test_without_accounts_there_are_no_activities() -> None:
    async def story() -> None:
        async with served(Desk(), accounts={}) as gateway:
            assert (await gateway.post("/activitystreams", {"type": "Like"}))[0] == 404
            async with gateway.client.get("/openapi.json") as response:
                assert "/activitystreams" not in (await response.json())["paths"]

    run(story())


def test_nothing_is_read_of_whoever_shows_nothing() -> None:
    """Not even their body; and a signature must be of what was sent, packed or not."""
    secret = b"a-secret-that-nobody-can-guess"
    body = gzip.compress(json.dumps(like()).encode())

    async def story() -> None:
        desk = Desk()
        async with served(desk, SHOWN) as gateway:
            assert (await gateway.post("/events", b"{"))[0] == 401
            assert (await gateway.post("/events", b"{", Authorization="Bearer x"))[0] == 401
            shown = {"Authorization": f"Bearer {TOKEN}"}
            assert (await gateway.post("/events", like(), **shown))[0] == 202
            page = gateway.meters.page().decode()
        assert 'refused_total{reason="unauthorized",source="webhooks"} 2.0' in page
        async with served(desk, Authentication(secrets=[secret])) as gateway:
            for signed, expected in ((body, 202), (json.dumps(like()).encode(), 401)):
                digest = hmac.new(secret, signed, hashlib.sha256).hexdigest()
                given = {"X_Hub_Signature_256": f"sha256={digest}", "Content_Encoding": "gzip"}
                assert (await gateway.post("/events", body, **given))[0] == expected
        assert ids(desk) == ["like-1", "like-1"]

    run(story())


def test_a_wrong_method_or_place_is_told_what_there_is() -> None:
    async def story() -> None:
        async with served(Desk()) as gateway:
            for method, path, status in (
                ("GET", "/events", 405),
                ("DELETE", "/healthz", 405),
                ("GET", "/", 404),
                ("HEAD", "/healthz", 200),
            ):
                async with gateway.client.request(method, path) as response:
                    assert response.status == status
                    assert ("Allow" in response.headers) == (status == 405)

    run(story())


def test_a_large_body_that_asks_first_is_told_to_go_on() -> None:
    """Curl does."""

    async def story() -> None:
        desk = Desk()
        async with served(desk) as gateway:
            kind = {"Content-Type": "application/json"}
            async with gateway.client.post(
                "/events", data=json.dumps(like()).encode(), headers=kind, expect100=True
            ) as response:
                assert response.status == 202
        assert ids(desk) == ["like-1"]

    run(story())


def test_whoever_is_waiting_when_it_stops_still_gets_the_answer() -> None:
    async def story() -> None:
        desk = Desk(at_once=False)
        async with ClientSession() as client:
            async with served(desk) as gateway:
                url = f"http://127.0.0.1:{gateway.port}/events"
                posted = asyncio.create_task(client.post(url, json=like()))
                assert await until(lambda: len(desk.waiting) == 1)
                asyncio.get_running_loop().call_later(0.1, desk.waiting[0].set_result, None)
            assert (await posted).status == 202

    run(story())


EVENTS = [read(path) for verdict in ("valid", "invalid") for path in examples(verdict, "like")]


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.lists(damaged(EVENTS), min_size=1, max_size=20), st.booleans())
def test_hostile_bodies_are_refused_in_words_or_hold_events(
    bodies: list[bytes], lines: bool
) -> None:
    """No answer of 500, and what is taken can be written."""
    kind = "application/x-ndjson" if lines else "application/json"

    async def story() -> None:
        desk = Desk()
        async with served(desk) as gateway:
            for path in ("/events", "/activitystreams", "/mapped/segment"):
                for body in bodies:
                    status, told = await gateway.post(path, body, Content_Type=kind)
                    assert status in {202, 400, 413, 422}
                    assert told
        for event in desk.events:
            assert isinstance(event, Event)
            assert encode(event)

    run(story())
