"""Whatever a stranger sends ends as the design says, counted, and the worker keeps running."""

import json
from collections import Counter
from typing import Any, NamedTuple

import pytest
from kafka import KafkaProducer

from schemas.events import TOPIC_OF
from streams.core.placement import partition_of, relationship_key
from tests.conftest import Promtool
from tests.engine.system import System, Worker, await_that

KINDS = tuple(TOPIC_OF)
AT = "2026-03-01T12:00:00Z"


class Sent(NamedTuple):
    """One record, and how it must end."""

    case: str
    value: bytes | None
    outcomes: tuple[str, ...]
    reason: str = ""
    key: bytes | None = b"as-it-should-be"
    shift: int = 0  # partitions away from the right one


def event(kind: str, case: str, /, **changes: Any) -> dict[str, Any]:
    member = f"{kind}-{case}"
    whole = {"kind": kind, "id": "1", "account": "brand", "member": member, "at": AT}
    return {key: value for key, value in {**whole, **changes}.items() if value is not ...}


def cases(kind: str) -> list[Sent]:
    """Everything that issue and design name, for one topic."""
    other = KINDS[(KINDS.index(kind) + 1) % len(KINDS)]

    def bad(case: str, reason: str, /, **changes: Any) -> Sent:
        return Sent(case, encode(event(kind, case, **changes)), ("invalid",), reason)

    def fine(case: str, *outcomes: str, **how: Any) -> Sent:
        return Sent(case, encode(event(kind, case)), outcomes, **how)

    return [
        Sent("not-json", b"{nope", ("invalid",), "not_json"),
        Sent("invalid-utf8", b'{"kind":"like","id":"\xff"}', ("invalid",), "not_json"),
        Sent("empty", b"", ("invalid",), "empty"),
        Sent("null", None, ("invalid",), "empty"),
        Sent("list", b"[]", ("invalid",), "wrong_type"),
        bad("wrong-type", "wrong_type", account=7),
        bad("missing-field", "missing_field", member=...),
        bad("unknown-kind", "unknown_kind", kind="wave"),
        bad("kind-of-another-topic", "kind_mismatch", kind=other),
        bad("naive-time", "invalid_time", at="2026-03-01T12:00:00"),
        bad("absurd-time", "invalid_time", at="9999-12-31T23:59:59Z"),
        bad("leap-second", "invalid_time", at="2026-06-30T23:59:60Z"),
        bad("no-time", "invalid_time", at="yesterday"),
        bad("white-space", "invalid_member", member="a b"),
        bad("account-is-member", "self_interaction", account="same", member="same"),
        bad("too-large", "too_large", post="x" * 100 * 1024),
        Sent("extra-field", encode(event(kind, "extra-field", colour="red")), ("applied",)),
        fine("plain", "applied"),
        fine("wrong-key", "applied", key=b"somebody else"),
        fine("no-key", "applied", key=None),
        fine("wrong-partition", "rerouted", "applied", shift=1),
        fine("no-key-wrong-partition", "rerouted", "applied", key=None, shift=2),
    ]


def encode(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def send(system: System, producer: KafkaProducer, kind: str, sent: Sent) -> None:
    right = relationship_key("brand", f"{kind}-{sent.case}")
    number = (partition_of(right, system.partitions) + sent.shift) % system.partitions
    key = right if sent.key == b"as-it-should-be" else sent.key
    producer.send(system.topic(kind), value=sent.value, key=key, partition=number)


def outcomes(worker: Worker) -> Counter[tuple[str, ...]]:
    return worker.counts("closeknit_events_total", "topic", "outcome")


def test_every_kind_of_bad_record_in_every_topic_is_counted_kept_and_survived(
    system: System,
) -> None:
    worker = system.worker()
    worker.await_ready()
    want: Counter[tuple[str, ...]] = Counter()
    reasons: Counter[str] = Counter()
    with system.producer() as producer:
        for kind in KINDS:
            for sent in cases(kind):
                send(system, producer, kind, sent)
                want.update((TOPIC_OF[kind], outcome) for outcome in sent.outcomes)
                reasons.update([sent.reason] if sent.reason else [])
    await_that(lambda: outcomes(worker).total() >= want.total(), f"{want.total()} records are read")
    assert outcomes(worker) == want
    dead = worker.counts("closeknit_dead_letters_total", "reason")
    assert dead == {(reason,): n for reason, n in reasons.items()}

    worker.signal(15)
    assert worker.wait() == 0, worker.said()
    members = {member for _, member in system.relationships()}
    assert members == {
        f"{kind}-{sent.case}" for kind in KINDS for sent in cases(kind) if not sent.reason
    }
    listed = [json.loads(line) for line in dead_letters(system)]
    assert Counter(one["reason"] for one in listed) == reasons


def dead_letters(system: System) -> list[str]:
    listed = system.cli("dead-letters", "list", "--format", "jsonl", "--limit", "1000")
    return listed.splitlines()


@pytest.mark.prometheus
def test_no_member_id_is_in_the_metrics_and_promtool_finds_no_fault(
    system: System, promtool: Promtool
) -> None:
    system.replay(
        event(kind, f"secret-{number}", id=str(number)) for kind in KINDS for number in range(5)
    )
    worker = system.worker()
    worker.await_ready()
    shown = 'closeknit_followers{account="brand"} 5'
    await_that(lambda: shown in worker.get("/metrics")[1], "the follows are counted")
    page = worker.get("/metrics")[1]
    assert "secret" not in page
    promtool(page)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_worker_that_serves_its_partitions_is_healthy_and_ready(
    system: System, path: str
) -> None:
    worker = system.worker()
    worker.await_ready()
    assert worker.get(path)[0] == 200
