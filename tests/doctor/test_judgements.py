"""What the doctor says of each thing that can be wrong: judged from facts, without a broker."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import aiokafka.errors as refusals
import pytest
from aiokafka import TopicPartition

from streams.core.partition_record import PartitionRecord, Position
from streams.core.time import HOUR_MS, hour_of
from streams.doctor import cluster, connection, machine, tables
from streams.doctor.cluster import Attempt, Tail
from streams.doctor.connection import Way
from streams.doctor.finding import Found, Verdict
from streams.doctor.tables import Stored
from streams.metrics.server import Server, application
from streams.settings import Account, Settings
from streams.settings.lists import Accounts, Ignored
from streams.table.fit import value_settings
from streams.table.resume import Log
from streams.topics import Finding, administration
from streams.topics import Found as Topic
from tests.conftest import Broker

NOW = 1_783_175_887_000
HERE = "kafka:9092"


def given(**changes: Any) -> Settings:
    return Settings.model_construct(**{"broker": HERE, **changes})


def only(found: Iterable[Found]) -> Found:
    (finding,) = found
    assert bool(finding.remedy) is (finding.verdict is not Verdict.OK)
    return finding


@pytest.mark.parametrize(
    ("error", "protocol", "text", "remedy"),
    [
        (
            socket.gaierror(-2, "Name or service not known"),
            "PLAINTEXT",
            "name kafka is not",
            "slip",
        ),
        (ConnectionRefusedError(), "PLAINTEXT", "nobody listens", "`closeknit broker`"),
        (TimeoutError(), "PLAINTEXT", "does not answer within", "firewall"),
        (
            OSError(errno.EHOSTUNREACH, "No route to host"),
            "PLAINTEXT",
            "No route to host",
            "BROKER",
        ),
        (refusals.KafkaConnectionError("closed"), "PLAINTEXT", "hangs up on us", "protocol"),
        (ConnectionResetError(104, "reset"), "SSL", "hangs up on us", "is SSL"),
        (ssl.SSLEOFError(8, "EOF"), "SSL", "hangs up on us", "is SSL"),
        (refusals.SaslAuthenticationFailed("bad"), "SASL_SSL", "not let ada in: bad", "PASSWORD"),
        (refusals.UnsupportedSaslMechanismError(), "SASL_SSL", "by PLAIN", "SASL_MECHANISM"),
        (refusals.IllegalSaslStateError(), "SASL_SSL", "wants no log-in", "protocol SSL"),
    ],
)
def test_each_way_not_to_reach_a_broker_is_told_apart(
    error: Exception, protocol: str, text: str, remedy: str
) -> None:
    """With what to do about it; one server down among several is a warning."""
    settings = given(security_protocol=protocol, sasl_username="ada", sasl_mechanism="PLAIN")
    finding = only(connection.judge_way(settings, Way({HERE: error}, {}, {})))
    assert finding.verdict is Verdict.PROBLEM
    assert text in finding.text
    assert remedy in finding.remedy
    first, second = connection.judge_way(settings, Way({HERE: error, "b:9092": None}, {}, {}))
    assert (first.verdict, second.verdict) == (Verdict.WARNING, Verdict.OK)


def test_a_broker_whose_own_address_is_wrong_is_found() -> None:
    """It answers, and sends every client elsewhere."""
    refused = Way({HERE: None}, {"internal:9092": socket.gaierror(-2, "unknown")}, {})
    finding = only(connection.judge_way(given(), refused))
    assert finding.verdict is Verdict.PROBLEM
    assert "names internal:9092" in finding.text
    assert "advertised.listeners" in finding.remedy


def test_a_broker_that_hangs_up_after_its_versions_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So does Apache Kafka with whoever has not logged in."""
    hung_up = refusals.KafkaConnectionError("closed")
    stranger = Mock(_versions=FULL, send=AsyncMock(side_effect=hung_up))
    monkeypatch.setattr(connection, "_connect", AsyncMock(return_value=(stranger, None)))
    way = asyncio.run(connection.explore(given()))
    assert way.bootstrap == {HERE: hung_up}
    stranger.close.assert_called_once()


