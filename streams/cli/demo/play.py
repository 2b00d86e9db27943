"""The play: the world is sent to the broker, and the worker is looked at while it applies it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Iterator
from itertools import groupby

from streams.cli.demo.course import Course
from streams.cli.demo.readings import Reading, fetch
from streams.cli.demo.stage import Stage
from streams.cli.running import Failure
from streams.outbox import DeliveryError
from streams.replay import Pace, at_speed, replay
from streams.sources import Sendable
from streams.synthetic import deliveries

LOOK_SECONDS = 0.3
"""Between two looks at a worker while the world goes on: each costs it some 10 ms."""

_SETTLING_SECONDS = 0.05
_PATIENCE = 60.0
_BEATS = 10
"""Into how many parts a second of a paced play is cut: what is sent together shares batches."""


async def play(stage: Stage, course: Course, speed: float | None) -> AsyncGenerator[Reading, None]:
    """Play the course, and yield what is read meanwhile; the last is complete.

    Args:
        stage: where to.
        course: what.
        speed: days per second; None is as fast as the worker applies them, with a reading at the
            end of each week, when it has applied all of it.

    Raises:
        Failure: the worker has ended, or is stuck.
    """
    everything = _sendables(course, stage.settings.partitions)
    sent = 0
    if speed is None:
        for _, week in groupby(everything, course.week):
            sent += await _send(stage, week)
            yield await _settled(stage, sent)
        return
    sending = asyncio.create_task(_send(stage, everything, _in_beats(at_speed(speed * 86_400))))
    try:
        while not sending.done():
            yield await _look(stage)
            await asyncio.wait({sending}, timeout=LOOK_SECONDS)
        yield await _settled(stage, await sending)
    finally:
        sending.cancel()


def _sendables(course: Course, partitions: int) -> Iterator[Sendable]:
    for one in deliveries(course.world, partitions):
        if one.at_ms >= course.end:
            return
        yield Sendable(one.kind, one.key, one.at_ms, one.value)


def _in_beats(pace: Pace) -> Pace:
    return lambda number, at_ms: math.floor(pace(number, at_ms) * _BEATS) / _BEATS


async def _send(stage: Stage, what: Iterator[Sendable], pace: Pace | None = None) -> int:
    """Send it, and return how many records that were, the ticks at the end included."""
    settings = stage.settings
    try:
        sent = await replay(
            what,
            settings.topics,
            settings.partitions,
            settings.connection(),
            pace=pace,
            on_malformed=lambda _: None,
            on_progress=lambda _: None,
        )
    except DeliveryError as error:
        stage.check()
        raise Failure(str(error)) from error
    return sent.kinds.total() + len(settings.topics) * settings.partitions


async def _look(stage: Stage) -> Reading:
    stage.check()
    try:
        return await asyncio.to_thread(fetch, stage.metrics)
    except OSError as error:
        stage.check()
        raise Failure(f"the worker does not answer at {stage.metrics}: {error}") from error


async def _settled(stage: Stage, sent: int) -> Reading:
    """Look until everything that was sent is applied, and counted."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + _PATIENCE
    while (reading := await _look(stage)).records < sent or reading.unwritten:
        if clock() > deadline:
            raise Failure(f"the worker is stuck after {reading.records:,} of {sent:,} records")
        await asyncio.sleep(_SETTLING_SECONDS)
    return reading
