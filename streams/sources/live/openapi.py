"""What the gateway says of itself: an OpenAPI 3.1 document of what is switched on."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import orjson

from schemas.events import TOPIC_OF, Reason
from streams.sources.live.authentication import Authentication

if TYPE_CHECKING:
    from streams.sources.live.webhooks import Limits

Document = dict[str, Any]


def openapi(
    authentication: Authentication, limits: Limits, mappings: Sequence[str], activities: bool
) -> Document:
    """Build the document."""
    paths: Document = {
        "/events": _post(
            "Canonical events: one, an array, or one on each line", _ref("Event"), limits
        )
    }
    if activities:
        paths["/activitystreams"] = _post(
            "ActivityStreams 2 activities: one, an array, or one on each line",
            _ref("Activity"),
            limits,
        )
    for name in mappings:
        paths[f"/mapped/{name}"] = _post(
            f"Whatever the mapping {name} reads: one record, an array, or one on each line",
            {},
            limits,
        )
    paths |= {
        "/healthz": _get("Whether the process lives", {"200": "It does"}),
        "/readyz": _get("Whether there is room", {"200": "There is", "503": "There is none now"}),
        "/openapi.json": _get("This document", {"200": "This document"}),
    }
    schemes = _schemes(authentication)
    if schemes:
        for path in paths.values():
            if "post" in path:
                path["post"]["security"] = [{name: []} for name in schemes]
                path["post"]["responses"]["401"] = _problem("Neither signature nor token is right")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Closeknit gateway",
            "version": "1",
            "description": "Takes events. 202 means that they are committed to Kafka; whatever "
            "else is answered, or nothing, send the same again: an event counts once by its id.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": schemes},
    }


def _post(summary: str, item: Document, limits: Limits) -> Document:
    return {
        "post": {
            "summary": summary,
            "description": "All items are taken, or none with the reasons for each; with "
            "`partial=true` those that are events.",
            "parameters": [
                {
                    "name": "partial",
                    "in": "query",
                    "description": "Take the items that are events, and refuse the others.",
                    "schema": {"type": "string", "enum": ["true", "false"], "default": "false"},
                }
            ],
            "requestBody": {
                "required": True,
                "description": f"At most {limits.body} bytes, and {limits.items} items. May be "
                "gzipped.",
                "content": {
                    "application/json": {
                        "schema": {
                            "anyOf": [
                                item,
                                {"type": "array", "maxItems": limits.items, "items": item},
                            ]
                        }
                        if item
                        else {}
                    }
                },
            },
            "responses": {
                "202": _json("Everything is committed", _ref("Taken")),
                "400": _problem("Not JSON, or a wrong query"),
                "408": _problem("The body came too slowly"),
                "413": _problem("More than is allowed in one request"),
                "415": _problem("A type or encoding of the body that is not read"),
                "422": _problem("Not events, and why: nothing was taken"),
                "429": _problem("More than is allowed in a second: wait", "Retry-After"),
                "503": _problem("No room now: wait", "Retry-After"),
            },
        }
    }


def _get(summary: str, responses: dict[str, str]) -> Document:
    return {
        "get": {
            "summary": summary,
            "responses": {
                status: _json(text, {"type": "object"})
                if status == "200"
                else _problem(text, "Retry-After")
                for status, text in responses.items()
            },
        }
    }


def _json(description: str, schema: Document) -> Document:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem(description: str, *headers: str) -> Document:
    problem: Document = {
        "description": description,
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }
    if headers:
        problem["headers"] = {
            name: {"required": True, "schema": {"type": "integer", "minimum": 1}}
            for name in headers
        }
    return problem


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemes(authentication: Authentication) -> Document:
    schemes: Document = {}
    if authentication.tokens:
        schemes["token"] = {"type": "http", "scheme": "bearer"}
    if authentication.secrets:
        signed = "the body as it is sent"
        if authentication.timestamp_header:
            signed = f"{authentication.timestamp_header}, a dot, and {signed}"
        schemes["signature"] = {
            "type": "apiKey",
            "in": "header",
            "name": authentication.signature_header,
            "description": f"HMAC-SHA256 of {signed}; in hex or base64, `sha256=` before it or not",
        }
    return schemes


def _schemas() -> Document:
    event = orjson.loads(resources.files("schemas").joinpath("event.schema.json").read_bytes())
    of_a_relationship = event["$defs"]["of_a_relationship"]
    properties = event["properties"]
    properties["kind"] = {"description": "What happened.", "enum": list(TOPIC_OF)}
    properties["at"] |= event["$defs"]["time"]
    properties["at"].pop("$ref")
    properties["id"] |= of_a_relationship["properties"]["id"]
    for end in ("account", "member"):
        properties[end] |= event["$defs"]["identity"]
    counts = {"type": "integer", "minimum": 0}
    faults = {
        "type": "array",
        "items": {
            "type": "object",
            "required": ["index", "reason", "detail"],
            "properties": {
                "index": {**counts, "description": "Of the item, from 0."},
                "reason": {"enum": [reason.value for reason in Reason]},
                "detail": {"type": "string"},
            },
        },
    }
    return {
        "Event": {
            "type": "object",
            "description": "An event. Fields that are not named here are allowed and ignored.",
            "required": ["kind", "id", "account", "member", "at"],
            "properties": properties,
        },
        "Activity": {
            "type": "object",
            "description": "https://www.w3.org/TR/activitystreams-core/",
            "required": ["type"],
            "properties": {
                "type": {
                    "anyOf": [
                        {"type": "string"},
                        {"type": "array", "minItems": 1, "items": {"type": "string"}},
                    ]
                },
            },
        },
        "Taken": {
            "type": "object",
            "required": ["received", "events", "left_out"],
            "properties": {
                "received": {**counts, "description": "Items."},
                "events": {**counts, "description": "What they became."},
                "left_out": {
                    "type": "object",
                    "description": "Items that are well-formed and became no event, by reason.",
                    "additionalProperties": {"type": "integer", "minimum": 1},
                },
                "refused": faults,
            },
        },
        "Problem": {
            "type": "object",
            "description": "https://www.rfc-editor.org/rfc/rfc9457",
            "required": ["title", "status", "detail"],
            "properties": {
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "refused": faults,
            },
        },
    }
