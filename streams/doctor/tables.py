"""What the workers have written down: whether a worker of these settings may go on from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from aiokafka import TopicPartition

from streams.core.formats import UnknownFormat
from streams.core.partition_record import KEY, PartitionRecord
from streams.core.time import HOUR_MS, format_ms, hour_of
from streams.doctor.cluster import Attempt, Tail, read_tails
from streams.doctor.finding import Found, ok, problem, warning
from streams.settings import Settings
from streams.table.fit import misfit, value_settings
from streams.table.halt import BrokenInvariant
from streams.table.resume import Log, resume

_RESET = "stop the workers and rebuild from the source topics: `closeknit reset`"


class Stored(NamedTuple):
    """What is written down.

    Attributes:
        records: the partition records, by partition number.
        unreadable: why one of them cannot be read; empty when all can.
    """

    records: Mapping[int, PartitionRecord]
    unreadable: str = ""


async def read_stored(settings: Settings) -> Stored:
    """Read the newest partition record of each partition: each flush ends with one."""
    wanted = {TopicPartition(settings.changelog, number) for number in range(settings.partitions)}
    records: dict[int, PartitionRecord] = {}
    size = 100
    while wanted:
        tails = await read_tails(settings, wanted, size)
        for tp, tail in tails.items():
            values = [record.value for record in tail.records if record.key == KEY]
            if values:
                try:
                    records[tp.partition] = PartitionRecord.decode(values[-1] or b"")
                except UnknownFormat as error:
                    return Stored(records, str(error))
            if values or tail.end - size <= tail.earliest:
                wanted.discard(tp)
        size *= 20
    return Stored(records)


def judge_stored(settings: Settings, stored: Stored) -> Iterator[Found]:
    """Whether a worker may go on from it, or would end with exit code 78."""
    if stored.unreadable:
        yield problem(
            f"{stored.unreadable.partition(':')[0]}: a worker would end with 78",
            "run the version that wrote it, or a newer one; if that topic is not Closeknit's, set "
            "another CLOSEKNIT_APP",
        )
        return
    ours = value_settings(settings.rules)
    misfits = {text for r in stored.records.values() if (text := misfit(r.settings, ours))}
    if misfits:
        yield problem(
            f"written with other settings: {'; '.join(sorted(misfits))}. Values depend on them: a "
            "worker would end with 78",
            f"set them back, or {_RESET}",
        )
    elif stored.records:
        formats = sorted({record.format for record in stored.records.values()})
        yield ok(
            f"{len(stored.records)} of {settings.partitions} partitions are written down, with "
            f"these settings, in format {' and '.join(map(str, formats))}"
        )
    else:
        yield ok("nothing is written down yet")


def judge_clock(
    settings: Settings, stored: Stored | None, attempt: Attempt | None, now_ms: int
) -> Iterator[Found]:
    """Compare the clock here with the broker's, and with the hours written down."""
    sane = True
    ahead = attempt.broker_ahead_ms if attempt else None
    if attempt and ahead is not None and abs(ahead) > 5_000 + attempt.uncertain_ms:
        sane = False
        far = abs(ahead) > settings.rules.max_ahead_ms
        verdict = problem if far and settings.clock == "wall" else warning
        yield verdict(
            f"the clock here is {abs(ahead) / 1000:,.0f} s {'behind' if ahead > 0 else 'ahead of'} "
            "the broker's"
            + (": live events would be dead letters, or age too early" if far else ""),
            "have both set by NTP",
        )
    clock = max((r.clock for r in (stored.records if stored else {}).values()), default=-1)
    if clock > hour_of(now_ms):
        sane = False
        verdict = problem if settings.clock == "wall" else warning
        yield verdict(
            f"the tables' clock is at {format_ms(clock * HOUR_MS)}, in the future, and never goes "
            "back: relationships look older than they are",
            f"once the clock or the event that did it is mended, {_RESET}",
        )
    if not sane:
        return
    if ahead is None:
        yield ok("nothing written down lies in the future; the broker does not tell its time")
    else:
        yield ok(f"within {abs(ahead) / 1000 + 0.1:.1f} s of the broker's")


def judge_lag(
    stored: Stored,
    logs: Mapping[TopicPartition, Log],
    workers: int,
) -> Iterator[Found]:
    """How far the tables are behind the source topics, and whether they could go on."""
    waiting = 0
    troubles: list[tuple[bool, str]] = []
    for tp, log in logs.items():
        record = stored.records.get(tp.partition)
        position = record.next.get(tp.topic) if record else None
        try:
            offset, concern = resume(f"{tp.topic}/{tp.partition}", position, log)
        except BrokenInvariant as broken:
            troubles.append((True, str(broken)))
            continue
        if concern:
            troubles.append((False, concern))
        waiting += max(0, log.end - offset)
    for grave, text in sorted(troubles, reverse=True)[:3]:
        what, _, what_else = text.partition(": ")
        verdict = problem if grave else warning
        yield verdict(
            f"{what}: {what_else}" if what_else else what,
            _RESET if grave else "nothing, if that was meant; to start anew, " + _RESET,
        )
    if len(troubles) > 3:
        yield warning(f"so it is with {len(troubles) - 3} more partitions", "as above")
    if waiting and not workers:
        yield warning(
            f"{waiting:,} records wait and no worker runs", "start one: `closeknit worker`"
        )
    elif waiting:
        yield ok(f"up to {waiting:,} records wait to be applied and written down")
    else:
        yield ok("everything that the source topics hold is applied")


def source_partitions(settings: Settings) -> Iterable[TopicPartition]:
    """Every partition of the source topics."""
    return [
        TopicPartition(topic, number)
        for topic in settings.topics.values()
        for number in range(settings.partitions)
    ]


def logs_of(
    tails: Mapping[TopicPartition, Tail], topic_ids: Mapping[str, str | None]
) -> dict[TopicPartition, Log]:
    """The source partitions as the broker has them."""
    return {tp: Log(topic_ids.get(tp.topic), tail.earliest, tail.end) for tp, tail in tails.items()}
