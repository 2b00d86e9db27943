"""The topics that Closeknit needs: planned, created, and compared with those that exist.

Existing topics are never changed: `check` says what differs, what that means and what to do.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafka import KafkaAdminClient

_DAY_MS = 86_400_000
_BROKER_MAX_MESSAGE_BYTES = 1_048_588
"""`message.max.bytes` of a broker left at its default: the largest batch of a source topic."""

_HEADROOM_BYTES = 65_536
"""What a dead letter adds to the refused record, which it keeps verbatim: our headers."""


class Unreachable(Exception):
    """None of the bootstrap servers accepts a connection."""


class NotCreated(Exception):
    """Topics that the broker refused to create, a line each."""


class Planned(NamedTuple):
    """One topic as it should be."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


class Found(NamedTuple):
    """One topic as it is; `config` holds what the broker tells, defaults included."""

    partitions: int
    replication: int
    config: Mapping[str, str]


class Finding(NamedTuple):
    """One difference, and what to do about it. A grave one makes wrong or lost numbers."""

    topic: str
    grave: bool
    text: str
    remedy: str

    def __str__(self) -> str:
        grade = "PROBLEM" if self.grave else "advice "
        return f"{grade} {self.topic}: {self.text}: {self.remedy}"


def plan(
    sources: Iterable[str], changelog: str, dead_letters: str, partitions: int, replication: int
) -> list[Planned]:
    """All topics, source topics first."""
    durable = {"min.insync.replicas": "2"} if replication >= 3 else {}
    source = {
        "cleanup.policy": "delete",
        "retention.ms": "-1",  # what `closeknit reset` rebuilds the tables from
        "retention.bytes": "-1",
    }
    compacted = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.1",  # hot keys are rewritten all day: recover less
        "max.compaction.lag.ms": str(_DAY_MS),
        "segment.bytes": str(128 * 1024 * 1024),  # the segment in use is never compacted
    }
    refused = {
        "cleanup.policy": "delete",
        "retention.ms": str(90 * _DAY_MS),
        "max.message.bytes": str(2 * _BROKER_MAX_MESSAGE_BYTES),
    }
    return [
        *(Planned(name, partitions, replication, source | durable) for name in sources),
        Planned(changelog, partitions, replication, compacted | durable),
        Planned(dead_letters, partitions, replication, refused | durable),
    ]


def plan_state(name: str, replication: int) -> Planned:
    """The topic in which live sources keep cursors and memory: needed by them alone."""
    durable = {"min.insync.replicas": "2"} if replication >= 3 else {}
    return Planned(name, 1, replication, {"cleanup.policy": "compact"} | durable)


@contextmanager
def administration(connection: Mapping[str, Any]) -> Iterator[KafkaAdminClient]:
    """An administrative client, closed at the end.

    Raises:
        Unreachable: nobody listens there.
        kafka.errors.KafkaError: somebody listens and does not answer, or not as Kafka does.
    """
    from kafka import KafkaAdminClient  # noqa: PLC0415  half of a command's start-up time

    # Asked first: the client would try for long, and leave its sockets and thread behind.
    _knock(connection["bootstrap_servers"])
    admin = KafkaAdminClient(**connection, client_id="closeknit", bootstrap_timeout_ms=10_000)
    try:
        yield admin
    finally:
        admin.close()


def _knock(servers: Iterable[str]) -> None:
    refusals = []
    for server in servers:
        host, _, port = server.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
        except OSError as error:
            refusals.append(f"{server}: {error.strerror or error}")
        else:
            return
    raise Unreachable("; ".join(refusals))


def create(admin: KafkaAdminClient, wanted: Iterable[Planned]) -> list[str]:
    """Create those that do not exist, wait until they can be used, and return their names.

    Raises:
        NotCreated: the broker refuses, for example with too few brokers for the replication.
    """
    from kafka.errors import TopicAlreadyExistsError, for_code  # noqa: PLC0415  see administration

    wanted = list(wanted)
    existing = find(admin, [topic.name for topic in wanted])
    missing = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": topic.replication,
            "configs": dict(topic.config),
        }
        for topic in wanted
        if topic.name not in existing
    }
    if not missing:
        return []
    # The library's own errors quote the whole request; the broker's sentence is what helps.
    answers = admin.create_topics(missing, raise_errors=False)["topics"]
    refused = [
        f"{answer['name']}: {answer['error_message'] or for_code(answer['error_code']).__name__}"
        for answer in answers
        if answer["error_code"] not in {0, TopicAlreadyExistsError.errno}
    ]
    if refused:
        raise NotCreated("\n".join(refused))
    admin.wait_for_topics(list(missing))
    return [answer["name"] for answer in answers if answer["error_code"] == 0]


def find(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, Found]:
    """Those of the topics that exist.

    Raises:
        kafka.errors.TopicAuthorizationFailedError: we may not know whether they do.
    """
    from kafka.admin import ConfigResource, ConfigResourceType  # noqa: PLC0415  see administration
    from kafka.errors import TopicAuthorizationFailedError  # noqa: PLC0415

    answers = admin.describe_topics(list(names))
    if refused := [
        topic["name"]
        for topic in answers
        if topic["error_code"] == TopicAuthorizationFailedError.errno
    ]:
        raise TopicAuthorizationFailedError(f"we may not describe {', '.join(refused)}")
    described = {
        topic["name"]: topic["partitions"] for topic in answers if topic["error_code"] == 0
    }
    if not described:
        return {}
    configs = admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in described], config_filter="all"
    )["topic"]
    return {
        name: Found(
            partitions=len(partitions),
            replication=min(len(partition["replica_nodes"]) for partition in partitions),
            config={key: str(entry["value"]) for key, entry in configs.get(name, {}).items()},
        )
        for name, partitions in described.items()
    }


