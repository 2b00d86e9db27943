"""The schemas themselves: no misspelt keyword, no loose end, and the same words as the code."""

import copy
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from jsonschema import Draft202012Validator

from schemas import events
from streams.core.series import FAMILIES, SERIES
from tests.schemas.documents import EVENTS, OURS, REGISTRY, SCHEMAS, examples, read, validator

STRICT = Draft202012Validator(
    {
        # The metaschema calls its dynamic anchor for every subschema, so this one is asked at
        # every depth; it adds that a keyword nobody knows is an error.
        "$id": "urn:closeknit:strict-json-schema",
        "$dynamicAnchor": "meta",
        "$ref": "https://json-schema.org/draft/2020-12/schema",
        "unevaluatedProperties": False,
    },
    format_checker=Draft202012Validator.FORMAT_CHECKER,
)


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every object within a document."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from walk(child)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_uses_only_keywords_that_exist(name: str) -> None:
    """A typo would switch a check off without a word."""
    STRICT.validate(SCHEMAS[name])
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    "schema",
    [
        {"additionalPropertis": False},  # at the top
        {"properties": {"at": {"patern": "Z$"}}},  # of a field
        {"$defs": {"count": {"minumum": 0}}},  # where only references lead
        {"allOf": [{"requird": ["at"]}]},  # in an applicator
        {"if": {"propertys": {}}, "then": {"not": {"consst": 1}}},  # in a condition
        {"items": {"oneof": []}},  # in the wrong case
        {"type": "strin"},  # in a value
        {"required": "at"},  # right word, wrong shape
        {"pattern": "("},  # not a regex
    ],
    ids=orjson.dumps,
)
def test_a_misspelt_keyword_is_caught_wherever_it_stands(schema: dict[str, Any]) -> None:
    """The check above, shown what it must refuse."""
    assert STRICT.is_valid({"type": "object", "required": ["at"]})
    assert not STRICT.is_valid(schema)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_reference_leads_somewhere(name: str) -> None:
    """A reference that leads nowhere fails only when a document gets that far."""
    resolver = REGISTRY.resolver(base_uri=name)
    for node in walk(SCHEMAS[name]):
        if isinstance(node.get("$ref"), str):
            resolver.lookup(node["$ref"])


@pytest.mark.parametrize("name", OURS)
def test_what_we_write_has_no_field_that_is_not_described_and_none_missing(name: str) -> None:
    """Each object of ours is closed, and all of its fields are required."""
    for node in walk(SCHEMAS[f"{name}.schema.json"]):
        if node.get("type") == "object" and "properties" in node:
            assert node["additionalProperties"] is False
            assert sorted(node["required"]) == sorted(node["properties"])


@pytest.mark.parametrize("example", examples("valid", *OURS), ids=str)
def test_a_document_of_ours_cannot_lose_or_gain_a_field(example: Path) -> None:
    """The same, shown on documents: whatever is taken out or put in, at any depth."""
    check = validator(example.parts[1])
    document = orjson.loads(read(example))
    assert check.is_valid(document)
    for index, node in enumerate(walk(document)):
        for change in [*node, None]:
            broken = copy.deepcopy(document)
            target = list(walk(broken))[index]
            if change is None:
                target["surprise"] = "!"
            elif target is broken.get("series") and len(target) > 1:
                continue  # which series there are is not the schema's to say
            else:
                del target[change]
            assert not check.is_valid(broken), f"{change or 'surprise'} goes unnoticed"


@pytest.mark.parametrize("name", EVENTS)
def test_what_strangers_write_may_have_fields_that_we_do_not_know(name: str) -> None:
    """Unknown fields are ignored, so no schema of an event may forbid them."""
    used = [SCHEMAS[f"{name}.schema.json"], SCHEMAS["event.schema.json"]]
    closing = {"additionalProperties", "unevaluatedProperties", "propertyNames"}
    assert not any(closing & node.keys() for node in walk(used))


def test_the_schemas_know_the_words_that_the_code_knows() -> None:
    """One vocabulary, twice written down."""
    event = SCHEMAS["event.schema.json"]
    assert tuple(event["properties"]["kind"]["enum"]) == EVENTS
    assert tuple(event["properties"]["op"]["enum"]) == get_args(events.Op)
    assert tuple(event["properties"]["direction"]["enum"]) == get_args(events.Direction)
    assert set(event["properties"]) == set(events.Event.__struct_fields__)
    letter = SCHEMAS["dead-letter.schema.json"]
    assert letter["properties"]["reason"]["enum"] == list(events.Reason)
    assert set(events.TOPIC_OF) | {"tick"} == set(EVENTS)


def test_the_schemas_know_the_limits_that_the_code_knows() -> None:
    """One limit, twice written down."""
    definitions = SCHEMAS["event.schema.json"]["$defs"]
    assert definitions["of_a_relationship"]["properties"]["id"]["maxLength"] == events.MAX_ID
    assert definitions["identity"]["maxLength"] == events.MAX_IDENTITY
    assert definitions["identity"]["not"]["pattern"] == events.FORBIDDEN_IN_IDENTITY


def test_an_identity_holds_neither_white_space_nor_control_characters() -> None:
    """The class in the pattern is what Unicode calls so, over all of Unicode."""
    forbidden = re.compile(events.FORBIDDEN_IN_IDENTITY)
    for character in map(chr, range(0x110000)):
        wanted = character.isspace() or unicodedata.category(character) == "Cc"
        assert bool(forbidden.search(character)) == wanted, f"U+{ord(character):04X}"


def test_the_census_schema_knows_every_series_and_no_family_more() -> None:
    """A new family of the census is a new word in the schema."""
    names = SCHEMAS["census.schema.json"]["properties"]["series"]["propertyNames"]
    pattern = re.compile(names["pattern"])
    assert all(pattern.search(str(series)) for series in SERIES)
    families = {*FAMILIES, *(f"{name}_previous" for name in FAMILIES), "closeknit_events_total"}
    assert {name for name in families if pattern.search(name)} == set(FAMILIES)
