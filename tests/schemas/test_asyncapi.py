"""The AsyncAPI document: complete, without loose ends, and true to the code and the schemas."""

import base64
import copy
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from schemas.events import TOPIC_OF, Reason
from streams.core import dead_letter, partition_record
from streams.core.admission import REROUTED_FROM
from streams.core.packing import unpack
from streams.dead_letters import REDRIVEN, REDRIVEN_FROM
from streams.topics import plan
from tests.schemas.documents import FOLDER, REGISTRY

Document = dict[str, Any]

DOCUMENT: Document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())


def registry_with(document: Document) -> Registry[Any]:
    """The schemas, and this document beside them."""
    return REGISTRY.with_resource("asyncapi.yaml", DRAFT202012.create_resource(document))


def follow(document: Document, node: Any) -> Any:
    """What a node is, or what it refers to."""
    if isinstance(node, dict) and "$ref" in node:
        reference = node["$ref"]
        resolver = registry_with(document).resolver(base_uri="asyncapi.yaml")
        return resolver.lookup(reference).contents
    return node


def accepts(document: Document, schema: Any, instance: Any) -> bool:
    """Does this schema, whose references are relative to the document, accept the instance?"""
    schema = copy.deepcopy(schema)
    for node in walk(schema):
        if node.get("$ref", "").startswith("#"):
            node["$ref"] = "asyncapi.yaml" + node["$ref"]
    checker = Draft202012Validator(schema, registry=registry_with(document))
    return checker.is_valid(instance)