FULL = {1: (0, 13), 3: (0, 12), 22: (0, 4), 24: (0, 3), 25: (0, 3), 26: (0, 3), 28: (0, 3)}


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (FULL, [Verdict.OK]),
        (FULL | {3: (0, 9)}, [Verdict.OK, Verdict.WARNING]),  # no topic ids
        (FULL | {1: (0, 3)}, [Verdict.PROBLEM]),  # cannot tell what is committed
        ({n: v for n, v in FULL.items() if n != 26}, [Verdict.PROBLEM]),
    ],
)
def test_a_broker_that_can_too_little_is_found(versions: Any, expected: list[Verdict]) -> None:
    """Without transactions nothing works; without topic ids nearly everything."""
    assert [found.verdict for found in connection.judge_versions(versions)] == expected


@pytest.mark.parametrize(
    ("copies", "release", "warns"),
    [
        (1, 29, False),
        (1, 30, True),
        (1, 33, True),
        (1, 34, False),
        (1, None, False),
        (3, 33, False),
    ],
)
def test_a_release_that_tears_commits_where_there_is_one_copy_is_warned_of(
    copies: int, release: int | None, *, warns: bool
) -> None:
    topics = {"likes": Topic(12, 3, {}), "changelog": Topic(12, copies, {})}
    found = list(cluster.judge_copies(topics, release))
    assert [finding.verdict for finding in found] == [Verdict.WARNING] * warns
    assert all("KAFKA-20734" in finding.text and finding.remedy for finding in found)


@pytest.mark.kafka
def test_the_release_of_a_broker_is_told_and_that_of_these_tests_does_not_tear_commits(
    real_kafka: Broker,
) -> None:
    """If this fails, see the version in tests/brokers/pom.xml."""
    with administration({"bootstrap_servers": [real_kafka.bootstrap]}) as admin:
        release = cluster.metadata_release(admin)
    assert release is not None
    assert release not in cluster.TORN


def test_findings_about_topics_are_told_once() -> None:
    """Not six times."""
    missing = [Finding(name, True, "is missing", "create") for name in ("likes", "shares")]
    finding = only(cluster.judge_topics(missing, 6))
    assert finding == (Verdict.PROBLEM, "likes, shares: each is missing", "create")
    advice = [Finding("likes", False, "has retention", "alter")]
    assert only(cluster.judge_topics(advice, 6)).verdict is Verdict.WARNING
    assert only(cluster.judge_topics([], 6)).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("error", "verdict", "says"),
    [
        (None, Verdict.OK, "no reader sees it"),
        (refusals.TransactionalIdAuthorizationFailed(), Verdict.PROBLEM, "prefix closeknit-"),
        (refusals.TopicAuthorizationFailedError(), Verdict.PROBLEM, "closeknit-dead-letters"),
        (refusals.GroupAuthorizationFailedError(), Verdict.PROBLEM, "Read on that group"),
        (refusals.ClusterAuthorizationFailedError(), Verdict.PROBLEM, "IdempotentWrite"),
        (refusals.InvalidTransactionTimeout(), Verdict.PROBLEM, "transaction.max.timeout.ms"),
        (refusals.ProducerFenced(), Verdict.WARNING, "another doctor"),
        (refusals.KafkaTimeoutError(), Verdict.PROBLEM, "a transaction failed"),
    ],
)
def test_each_refusal_of_a_transaction_is_explained(
    error: Exception | None, verdict: Verdict, says: str
) -> None:
    """Which right or setting it is about."""
    finding = only(cluster.judge_attempt(given(), Attempt(error)))
    assert finding.verdict is verdict
    assert says in finding.text + finding.remedy


def group(workers: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "members": [{}] * workers,
        "group_state": "Stable",
        "authorized_operations": None,
    } | more


