"""The JSON Schemas, their validators and their examples, as the tests see them."""

from functools import cache
from pathlib import Path
from typing import Any, get_args

import orjson
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import schemas
from schemas.events import InvalidEvent, Kind, Reason, check_id, check_identity, decode
from streams.core.time import parse_at

FOLDER = Path(schemas.__file__).parent
EXAMPLES = FOLDER / "examples"

SCHEMAS = {path.name: orjson.loads(path.read_bytes()) for path in FOLDER.glob("*.schema.json")}
EVENTS: tuple[str, ...] = get_args(Kind)
OURS = ("relationship", "census", "dead-letter")
"""Documents that we write ourselves; strangers write the events."""

REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(schema)) for name, schema in SCHEMAS.items()
)


@cache
def validator(name: str) -> Draft202012Validator:
    """The validator of `<name>.schema.json`."""
    return Draft202012Validator({"$ref": f"{name}.schema.json"}, registry=REGISTRY)


def examples(verdict: str, *names: str) -> list[Path]:
    """The examples of these schemas, as paths that read well in a test's name."""
    return [
        path.relative_to(EXAMPLES)
        for name in names
        for path in sorted((EXAMPLES / verdict / name).rglob("*.json"))
    ]


def read(example: Path) -> bytes:
    """The bytes of an example."""
    return (EXAMPLES / example).read_bytes()


def schema_of(example: Path) -> str:
    """The schema that an example belongs to: `valid/like/least.json` to `like`."""
    return example.parts[1]


def schema_accepts(name: str, value: bytes) -> bool:
    """Is this JSON, and does the schema accept it?"""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return validator(name).is_valid(document)


def judge(kind: str, value: bytes) -> Reason | None:
    """What the engine says of a value alone, where `kind` is wanted; None: accepted."""
    try:
        event = decode(value)
    except InvalidEvent as refusal:
        return refusal.reason
    if event.kind != kind:
        return Reason.KIND_MISMATCH
    if kind != "tick":
        wrong = check_id(event.id) or check_identity(event.account, event.member)
        if wrong:
            return wrong[0]
    try:
        parse_at(event.at)
    except ValueError:
        return Reason.INVALID_TIME
    return None
