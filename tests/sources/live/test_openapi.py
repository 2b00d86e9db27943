"""The gateway's OpenAPI document: valid, complete, and true of every answer."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from schemas.events import TOPIC_OF
from streams.sources.live.authentication import Authentication
from streams.sources.live.openapi import openapi
from streams.sources.live.webhooks import Limits
from tests.schemas.documents import examples, read
from tests.sources.live.gateways import SHOWN, TOKEN, Desk, served

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    ignored_auth,
]
EXAMPLES = 20
LIMITS = Limits(items=5)
DOCUMENT = openapi(SHOWN, LIMITS, ["segment"], activities=True)
EVENT = Draft202012Validator(
    {"$ref": "#/components/schemas/Event", "components": DOCUMENT["components"]}
)


# What JSON Schema has no words for, in an event that it takes for valid.
BEYOND_JSON_SCHEMA = {"self_interaction", "invalid_time", "in_future", "too_large", "not_json"}


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    """The address of a gateway in a thread of its own."""
    address: Future[str] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with served(Desk(), SHOWN, LIMITS) as one:
            address.set_result(f"http://127.0.0.1:{one.port}")
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    yield address.result(timeout=20)
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


OPERATIONS = [
    (path, method, mode)
    for path, item in DOCUMENT["paths"].items()
    for method in item
    for mode in GenerationMode
    if method == "post" or mode.is_positive  # nothing can be wrong with a GET of ours
]


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_the_gateway_does_what_its_document_says(
    gateway: str, path: str, method: str, mode: GenerationMode
) -> None:
    """Whatever is asked, by the document or against it."""
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method.upper()]
    shown = {"Authorization": f"Bearer {TOKEN}"}

    @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode))
    def hold(case: schemathesis.Case) -> None:
        # The token is always shown, so nothing is wrong with a head that lacks it.
        wrong = {place for place, part in case.meta.components.items() if part.mode.is_negative}
        checks = CHECKS + [negative_data_rejection] * (wrong - {ParameterLocation.HEADER} != set())
        response = case.call_and_validate(base_url=gateway, headers=shown, checks=checks)
        if mode is GenerationMode.POSITIVE and path == "/events" and response.status_code != 202:
            reasons = {one["reason"] for one in response.json()["refused"]}
            assert reasons <= BEYOND_JSON_SCHEMA

    hold()


@pytest.mark.parametrize("example", examples("valid", *TOPIC_OF), ids=str)
def test_an_event_of_the_document_is_one_of_the_schemas(example: Path) -> None:
    """And with its fields broken it is not."""
    event = json.loads(read(example))
    assert EVENT.is_valid(event)
    for broken in ({"kind": "tick"}, {"at": "today"}, {"member": "a b"}, {"id": ""}, {"op": "x"}):
        assert not EVENT.is_valid(event | broken)


def test_only_what_is_switched_on_is_in_the_document() -> None:
    bare = openapi(Authentication(), Limits(), [], activities=False)
    assert set(bare["paths"]) == {"/events", "/healthz", "/readyz", "/openapi.json"}
    assert bare["components"]["securitySchemes"] == {}
    assert "401" not in bare["paths"]["/events"]["post"]["responses"]
    signed = openapi(Authentication(secrets=[b"x"], timestamp_header="X-T"), Limits(), [], True)
    assert signed["components"]["securitySchemes"]["signature"]["name"] == "X-Hub-Signature-256"
