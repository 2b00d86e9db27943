"""The checks, in their order: each within a deadline, and none that an earlier problem forbids."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import aiokafka.errors
import kafka.errors
from aiokafka import TopicPartition

from streams.doctor import cluster, connection, machine, tables
from streams.doctor.finding import Finding, Found, Skip, Verdict, ok, problem
from streams.group import describe
from streams.settings import InvalidSettings, Settings, load
from streams.topics import Kept, administration, check, find, plan, topic_ids


@dataclass
class Case:
    """What is known so far: each check adds to it."""

    given: Settings | None = None
    topics: frozenset[str] = frozenset()
    versions: connection.Versions = field(default_factory=dict)
    attempt: cluster.Attempt | None = None
    workers: int = 0
    stored: tables.Stored | None = None
    tails: dict[TopicPartition, cluster.Tail] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings, once they are known to be valid."""
        assert self.given is not None  # noqa: S101  every check but the first needs that one
        return self.given

    def require(self, *topics: str) -> None:
        """Skip the check unless these topics are there, with as many partitions as they should."""
        if missing := [topic for topic in topics if topic not in self.topics]:
            raise Skip(f"missing, or not as it should be: {', '.join(missing)}")


class Check(NamedTuple):
    """One check.

    Attributes:
        name: what it looks at.
        look: looks, adds to the case, and yields what it found.
        needs: checks that must have found no problem.
        seconds: its deadline.
    """

    name: str
    look: Callable[[Case], Iterable[Found]]
    needs: tuple[str, ...] = ("settings",)
    seconds: float = 15.0


def _settings(case: Case) -> Iterator[Found]:
    try:
        case.given = settings = load()
    except InvalidSettings as invalid:
        for sentence in invalid.problems:
            yield problem(sentence, "mend it; `closeknit config` then shows all settings")
        return
    yield ok(
        f"app {settings.app}, {settings.partitions} partitions, clock {settings.clock}: "
        "`closeknit config` shows all"
    )


def _broker(case: Case) -> Iterator[Found]:
    way = asyncio.run(connection.explore(case.settings))
    case.versions = way.versions
    yield from connection.judge_way(case.settings, way)


def _topics(case: Case) -> Iterator[Found]:
    settings = case.settings
    wanted = plan(
        settings.topics.values(),
        settings.changelog,
        settings.dead_letters,
        settings.partitions,
        settings.replication_factor,
        Kept(settings.dead_letter_retention, settings.dead_letter_bytes),
    )
    with administration(settings.connection()) as admin:
        found = find(admin, [topic.name for topic in wanted])
        release = cluster.metadata_release(admin)
    case.topics = frozenset(
        name for name, topic in found.items() if topic.partitions == settings.partitions
    )
    yield from cluster.judge_topics(check(wanted, found), len(wanted))
    yield from cluster.judge_copies(found, release)


def _transactions(case: Case) -> Iterator[Found]:
    case.require(case.settings.dead_letters, case.settings.topics["like"])
    case.attempt = asyncio.run(cluster.attempt_transaction(case.settings))
    yield from cluster.judge_attempt(case.settings, case.attempt)


def _group(case: Case) -> Iterator[Found]:
    with administration(case.settings.connection()) as admin:
        group = describe(admin, case.settings.app)
    case.workers = len(group["members"])
    yield from cluster.judge_group(case.settings, group)


def _tables(case: Case) -> Iterator[Found]:
    case.require(case.settings.changelog)
    case.stored = asyncio.run(tables.read_stored(case.settings))
    yield from tables.judge_stored(case.settings, case.stored)


def _reading(case: Case) -> Iterator[Found]:
    settings = case.settings
    case.require(*settings.topics.values(), settings.dead_letters)
    # After the tables were looked at: positions never run ahead of ends that were asked for later.
    sources = asyncio.run(cluster.read_tails(settings, tables.source_partitions(settings)))
    letters = [
        TopicPartition(settings.dead_letters, number) for number in range(settings.partitions)
    ]
    asyncio.run(cluster.read_tails(settings, letters))
    case.tails = sources
    yield from cluster.judge_reading(sources, _now_ms())


