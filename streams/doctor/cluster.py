"""What the brokers hold and allow: topics, transactions, the consumer group, reading."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidTransactionTimeout,
    KafkaError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from streams.brokers import accommodate
from streams.core.time import format_ms
from streams.doctor.finding import Found, ok, problem, warning
from streams.settings import Settings
from streams.table.producer import Producer
from streams.topics import Finding
from streams.topics import Found as Topic

TAIL = 20
"""Offsets before the end of a partition that are looked at: the last ones may hold no records."""


def judge_topics(findings: Sequence[Finding], count: int) -> Iterator[Found]:
    """Pass on what a check of the topics found."""
    alike: dict[tuple[bool, str, str], list[str]] = {}
    for topic, grave, text, remedy in findings:
        alike.setdefault((grave, text, remedy), []).append(topic)
    for (grave, text, remedy), topics in alike.items():
        said = text if len(topics) == 1 else f"each {text}"
        yield (problem if grave else warning)(f"{', '.join(topics)}: {said}", remedy)
    if not findings:
        yield ok(f"all {count} are as they should be")


TORN = range(30, 34)
"""The newest `metadata.version` that Kafka 4.3 (30) to 4.4 (33) know: releases that leave out a
commit's marker where a partition has no leader (KAFKA-20734)."""


def metadata_release(admin: Any) -> int | None:
    """The newest `metadata.version` that the broker knows, which tells its release; None: neither.

    Only Apache Kafka has one, since 3.3.
    """
    from kafka.errors import KafkaError as Refused  # noqa: PLC0415  as everywhere

    try:
        features = admin.describe_features()
    except Refused:
        return None
    known: Any = features.get("metadata.version")
    return None if known is None else int(known["supported"][1])


def judge_copies(found: Mapping[str, Topic], release: int | None) -> Iterator[Found]:
    """Warn of a broker whose crash may break a transaction in two, where there is but one copy."""
    if release in TORN and any(topic.replication == 1 for topic in found.values()):
        yield warning(
            "topics have one copy, and this is Kafka 4.3 or 4.4: if its broker crashes in a "
            "commit, only some of the topics may see it, and dead letters come twice (KAFKA-20734)",
            "use Kafka 4.2 or older, or three brokers and CLOSEKNIT_REPLICATION_FACTOR=3",
        )


class Attempt(NamedTuple):
    """What came of a transaction that was begun and aborted.

    Attributes:
        error: what the broker refused it with; None when it took everything.
        broker_ahead_ms: how far the broker's clock is ahead of ours; None when it did not tell.
        uncertain_ms: by how much that may be wrong.
    """

    error: BaseException | None
    broker_ahead_ms: float | None = None
    uncertain_ms: float = 0.0


async def attempt_transaction(settings: Settings) -> Attempt:
    """Write a dead letter and an offset of the group in a transaction, and abort it.

    No reader of committed records ever sees the record, and the group's offsets stay as they are.
    Meanwhile the broker is asked when the transaction began, by its own clock.
    """
    name = f"{settings.app}-doctor"
    producer = Producer(
        **settings.connection(),
        transactional_id=name,
        transaction_timeout_ms=round(settings.transaction_timeout * 1000),
        acks="all",
    )
    try:
        await producer.start()
        await producer.begin_transaction()
        began = time.time() * 1000
        await producer.send_and_wait(
            settings.dead_letters,
            b"closeknit doctor: to be aborted",
            key=name.encode(),
            partition=0,
        )
        took = time.time() * 1000 - began
        source = TopicPartition(settings.topics["like"], 0)
        await producer.send_offsets_to_transaction({source: 0}, settings.app)
        told = await asyncio.to_thread(_start_of, settings, name)
        await producer.abort_transaction()
    except KafkaError as error:
        return Attempt(error)
    finally:
        await producer.stop()
    return Attempt(None, None if told is None else told - began - took / 2, took / 2)


def _start_of(settings: Settings, name: str) -> float | None:
    """When the broker began a transaction, ms since the epoch by its clock; None: it won't say."""
    from kafka import KafkaAdminClient  # noqa: PLC0415  as everywhere
    from kafka.errors import KafkaError as Refused  # noqa: PLC0415

    try:
        admin = KafkaAdminClient(**settings.connection(), bootstrap_timeout_ms=5_000)
        try:
            started = admin.describe_transactions([name])[name].transaction_start_time_ms
        finally:
            admin.close()
    except (Refused, KeyError):  # before Kafka 3.0, or without the right to describe it
        return None
    return float(started) if started > 0 else None


