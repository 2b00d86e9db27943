"""Topics: what is created, and every difference that a check must find."""

import json
from unittest.mock import Mock

import pytest
from kafka.errors import TopicAuthorizationFailedError

from streams.topics import Found, Planned, check, find, plan
from tests.cli.conftest import Closeknit

WANTED = plan(["likes"], "app-changelog", "app-dead-letters", partitions=12, replication=3)
BROKER_DEFAULTS = {"max.message.bytes": "1048588", "min.insync.replicas": "1"}


def as_planned() -> dict[str, Found]:
    return {
        topic.name: Found(topic.partitions, topic.replication, BROKER_DEFAULTS | topic.config)
        for topic in WANTED
    }


def with_config(topic: str, **config: str) -> dict[str, Found]:
    found = as_planned()
    changed = {key.replace("_", "."): value for key, value in config.items()}
    found[topic] = found[topic]._replace(config={**found[topic].config, **changed})
    return found


def test_topics_as_planned_have_no_findings() -> None:
    """Silence means that all is well."""
    assert check(WANTED, as_planned()) == []


def test_a_missing_topic_is_grave_and_says_how_to_make_it() -> None:
    """One finding for each."""
    findings = check(WANTED, {})
    assert [(finding.topic, finding.grave) for finding in findings] == [
        (topic.name, True) for topic in WANTED
    ]
    assert all("`closeknit topics create`" in finding.remedy for finding in findings)


def test_another_number_of_partitions_is_grave() -> None:
    """It would put relationships apart."""
    found = as_planned()
    found["likes"] = found["likes"]._replace(partitions=6)
    (finding,) = check(WANTED, found)
    assert finding.grave
    assert "has 6 partitions, the settings say 12" in finding.text
    assert "CLOSEKNIT_PARTITIONS" in finding.remedy


@pytest.mark.parametrize(
    ("topic", "key", "value", "grave"),
    [
        ("likes", "cleanup_policy", "compact", True),  # drops all but the last event of a pair
        ("app-changelog", "cleanup_policy", "delete", True),  # drops old relationships
        ("app-changelog", "cleanup_policy", "compact,delete", True),  # so does this
        ("app-dead-letters", "cleanup_policy", "compact", True),
        ("app-dead-letters", "max_message_bytes", "1048588", True),  # no room for our headers
        ("likes", "max_message_bytes", "2097176", True),  # the same, from the other side
        ("likes", "retention_ms", "604800000", False),  # a week: reset cannot rebuild more
        ("likes", "min_insync_replicas", "1", False),
        ("app-changelog", "min_cleanable_dirty_ratio", "0.5", False),
    ],
)
def test_a_setting_that_does_harm_is_found(topic: str, key: str, value: str, grave: bool) -> None:
    """With the value, what it means, and the command that mends it."""
    (finding,) = check(WANTED, with_config(topic, **{key: value}))
    assert finding.grave is grave
    assert "kafka-configs.sh --alter" in finding.remedy


@pytest.mark.parametrize(
    ("topic", "key", "value"),
    [
        ("app-dead-letters", "retention_ms", "-1"),  # for ever is more than enough
        ("app-changelog", "min_cleanable_dirty_ratio", "0.05"),
        ("app-dead-letters", "max_message_bytes", "5000000"),
        ("likes", "min_insync_replicas", "3"),
    ],
)
def test_better_than_planned_is_no_finding(topic: str, key: str, value: str) -> None:
    """Only harm is reported."""
    assert check(WANTED, with_config(topic, **{key: value})) == []


def test_too_few_copies_are_advice() -> None:
    """It works, until a disk dies."""
    found = as_planned()
    found["likes"] = found["likes"]._replace(replication=1)
    (finding,) = check(WANTED, found)
    assert not finding.grave
    assert "has 1 copies, the settings say 3" in finding.text


def test_a_configuration_that_we_may_not_see_is_not_called_right() -> None:
    """The broker then tells nothing, rather than refusing."""
    found = as_planned() | {"likes": Found(12, 3, {})}
    (finding,) = check(WANTED, found)
    assert not finding.grave
    assert "was not compared" in finding.text


def test_a_topic_that_we_may_not_see_is_not_called_missing() -> None:
    """Creating it would not help."""
    answers = [{"name": "likes", "error_code": 29, "partitions": []}]
    with pytest.raises(TopicAuthorizationFailedError, match="we may not describe likes"):
        find(Mock(describe_topics=Mock(return_value=answers)), ["likes"])


def test_print_needs_no_broker_and_says_the_same_in_every_format(closeknit: Closeknit) -> None:
    """Whoever may create topics can paste the commands."""
    documents = [
        json.loads(line)
        for line in closeknit("topics", "print", "--format", "json").output.splitlines()
    ]
    assert [document["name"] for document in documents] == [
        "likes",
        "replies",
        "follows",
        "shares",
        "closeknit-sources",
        "closeknit-changelog",
        "closeknit-dead-letters",
    ]
    commands = closeknit("topics", "print", "--format", "shell").output.splitlines()
    for document, command in zip(documents, commands, strict=True):
        topic = Planned(**document)
        number = 1 if topic.name == "closeknit-sources" else 12
        assert f"--topic {topic.name} --partitions {number}" in command
        for key, value in topic.config.items():
            assert f"--config {key}={value}" in command


def test_created_topics_pass_the_check_and_creating_again_changes_nothing(
    on_broker: Closeknit,
) -> None:
    """On a broker: create, check, create."""
    assert "is missing" in on_broker("topics", "check", expect=1).output
    assert on_broker("topics", "create").output.count("created ") == 7
    assert "as they should be" in on_broker("topics", "check").output
    assert on_broker("topics", "create").output.count("was there ") == 7


def test_a_check_against_other_settings_fails(
    on_broker: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, so that a deployment stops."""
    on_broker("topics", "create")
    monkeypatch.setenv("CLOSEKNIT_PARTITIONS", "5")
    output = on_broker("topics", "check", expect=1).output
    assert output.count("has 4 partitions, the settings say 5") == 6


def test_what_the_broker_refuses_is_said_in_its_words(
    on_broker: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More copies than brokers."""
    monkeypatch.setenv("CLOSEKNIT_REPLICATION_FACTOR", "3")
    output = on_broker("topics", "create", expect=3).output
    assert output.startswith("Error: ")
    assert "replication factor" in output
    assert "CreatableTopic" not in output