def _clock(case: Case) -> Iterator[Found]:
    yield from tables.judge_clock(case.settings, case.stored, case.attempt, _now_ms())


def _lag(case: Case) -> Iterator[Found]:
    settings = case.settings
    if case.stored is None or not case.tails:
        raise Skip("there is nothing to compare")
    ids = asyncio.run(topic_ids(settings.connection(), list(settings.topics.values())))
    yield from tables.judge_lag(case.stored, tables.logs_of(case.tails, ids), case.workers)


def _here(look: Callable[[Settings], Iterable[Found]], case: Case) -> Iterable[Found]:
    return look(case.settings)


CHECKS: tuple[Check, ...] = (
    Check("settings", _settings, needs=()),
    Check("lists", partial(_here, machine.lists)),
    Check("scratch directory", partial(_here, machine.scratch_directory)),
    Check("HTTP port", partial(_here, machine.http_port)),
    Check("core", lambda _: machine.core(), needs=()),
    Check("embedded broker", lambda _: machine.embedded_broker(), needs=()),
    Check("broker", _broker),
    Check("version", lambda case: connection.judge_versions(case.versions), ("broker",)),
    Check("topics", _topics, ("broker",), seconds=30),
    Check("transactions", _transactions, ("broker", "version"), seconds=30),
    Check("group", _group, ("broker",)),
    Check("tables", _tables, ("broker",), seconds=60),
    Check("reading", _reading, ("broker",), seconds=60),
    Check("clock", _clock, ("broker",)),
    Check("lag", _lag, ("tables", "reading")),
)


def examine(checks: Iterable[Check] = CHECKS) -> Iterator[Finding]:
    """Go through the checks and yield each finding as it is made."""
    case = Case()
    failed: set[str] = set()
    for one in checks:
        if blocking := [name for name in one.needs if name in failed]:
            failed.add(one.name)
            yield Finding(one.name, Verdict.SKIPPED, f"see {', '.join(blocking)}")
            continue
        for found in _within(one, case):
            if found.verdict in {Verdict.PROBLEM, Verdict.SKIPPED}:
                failed.add(one.name)
            yield Finding(one.name, *found)


def _within(one: Check, case: Case) -> list[Found]:
    """Run one check in a thread, which is left behind when it takes too long."""
    found: list[Found] = []
    failure: list[Found] = []

    def look() -> None:
        try:
            found.extend(one.look(case))
        except Skip as reason:
            failure.append(Found(Verdict.SKIPPED, str(reason)))
        except Exception as error:
            failure.append(_explain(error))

    thread = threading.Thread(target=look, name=f"closeknit-doctor-{one.name}", daemon=True)
    thread.start()
    thread.join(one.seconds)
    if thread.is_alive():
        return [
            problem(
                f"no answer within {one.seconds:g} s",
                "look into the broker's log: is it overloaded, or a partition without a leader?",
            )
        ]
    return found + failure


_RIGHTS = {
    "TopicAuthorizationFailedError": "a topic",
    "GroupAuthorizationFailedError": "the consumer group",
    "ClusterAuthorizationFailedError": "the cluster",
}
"""Both clients name their errors so."""


def _explain(error: Exception) -> Found:
    reason = str(error).partition(" Request '")[0] or type(error).__name__
    if of := _RIGHTS.get(type(error).__name__):
        detail = reason.rpartition("Error: ")[2].strip(": ")
        return problem(
            f"the broker denies us a right to {of}: {detail}",
            f"give the user of these settings what docs/operations.md, Access rights, says of {of}",
        )
    if isinstance(error, aiokafka.errors.KafkaError | kafka.errors.KafkaError | OSError):
        return problem(f"failed: {reason}", "run the doctor again; look into the broker's log")
    return problem(
        f"failed in a way we did not foresee: {type(error).__name__}: {reason}",
        "please open an issue with this line",
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