def check(wanted: Iterable[Planned], found: Mapping[str, Found]) -> list[Finding]:
    """Compare the topics as they are with the plan."""
    wanted = list(wanted)
    findings: list[Finding] = []
    for topic in wanted:
        if topic.name in found:
            findings.extend(_compare(topic, found[topic.name]))
        else:
            findings.append(
                Finding(topic.name, True, "is missing", "run `closeknit topics create`")
            )
    findings.extend(_room_for_dead_letters(wanted, found))
    return findings


class _Rule(NamedTuple):
    differs: Callable[[str, str], bool]
    grave: bool
    meaning: str


def _less(found: str, wanted: str) -> bool:
    """Is a limit below another, -1 being none?"""
    return float(found) >= 0 and (float(wanted) < 0 or float(found) < float(wanted))


def _more(found: str, wanted: str) -> bool:
    return _less(wanted, found)


_RULES = {
    "cleanup.policy": _Rule(str.__ne__, True, "and loses records that are needed"),
    "retention.ms": _Rule(
        _less, False, "and what is older cannot be rebuilt by `closeknit reset`, nor redriven"
    ),
    "retention.bytes": _Rule(
        _less, False, "and what exceeds it cannot be rebuilt by `closeknit reset`"
    ),
    "min.insync.replicas": _Rule(
        _less, False, "so that one broker's loss may lose acknowledged data"
    ),
    "min.cleanable.dirty.ratio": _Rule(
        _more, False, "so that recovery reads more than it needs to"
    ),
    "max.compaction.lag.ms": _Rule(_more, False, "so that recovery reads more than it needs to"),
}


def _compare(wanted: Planned, found: Found) -> list[Finding]:
    findings = []
    if found.partitions != wanted.partitions:
        findings.append(
            Finding(
                wanted.name,
                True,
                f"has {found.partitions} partitions, the settings say {wanted.partitions}, and all "
                "topics need the same number",
                "set CLOSEKNIT_PARTITIONS to it, or create the topic anew (adding partitions would "
                "tear relationships apart)",
            )
        )
    if found.replication < wanted.replication:
        findings.append(
            Finding(
                wanted.name,
                False,
                f"has {found.replication} copies, the settings say {wanted.replication}",
                "reassign its partitions, or lower CLOSEKNIT_REPLICATION_FACTOR",
            )
        )
    if not found.config:
        findings.append(
            Finding(
                wanted.name,
                False,
                "has a configuration that we may not see, so it was not compared",
                "allow DescribeConfigs on it",
            )
        )
    for key, value in wanted.config.items():
        rule, present = _RULES.get(key), found.config.get(key)
        if rule and present is not None and rule.differs(present, value):
            text = f"has {key} {present}, not {value}, {rule.meaning}"
            findings.append(Finding(wanted.name, rule.grave, text, _alter(key, value)))
    return findings


def _room_for_dead_letters(wanted: list[Planned], found: Mapping[str, Found]) -> Iterable[Finding]:
    """A dead letter holds a refused record verbatim, and our headers."""
    key = "max.message.bytes"
    *sources, _, dead_letters = [topic.name for topic in wanted]
    sizes = [int(found[name].config.get(key, 0)) for name in sources if name in found]
    room = found[dead_letters].config.get(key) if dead_letters in found else None
    needed = max(sizes, default=0) + _HEADROOM_BYTES
    if room is not None and int(room) < needed:
        yield Finding(
            dead_letters,
            True,
            f"has {key} {room}, too little for the largest record of a source topic: one that is "
            "refused would stop its worker",
            _alter(key, str(needed)),
        )


def _alter(key: str, value: str) -> str:
    return f"mend it with `kafka-configs.sh --alter --add-config {key}={value}`"


async def topic_ids(connection: Mapping[str, Any], names: Collection[str]) -> dict[str, str | None]:
    """Ask the cluster for the topics' ids: a topic created anew has another. None: it has none.

    Raises:
        kafka.errors.KafkaError: no broker answers.
    """
    return await asyncio.to_thread(_topic_ids, connection, names)


def _topic_ids(connection: Mapping[str, Any], names: Collection[str]) -> dict[str, str | None]:
    with administration(connection) as admin:
        described = admin.describe_topics(list(names))
    ids = {topic["name"]: topic.get("topic_id") for topic in described if not topic["error_code"]}
    return {name: str(ids[name]) if ids.get(name) else None for name in names}


def recreate(admin: KafkaAdminClient, topic: Planned, patience: float = 30.0) -> None:
    """Delete a topic with all that is in it, if it exists, and create it anew.

    Args:
        admin: an administrative client.
        topic: which, and how it should be.
        patience: seconds that the brokers may take to delete it.

    Raises:
        NotCreated: the broker refuses, or has not deleted the old one in time.
    """
    if topic.name in find(admin, [topic.name]):
        admin.delete_topics([topic.name])
    deadline = time.monotonic() + patience
    while topic.name in find(admin, [topic.name]) or not create(admin, [topic]):
        if time.monotonic() > deadline:
            raise NotCreated(f"{topic.name}: the brokers have not deleted the old one yet")
        time.sleep(0.2)