def walk(node: Any) -> Iterator[Document]:
    """Every object within the document."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from walk(child)


def problems(document: Document) -> Iterator[str]:
    """What is wrong with a document of ours, in sentences."""
    for node in walk(document):
        try:
            follow(document, node)
        except Unresolvable:
            yield f"{node['$ref']} leads nowhere"
            return
    for name, channel in document["channels"].items():
        if not channel.get("messages"):
            yield f"channel {name} has no message"
        if channel.get("bindings", {}).get("kafka", {}).get("partitions") is None:
            yield f"channel {name} does not say its partitions"
    for name, message in document["components"]["messages"].items():
        payload = message.get("payload")
        if not payload:
            yield f"message {name} has no payload"
            continue
        if not message.get("bindings", {}).get("kafka", {}).get("key"):
            yield f"message {name} has no key"
        if not message.get("examples"):
            yield f"message {name} has no example"
        for example in message.get("examples", []):
            if not accepts(document, payload.get("schema", payload), example["payload"]):
                yield f"message {name}: the payload of {example['name']} breaks its schema"
            if "headers" in example and not accepts(
                document, message["headers"], example["headers"]
            ):
                yield f"message {name}: the headers of {example['name']} break their schema"
    used = {node["channel"]["$ref"] for node in document["operations"].values()}
    for name in document["channels"]:
        if f"#/channels/{name}" not in used:
            yield f"channel {name} is neither sent to nor received from"


def test_the_document_is_complete() -> None:
    """Each topic has messages, each message a key, a payload and examples that hold."""
    assert list(problems(DOCUMENT)) == []


def take_out(*path: str | int) -> Callable[[Document], None]:
    """Change a document: remove what stands at this path."""

    def change(document: Document) -> None:
        *parents, last = path
        node: Any = document
        for name in parents:
            node = node[name]
        del node[last]

    return change


def put(value: Any, *path: str | int) -> Callable[[Document], None]:
    """Change a document: let this stand at this path."""

    def change(document: Document) -> None:
        *parents, last = path
        node: Any = document
        for name in parents:
            node = node[name]
        node[last] = value

    return change


LIKE = ("components", "messages", "like")
LETTER = ("components", "messages", "deadLetter")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (take_out("channels", "likes", "messages"), "channel likes has no message"),
        (take_out("channels", "likes", "bindings"), "channel likes does not say its partitions"),
        (take_out(*LIKE, "payload"), "message like has no payload"),
        (take_out(*LIKE, "bindings"), "message like has no key"),
        (take_out(*LIKE, "examples"), "message like has no example"),
        (take_out(*LIKE), "#/components/messages/like leads nowhere"),
        (put("lik.schema.json", *LIKE, "payload", "schema", "$ref"), "lik.schema.json leads"),
        (put("event.schema.json#/$defs/x", *LIKE, "payload", "schema", "$ref"), "event.schema."),
        (put("poke", *LIKE, "examples", 0, "payload", "kind"), "message like: the payload of"),
        (take_out(*LETTER, "examples", 0, "headers", "closeknit-reason"), "message deadLetter: "),
        (put("?", *LETTER, "examples", 0, "headers", "closeknit-reason"), "message deadLetter: "),
        (take_out("operations", "applyLikes"), "channel likes is neither sent to nor received"),
    ],
)
def test_an_incomplete_document_is_noticed(
    change: Callable[[Document], None], problem: str
) -> None:
    """The check above, shown what it must refuse."""
    broken: Document = orjson.loads(orjson.dumps(DOCUMENT))  # without the anchors' shared nodes
    change(broken)
    assert next(problems(broken)).startswith(problem)


def test_the_topics_are_those_of_the_engine() -> None:
    """Four sources, the changelog, the dead letters."""
    addresses = {channel["address"] for channel in DOCUMENT["channels"].values()}
    sources = {"{prefix}" + topic for topic in TOPIC_OF.values()}
    assert addresses == sources | {"{app}-changelog", "{app}-dead-letters"}


@pytest.mark.parametrize(("kind", "topic"), TOPIC_OF.items())
def test_a_source_topic_carries_its_kind_and_ticks(kind: str, topic: str) -> None:
    """And each message has the schema of its kind."""
    messages = DOCUMENT["channels"][topic]["messages"]
    assert set(messages) == {kind, "tick"}
    for name, message in messages.items():
        payload = follow(DOCUMENT, message)["payload"]
        assert payload["schema"] == {"$ref": f"{name}.schema.json"}


def test_the_topics_are_set_up_as_the_document_says() -> None:
    """The same partitions everywhere; what is kept, and for how long."""
    for planned in plan(
        TOPIC_OF.values(), "changelog", "deadLetters", partitions=12, replication=1
    ):
        binding = DOCUMENT["channels"][planned.name]["bindings"]["kafka"]
        said = binding["topicConfiguration"] | {
            "cleanup.policy": ",".join(binding["topicConfiguration"]["cleanup.policy"])
        }
        assert binding["partitions"] == planned.partitions
        assert (
            said.items()
            <= {
                name: int(value) if value.lstrip("-").isdigit() else value
                for name, value in planned.config.items()
            }.items()
        )


def test_the_headers_are_those_that_the_engine_writes() -> None:
    """Those of a dead letter, of a record that was re-sent, and of the mark that it was."""
    schemas = DOCUMENT["components"]["schemas"]
    letter = dead_letter.dead_letter_headers(Reason.EMPTY, "", "likes", 0, 0, 0, [])
    written = [name for name, _ in letter]
    assert schemas["deadLetterHeaders"]["required"] == written
    assert list(schemas["deadLetterHeaders"]["properties"]) == written
    assert list(schemas["sourceHeaders"]["properties"]) == [REROUTED_FROM, REDRIVEN_FROM]
    mark = DOCUMENT["components"]["messages"]["redriven"]["headers"]
    assert list(mark["properties"]) == mark["required"] == [REDRIVEN, dead_letter.TIMESTAMP]


def test_the_changelogs_examples_are_read_by_the_engine() -> None:
    """The document shows values as they are stored."""
    messages = DOCUMENT["components"]["messages"]
    record = messages["partitionRecord"]
    stored = orjson.dumps(record["examples"][0]["payload"])
    assert partition_record.PartitionRecord.decode(stored).clock > 0
    assert record["bindings"]["kafka"]["key"]["const"].encode() == partition_record.KEY
    assert unpack(base64.b64decode(messages["relationship"]["examples"][0]["payload"])).log


def test_the_document_has_the_version_of_the_project() -> None:
    """One version."""
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())["project"]
    assert DOCUMENT["info"]["version"] == project["version"]