@pytest.mark.parametrize(
    ("described", "verdict", "says"),
    [
        (group(), Verdict.OK, "no worker runs"),
        (group(2, authorized_operations=["READ"]), Verdict.OK, "2 in closeknit: stable"),
        (group(13), Verdict.WARNING, "1 have nothing to do"),
        (group(authorized_operations=["DESCRIBE"]), Verdict.PROBLEM, "joining"),
        (group(error="GroupAuthorizationFailedError"), Verdict.PROBLEM, "cannot be described"),
    ],
)
def test_the_group_is_judged_as_described(
    described: dict[str, Any], verdict: Verdict, says: str
) -> None:
    """By who is in it, and whether we may be."""
    finding = only(cluster.judge_group(given(), described))
    assert finding.verdict is verdict
    assert says in finding.text


def tail(age_ms: int) -> dict[TopicPartition, Tail]:
    record: Any = SimpleNamespace(timestamp=NOW - age_ms)
    return {TopicPartition("likes", 3): Tail(0, 1, [record])}


def test_an_event_stamped_in_the_future_is_found() -> None:
    """A minute is nothing; an hour is a wrong clock."""
    assert only(cluster.judge_reading({}, NOW)).verdict is Verdict.OK
    assert only(cluster.judge_reading(tail(-50_000), NOW)).verdict is Verdict.OK
    finding = only(cluster.judge_reading(tail(-HOUR_MS), NOW))
    assert finding.verdict is Verdict.WARNING
    assert "likes/3 is stamped 60 minutes ahead" in finding.text


def stored(
    clock: int = 0, offset: int = 10, topic_id: str | None = "a", **settings: float
) -> Stored:
    values = value_settings(given().rules) | settings
    position = Position(offset=offset, topic_id=topic_id)
    return Stored({0: PartitionRecord(clock=clock, next={"likes": position}, settings=values)})


@pytest.mark.parametrize(
    ("facts", "verdict", "says"),
    [
        (Stored({}), Verdict.OK, "nothing is written down yet"),
        (stored(), Verdict.OK, "with these settings"),
        (stored(like=3.0), Verdict.PROBLEM, "weight_like was 3.0 and is now 1.0"),
        (stored(partitions=4.0), Verdict.PROBLEM, "partitions was 4.0 and is now 12.0"),
        (Stored({}, "the changelog was written in format 9, …"), Verdict.PROBLEM, "end with 78"),
    ],
)
def test_tables_that_would_stop_a_worker_are_found(
    facts: Stored, verdict: Verdict, says: str
) -> None:
    """Those for which it ends with 78."""
    finding = only(tables.judge_stored(given(), facts))
    assert finding.verdict is verdict
    assert says in finding.text


@pytest.mark.parametrize(
    ("clock", "hour", "ahead_ms", "verdict", "says"),
    [
        ("wall", 0, 0.0, Verdict.OK, "within 0.1 s of the broker's"),
        ("wall", 0, None, Verdict.OK, "does not tell its time"),
        ("wall", 0, 42_000.0, Verdict.WARNING, "42 s behind the broker's"),
        ("wall", 0, -42_000.0, Verdict.WARNING, "42 s ahead of the broker's"),
        ("wall", 0, 7_200_000.0, Verdict.PROBLEM, "dead letters"),
        ("event", 0, 7_200_000.0, Verdict.WARNING, "behind"),  # events bring their own time
        ("wall", hour_of(NOW) + 1, 0.0, Verdict.PROBLEM, "never goes back"),
        ("event", hour_of(NOW) + 1, 0.0, Verdict.WARNING, "never goes back"),
    ],
)
def test_clocks_are_compared(
    clock: str, hour: int, ahead_ms: float | None, verdict: Verdict, says: str
) -> None:
    """Ours, the broker's, and the hours written down."""
    finding = only(
        tables.judge_clock(given(clock=clock), stored(hour), Attempt(None, ahead_ms, 5.0), NOW)
    )
    assert finding.verdict is verdict
    assert says in finding.text


