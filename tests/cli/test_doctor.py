"""The doctor, on a broker: what it finds, what it says, and that it leaves nothing behind."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka.errors import GroupAuthorizationFailedError

from streams.core.partition_record import KEY, PartitionRecord
from streams.core.time import HOUR_MS
from streams.doctor import CHECKS, Check, Finding, Verdict, examine
from streams.doctor.finding import Found, ok, problem
from streams.settings import load
from streams.table.fit import value_settings
from tests.cli.conftest import Closeknit
from tests.cli.kafka import Put, read, write

OK, WARNING, PROBLEM, SKIPPED = Verdict


def findings(closeknit: Closeknit, expect: int) -> list[dict[str, Any]]:
    output = closeknit("doctor", "--format", "json", expect=expect).output
    document: dict[str, Any] = json.loads(output)
    assert document["healthy"] is (expect == 0)
    found: list[dict[str, Any]] = document["findings"]
    assert {finding["check"] for finding in found} == {check.name for check in CHECKS}
    return found


def verdicts(found: list[dict[str, Any]], *checks: str) -> list[str]:
    """The gravest verdict of each check."""
    order = [PROBLEM, SKIPPED, WARNING, OK]
    return [
        min((f["verdict"] for f in found if f["check"] == check), key=order.index)
        for check in checks
    ]


def test_all_is_well_and_nothing_is_left_behind(on_broker: Closeknit) -> None:
    """Right after `topics create`: every check is made, and no reader sees a trace of it."""
    on_broker("topics", "create")
    on_broker("replay", "-", input='{"kind":"tick","at":"2026-07-04T14:00:00Z"}')
    found = findings(on_broker, expect=0)
    assert {finding["verdict"] for finding in found} <= {OK, WARNING}
    said = {finding["check"]: finding["text"] for finding in found}
    assert "of the broker's" in said["clock"]
    assert "the newest event was written at" in said["reading"]
    settings = load()
    assert read(settings, settings.dead_letters) == []
    assert "No dead letters." in on_broker("dead-letters", "list").output
    assert "No problem" in on_broker("doctor").output


def test_topics_that_are_missing_or_torn_are_found(
    on_broker: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be looked at without them is skipped, with the reason."""
    dependent = ("transactions", "tables", "reading", "lag")
    missing = findings(on_broker, expect=1)
    assert verdicts(missing, "topics", *dependent) == [PROBLEM, *[SKIPPED] * 4]
    on_broker("topics", "create")
    monkeypatch.setenv("CLOSEKNIT_PARTITIONS", "5")
    torn = findings(on_broker, expect=1)
    assert verdicts(torn, "topics", *dependent) == [PROBLEM, *[SKIPPED] * 4]
    (text,) = [finding["text"] for finding in torn if finding["check"] == "topics"]
    assert "has 4 partitions, the settings say 5" in text


def test_tables_of_other_settings_or_another_time_are_found(on_broker: Closeknit) -> None:
    """However far before the end of its partition the record lies."""
    on_broker("topics", "create")
    settings = load()
    record = PartitionRecord(
        clock=time.time_ns() // 1_000_000 // HOUR_MS + 48,
        next={},
        settings=value_settings(settings.rules) | {"reply": 5.0},
    )
    records = [Put(settings.changelog, 1, KEY, record.encode())]
    records += [Put(settings.changelog, 1, b"k", b"v")] * 150
    write(settings, records)
    found = findings(on_broker, expect=1)
    assert verdicts(found, "tables", "clock", "reading", "lag") == [PROBLEM, PROBLEM, OK, SKIPPED]
    said = {finding["check"]: finding for finding in found}
    assert "weight_reply was 5.0 and is now 4.0" in said["tables"]["text"]
    assert "closeknit reset" in said["tables"]["remedy"]


def test_nobody_listens(closeknit: Closeknit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said once; the rest is skipped, and each line fits 80 columns."""
    monkeypatch.setenv("CLOSEKNIT_DATA_DIR", "/")  # a path would not be broken
    monkeypatch.setenv("CLOSEKNIT_BROKER", "127.0.0.1:1")
    found = findings(closeknit, expect=1)
    assert verdicts(found, "settings", "broker", "topics", "lag") == [OK, PROBLEM, SKIPPED, SKIPPED]
    output = closeknit("doctor", expect=1).output
    assert "nobody listens at 127.0.0.1:1" in output
    assert "What to do: " in output
    assert max(map(len, output.splitlines())) <= 80


def test_wrong_settings_are_findings_too(
    closeknit: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them at once, beside what needs no settings."""
    monkeypatch.setenv("CLOSEKNIT_PARTITIONS", "many")
    monkeypatch.setenv("CLOSEKNIT_CLOCK", "sun")
    found = findings(closeknit, expect=1)
    wrong = [finding for finding in found if finding["check"] == "settings"]
    assert [finding["verdict"] for finding in wrong] == [PROBLEM, PROBLEM]
    assert verdicts(found, "embedded broker", "broker") == [OK, SKIPPED]


@contextmanager
def listener(answer: bytes) -> Iterator[str]:
    """Somebody who answers whatever comes with these bytes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    caller.recv(4096)
                    caller.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize(
    ("answer", "protocol", "says"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "SSL", "does not speak TLS"),
        (b"", "PLAINTEXT", "hangs up on us"),
        (b"", "SSL", "hangs up on us"),
    ],
)
def test_who_listens_and_is_not_what_we_expect_is_described(
    answer: bytes,
    protocol: str,
    says: str,
    closeknit: Closeknit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not merely "no broker answers"."""
    monkeypatch.setenv("CLOSEKNIT_SECURITY_PROTOCOL", protocol)
    with listener(answer) as address:
        monkeypatch.setenv("CLOSEKNIT_BROKER", address)
        found = findings(closeknit, expect=1)
    (broker,) = [finding for finding in found if finding["check"] == "broker"]
    assert says in broker["text"]


def test_a_check_that_hangs_or_fails_ends_no_examination() -> None:
    """It has a deadline, and what nobody foresaw is a finding."""
    never = threading.Event()

    def hang(_: object) -> list[Found]:
        never.wait(60)
        return []

    def fail(_: object) -> list[Found]:
        raise ZeroDivisionError("oops")

    def denied(_: object) -> list[Found]:
        raise GroupAuthorizationFailedError("FindCoordinatorResponse error for GROUP/mine: ")

    checks = [
        Check("denied", denied, needs=()),
        Check("slow", hang, needs=(), seconds=0.05),
        Check("odd", fail, needs=()),
        Check("after", lambda _: [ok("fine")], needs=("slow",)),
        Check("well", lambda _: [ok("fine"), problem("but", "do")], needs=()),
        Check("later", lambda _: [ok("fine")], needs=("after",)),
    ]
    found = list(examine(checks))
    never.set()
    assert [(finding.check, finding.verdict) for finding in found] == [
        ("denied", PROBLEM),
        ("slow", PROBLEM),
        ("odd", PROBLEM),
        ("after", SKIPPED),
        ("well", OK),
        ("well", PROBLEM),
        ("later", SKIPPED),
    ]
    assert "denies us a right to the consumer group" in found[0].text
    assert "Access rights" in found[0].remedy
    assert "no answer within 0.05 s" in found[1].text
    assert "ZeroDivisionError: oops" in found[2].text
    assert found[3] == Finding("after", SKIPPED, "see slow")
