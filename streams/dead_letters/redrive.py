"""Redriving: dead letters sent again, mended if that is wanted, each once.

A redrive is one transaction of re-sent records and a mark for each, with the letter's identity,
written behind the letter in its own partition: either both exist or none, and a marked letter is
not redriven again, whenever the process ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from schemas.events import Event, InvalidEvent, check_identity, decode
from streams.core.admission import REROUTED_FROM, Refused, Rules, admit
from streams.core.placement import partition_of, relationship_key
from streams.dead_letters.letters import (
    MARK_KEY,
    Box,
    DeadLetter,
    Selection,
    mark,
    read_letters,
)
from streams.dead_letters.mending import Mend, WrongMend

REDRIVEN_FROM = "closeknit-redriven-from"
"""Header of a re-sent record: where its dead letter lies."""

NOT_MENDED = "not mended"
"""Stands for a reason where a value has no fields that could be set."""

_PER_TRANSACTION = 500


class Target(NamedTuple):
    """Where re-sent records go, and by what rules they will be judged there.

    Attributes:
        kinds: the kind of event that each source topic carries.
        rules: those of the workers.
    """

    kinds: Mapping[str, str]
    rules: Rules


class Planned(NamedTuple):
    """What a redrive would do with one letter.

    Attributes:
        letter: which.
        value: as it would be sent.
        topic: where to: that of its kind, where the value tells it.
        partition: where its relationship lives, if the value tells it.
        key: canonical, if the value tells it.
        refusal: what it would become again: a reason and a sentence; None: it is accepted now.
    """

    letter: DeadLetter
    value: bytes | None
    topic: str
    partition: int
    key: bytes | None
    refusal: tuple[str, str] | None

    def goes(self, *, force: bool) -> bool:
        """Whether it would be sent, with or without force."""
        if self.refusal is None:
            return True
        # Without a value, or a mended one, there is nothing to send.
        return force and bool(self.value) and self.refusal[0] != NOT_MENDED


class Redriven(NamedTuple):
    """What a redrive did.

    Attributes:
        sent: letters sent, by reason.
        left: letters that would be refused again and stay, by the reason that they were refused
            for and the one that they would be.
    """

    sent: Counter[str]
    left: Counter[tuple[str, str]]


class _Record(NamedTuple):
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes]] = ()


def planned(letter: DeadLetter, mend: Mend, target: Target, now_ms: int) -> Planned:
    """Say what a redrive would do with a letter now."""
    value = letter.value
    as_it_was = Planned(letter, value, *letter.origin[:2], letter.key, None)
    try:
        if mend:
            value = mend(value)
            as_it_was = as_it_was._replace(value=value)
        event = decode(value or b"")
    except WrongMend as wrong:
        return as_it_was._replace(refusal=(NOT_MENDED, str(wrong)))
    except InvalidEvent as invalid:
        return as_it_was._replace(refusal=(str(invalid.reason), invalid.detail))
    plan = _placed(as_it_was, event, target)
    kind = target.kinds.get(plan.topic)
    if kind is None or plan.partition >= target.rules.partitions:
        unknown = f"these settings know no {plan.topic}/{plan.partition}"
        return plan._replace(refusal=("unknown topic", unknown))
    record = _Record(value, letter.timestamp)
    ([decision], _, _) = admit([record], kind, plan.partition, target.rules, (), now_ms)
    if isinstance(decision, Refused):
        return plan._replace(refusal=(str(decision.reason), decision.detail))
    return plan


def _placed(plan: Planned, event: Event, target: Target) -> Planned:
    """Send it where events of its kind and relationship belong; a tick back to where it was."""
    topic = next((name for name, kind in target.kinds.items() if kind == event.kind), plan.topic)
    if event.kind == "tick" or check_identity(event.account, event.member):
        return plan._replace(topic=topic)
    key = relationship_key(event.account, event.member)
    home = partition_of(key, target.rules.partitions)
    return plan._replace(topic=topic, partition=home, key=key)


async def redrive(
    box: Box,
    transactional_id: str,
    target: Target,
    selection: Selection,
    mend: Mend,
    now_ms: int,
    limit: int | None = None,
    *,
    force: bool = False,
) -> Redriven:
    """Send dead letters where they belong, each once.

    Those that would only become dead letters again stay, unless `force`; letters without a value
    always do, for nothing can make events of them.

    Args:
        box: where they lie.
        transactional_id: whoever runs with it already is shut out.
        target: where they go.
        selection: which.
        mend: what to change in their values.
        now_ms: the wall clock.
        limit: send at most so many.
        force: send also what would be refused.

    Raises:
        ProducerFenced: another redrive has started meanwhile; this one changed nothing more.
        KafkaError: no broker answers, or one refuses a record.
    """
    result = Redriven(Counter(), Counter())
    producer = AIOKafkaProducer(
        **box.connection,
        client_id="closeknit-redrive",
        transactional_id=transactional_id,
        max_request_size=4 << 20,
    )
    try:
        # Started first: whoever ran before us is fenced and its marks are there to be read.
        await producer.start()
        async with aclosing(read_letters(box, selection)) as found:
            plans: list[Planned] = []
            async for plan in _to_send(found, mend, target, now_ms, result.left, force=force):
                plans.append(plan)
                if limit is not None and result.sent.total() + len(plans) == limit:
                    break
                if len(plans) == _PER_TRANSACTION:
                    await _send(producer, plans, box, result.sent)
                    plans = []
            if plans:
                await _send(producer, plans, box, result.sent)
    finally:
        await producer.stop()
    return result


async def _to_send(
    letters: AsyncIterator[DeadLetter],
    mend: Mend,
    target: Target,
    now_ms: int,
    left: Counter[tuple[str, str]],
    *,
    force: bool,
) -> AsyncIterator[Planned]:
    async for letter in letters:
        plan = planned(letter, mend, target, now_ms)
        if plan.goes(force=force):
            yield plan
        elif plan.refusal is not None:
            left[letter.reason, plan.refusal[0]] += 1


async def _send(
    producer: AIOKafkaProducer, plans: list[Planned], box: Box, sent: Counter[str]
) -> None:
    async with producer.transaction():
        for plan in plans:
            letter = plan.letter
            await producer.send(
                plan.topic,
                value=plan.value,
                key=plan.key,
                partition=plan.partition,
                timestamp_ms=None if letter.timestamp < 0 else letter.timestamp,
                headers=[
                    *(header for header in letter.headers if header[0] not in _OF_EARLIER_WAYS),
                    (REDRIVEN_FROM, str(letter.address).encode()),
                ],
            )
            await producer.send(
                box.topic,
                value=b"",
                key=MARK_KEY,
                partition=letter.address.partition,
                headers=mark(letter),
            )
    sent.update(plan.letter.reason for plan in plans)


_OF_EARLIER_WAYS = {REDRIVEN_FROM, REROUTED_FROM}