@pytest.mark.parametrize(
    ("log", "workers", "verdict", "says"),
    [
        (Log("a", 0, 10), 0, Verdict.OK, "is applied"),
        (Log("a", 0, 1010), 1, Verdict.OK, "1,000 records wait"),
        (Log("a", 0, 1010), 0, Verdict.WARNING, "no worker runs"),
        (Log("a", 0, 9), 1, Verdict.PROBLEM, "the broker lost records"),
    ],
)
def test_how_far_the_tables_are(log: Log, workers: int, verdict: Verdict, says: str) -> None:
    """Judged by their own positions, which are the truth."""
    first, *_ = tables.judge_lag(stored(), {TopicPartition("likes", 0): log}, workers)
    assert first.verdict is verdict
    assert says in first.text


def test_a_topic_created_anew_is_noticed() -> None:
    """Its id differs."""
    place = TopicPartition("likes", 0)
    finding, last = tables.judge_lag(stored(), {place: Log("b", 0, 0)}, workers=1)
    assert finding.verdict is Verdict.WARNING
    assert "deleted and created anew" in finding.text
    assert last.verdict is Verdict.OK


def test_many_troubles_of_one_kind_are_cut_short() -> None:
    """Three, and how many more there are."""
    logs = {TopicPartition("likes", 0): Log("b", 0, 0)} | {
        TopicPartition(f"likes{n}", 0): Log("b", 0, 0) for n in range(9)
    }
    record = PartitionRecord(
        clock=0, next={tp.topic: Position(10, "a") for tp in logs}, settings={}
    )
    found = list(tables.judge_lag(Stored({0: record}), logs, workers=1))
    assert len(found) == 5
    assert "7 more partitions" in found[3].text


def test_the_lists_are_counted() -> None:
    """A file without an account puts all in one pot."""
    files = given(
        accounts=Accounts(Path("a.csv"), (Account("a", "A", ""),)),
        ignore=Ignored(Path("i.txt"), frozenset({"x", "y"})),
    )
    assert [found.text for found in machine.lists(files)] == [
        "accounts in a.csv: 1",
        "members to ignore in i.txt: 2",
    ]
    first, _ = machine.lists(given(accounts=Accounts(Path("a.csv"), ())))
    assert first.verdict is Verdict.WARNING


def test_a_scratch_directory_is_looked_at_and_not_made(tmp_path: Path) -> None:
    """There, still to be made, or a file."""
    folder = tmp_path / "new" / "deep"
    assert only(machine.scratch_directory(given(data_dir=folder))).text.endswith("can be made")
    assert not folder.parent.exists()
    assert only(machine.scratch_directory(given(data_dir=tmp_path))).text.endswith("be written")
    taken = tmp_path / "file"
    taken.touch()
    for wrong in (taken, taken / "below"):
        assert "is a file" in only(machine.scratch_directory(given(data_dir=wrong))).text


def test_a_directory_of_somebody_else_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the setting to change."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    finding = only(machine.scratch_directory(given(data_dir=tmp_path)))
    assert finding.verdict is Verdict.PROBLEM
    assert "CLOSEKNIT_DATA_DIR" in finding.remedy


def test_a_port_is_free_or_taken_or_impossible() -> None:
    """Taken by a stranger, here."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        stranger.close()
        assert only(machine.http_port(given(http_port=port))).verdict is Verdict.OK
    with socket.create_server(("127.0.0.1", port)):
        finding = only(machine.http_port(given(http_port=port)))
    assert finding.verdict is Verdict.PROBLEM
    assert "taken by another program" in finding.text
    impossible = given(http_host="192.0.2.1", http_port=port)
    assert "CLOSEKNIT_HTTP_HOST" in only(machine.http_port(impossible)).remedy
    assert only(machine.http_port(given(http_port=0))).verdict is Verdict.OK


def test_a_worker_of_ours_on_the_port_is_recognised() -> None:
    """It is no stranger."""
    server = Server(application(lambda: b"", lambda: None, lambda: None))
    port = server.start()
    try:
        finding = only(machine.http_port(given(http_port=port)))
    finally:
        server.stop()
    assert finding.verdict is Verdict.OK
    assert "a worker already listens" in finding.text
