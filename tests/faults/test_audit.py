"""The audit notices what it is there for: one that has never found anything proves nothing."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.engine.system import System
from tests.faults.audit import Audit
from tests.faults.load import Load, Sent
from tests.faults.logs import Origin, Reader, Record

EVENT = {"kind": "like", "id": "1", "account": "a", "member": "m", "at": "2026-03-01T12:00:00Z"}
GOOD = Sent("like", 0, b"a m", b"good", EVENT)
BAD = Sent("like", 1, b"a m", b"{", reason="not_json")
STRAY = Sent("like", 0, b"a n", b"stray", EVENT | {"member": "n"}, home=1)
LOAD = [GOOD, BAD, STRAY]


def lies(place: tuple[str, int, int], sent: Sent, *headers: tuple[str, str]) -> Record:
    named = [(name, value.encode()) for name, value in headers]
    return Record(Origin(*place), sent.key, sent.value, named)


def whole() -> list[Record]:
    """What the logs hold when all is well."""
    letter = {"reason": "not_json", "topic": "likes", "partition": "1", "offset": "0"}
    headers = [(f"closeknit-{name}", value) for name, value in letter.items()]
    return [
        lies(("likes", 0, 0), GOOD, ("serial", "0")),
        lies(("likes", 1, 0), BAD, ("serial", "1")),
        lies(("likes", 0, 1), STRAY, ("serial", "2")),
        lies(("likes", 1, 1), STRAY, ("closeknit-rerouted-from", "likes/0/1")),
        lies(("letters", 1, 0), BAD, *headers, ("serial", "1")),
    ]


def audited(logs: list[Record]) -> list[str]:
    settings = SimpleNamespace(topics={"like": "likes"}, dead_letters="letters", broker="")
    system = SimpleNamespace(settings=settings, partitions=2, topic={"like": "likes"}.get)
    audit = Audit(cast(System, system), cast(Load, SimpleNamespace(sent=LOAD)))

    def read(*topics: str) -> list[Record]:
        return [record for record in logs if record.origin.topic in topics]

    audit._reader = cast(Reader, SimpleNamespace(read=read, held_back=list))
    return [*audit.follow(), *audit.owed()]


def test_logs_that_are_as_they_should_be_are_passed() -> None:
    assert audited(whole()) == []


def again(number: int) -> Callable[[list[Record]], Any]:
    """The record is there once more, in the next place."""

    def spoil(logs: list[Record]) -> None:
        topic, partition, _ = logs[number].origin
        logs.append(logs[number]._replace(origin=Origin(topic, partition, 9)))

    return spoil


def changed(number: int) -> Callable[[list[Record]], Any]:
    def spoil(logs: list[Record]) -> None:
        logs[number] = logs[number]._replace(value=b"something else")

    return spoil


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda logs: logs.pop(0), "are in no topic"),
        (again(0), "is there again"),
        (lambda logs: logs.pop(3), "never re-sent"),
        (again(3), "re-sent twice"),
        (changed(3), "or changed"),
        (lambda logs: logs.pop(4), "neither in tables nor dead letters"),
        (again(4), "a dead letter too many"),
        (changed(4), "not the refused record"),
    ],
)
def test_what_is_lost_doubled_or_changed_is_found(
    spoil: Callable[[list[Record]], Any], found: str
) -> None:
    logs = whole()
    spoil(logs)
    (said,) = audited(logs)
    assert found in said