def judge_attempt(settings: Settings, attempt: Attempt) -> Iterator[Found]:
    """Say what the broker refuses, and who may change that."""
    match attempt.error:
        case None:
            yield ok(
                f"one was begun as {settings.app}-doctor, a record written to "
                f"{settings.dead_letters}, and aborted: no reader sees it"
            )
        case TransactionalIdAuthorizationFailed():
            yield problem(
                f"the transactional id {settings.app}-doctor is not allowed, so a worker's, "
                f"{settings.app}-0 and so on, are hardly either",
                f"allow Write and Describe on transactional ids with the prefix {settings.app}-",
            )
        case TopicAuthorizationFailedError():
            yield problem(
                f"writing to {settings.dead_letters} is not allowed: a worker would end at the "
                "first dead letter",
                "allow Write and Describe on it",
            )
        case GroupAuthorizationFailedError():
            yield problem(
                f"the consumer group {settings.app} is not allowed: no worker could join it",
                "allow Read on that group",
            )
        case ClusterAuthorizationFailedError():
            yield problem(
                "writing idempotently is not allowed",
                "allow IdempotentWrite on the cluster (before Kafka 3.0 nothing less will do)",
            )
        case InvalidTransactionTimeout():
            yield problem(
                f"transactions of {settings.transaction_timeout:g} s are longer than the broker "
                "allows",
                "lower CLOSEKNIT_TRANSACTION_TIMEOUT, or raise the broker's "
                "transaction.max.timeout.ms",
            )
        case ProducerFenced():
            yield warning(
                "another doctor examines the same app just now", "run this one again afterwards"
            )
        case error:
            yield problem(
                f"a transaction failed: {str(error) or type(error).__name__}",
                "look into the broker's log",
            )


def judge_group(settings: Settings, group: Mapping[str, Any]) -> Iterator[Found]:
    """Say who is in the workers' group, as the broker describes it."""
    rights = group.get("authorized_operations")
    members = group["members"]
    if group.get("error"):
        yield problem(
            f"the group {settings.app} cannot be described: {group['error']}",
            "allow Read and Describe on that group",
        )
    elif rights is not None and "READ" not in rights:
        yield problem(
            f"joining the group {settings.app} is not allowed: no worker could read",
            "allow Read on that group",
        )
    elif len(members) > settings.partitions:
        yield warning(
            f"{len(members)} workers share {settings.partitions} partitions: "
            f"{len(members) - settings.partitions} have nothing to do",
            f"run at most {settings.partitions}",
        )
    elif members:
        yield ok(f"{len(members)} in {settings.app}: {group['group_state'].lower()}")
    else:
        yield ok(f"nobody is in {settings.app}: no worker runs")


class Tail(NamedTuple):
    """The end of a partition.

    Attributes:
        earliest: offset of its first record.
        end: offset after its last committed one.
        records: the last ones; none when the partition is empty, or ends with aborted ones.
    """

    earliest: int
    end: int
    records: Sequence[ConsumerRecord[bytes, bytes]]


async def read_tails(
    settings: Settings, partitions: Iterable[TopicPartition], size: int = TAIL
) -> dict[TopicPartition, Tail]:
    """Read the last committed records of each partition, so many offsets back from its end."""
    partitions = list(partitions)
    consumer = accommodate(
        AIOKafkaConsumer(
            **settings.connection(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            retry_backoff_ms=20,
        )
    )
    await consumer.start()
    try:
        earliest = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        for tp in partitions:
            consumer.seek(tp, max(earliest[tp], ends[tp] - size))
        records: dict[TopicPartition, list[Any]] = {tp: [] for tp in partitions}
        while behind := [tp for tp in partitions if await consumer.position(tp) < ends[tp]]:
            for tp, batch in (await consumer.getmany(*behind, timeout_ms=200)).items():
                records[tp] += batch
        # Nobody is told that an empty topic may not be read, unless it is asked for once.
        await consumer.getmany(timeout_ms=50)
    finally:
        await consumer.stop()
    return {tp: Tail(earliest[tp], ends[tp], records[tp]) for tp in partitions}


def judge_reading(tails: Mapping[TopicPartition, Tail], now_ms: int) -> Iterator[Found]:
    """Say how new the newest records of the source topics are, and whether some are too new."""
    newest = {tp: tail.records[-1].timestamp for tp, tail in tails.items() if tail.records}
    ahead = {tp: stamp - now_ms for tp, stamp in newest.items() if stamp - now_ms > 60_000}
    if ahead:
        tp, by = max(ahead.items(), key=lambda item: item[1])
        yield warning(
            f"the last record of {tp.topic}/{tp.partition} is stamped {by / 60_000:,.0f} minutes "
            "ahead of the clock here: one of the two clocks is wrong",
            "look at the clock here and at those of the producers; an event too far ahead is a "
            "dead letter (CLOSEKNIT_MAX_AHEAD)",
        )
    elif newest:
        yield ok(
            "all topics can be read; the newest event was written at "
            f"{format_ms(max(newest.values()))}"
        )
    else:
        yield ok("all topics can be read; there are no events yet")
