"""The load: an endless seeded stream of records to the source topics, some of them wrong.

Every record bears its serial number in a header, so that what became of each can be found out from
the logs alone (`tests.faults.audit`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from tests.engine.system import System
from tests.model import worlds
from tests.model.recount import milliseconds

SERIAL = "serial"
STORIES = 6  # of two accounts each
PULSE = 0.02  # seconds between two portions
PATIENCE = 180.0
INVALID = Path(__file__).parents[2] / "schemas" / "examples" / "invalid"


class Sent(NamedTuple):
    """One record: where it goes, and what must become of it."""

    kind: str  # of the topic
    partition: int
    key: bytes | None
    value: bytes | None
    event: Mapping[str, Any] | None = None  # None: it must become a dead letter
    reason: str = ""
    home: int | None = None  # the right partition, if that is another one


RELEASED = Sent("", -1, None, None)


def life(seed: int) -> Iterator[worlds.Event]:
    """Endless events of all kinds of worlds at once, time going on by the hour in all of them.

    What a move refers to lies as far back as in any world, so every edge is walked along.
    """
    chance = Random(seed)
    hour = worlds.BEGINNING
    for number in count():
        story = number % STORIES
        for move in worlds.random_moves(seed * 1000 + number, 20):
            hour += chance.random() < 0.1
            for event in worlds.tell([move._replace(step=0)], hour):
                yield event if event["kind"] == "tick" else named(event, story)


def named(event: worlds.Event, story: int) -> worlds.Event:
    return {**event, "account": f"{story}-{event['account']}"}


def wrong_values() -> list[tuple[str, str, bytes]]:
    """Every invalid example of an interaction: kind, reason, value."""
    return [
        (file.parts[-3], file.parts[-2], file.read_bytes())
        for kind in ("like", "reply", "follow", "share")
        for file in sorted((INVALID / kind).glob("*/*.json"))
    ]


def records(seed: int, partitions: int) -> Iterator[Sent]:
    """The events of `life`, and among them: wrong ones, strays, and some without a key."""
    chance = Random(seed)
    wrong = wrong_values()
    for number, event in enumerate(life(seed)):
        if event["kind"] == "tick":
            if chance.random() < 0.05:  # each is one for every partition of every topic
                yield from ticks(event["at"], partitions)
            continue
        key = worlds.key_of(event)
        home = worlds.partition_of(key, partitions)
        bare = chance.random() < 0.02
        yield Sent(event["kind"], home, None if bare else key, worlds.value_of(event), event)
        if chance.random() < 0.02:
            kind, reason, value = chance.choice(wrong)
            yield Sent(kind, chance.randrange(partitions), key, value, reason=reason)
        if chance.random() < 0.02 and partitions > 1:
            yield stray(event, number, chance, partitions)


def stray(event: worlds.Event, number: int, chance: Random, partitions: int) -> Sent:
    """A record in a wrong partition. It is re-sent behind others, so its member does only this."""
    event = {**event, "op": "add", "account": "strays", "member": f"m{number}"}
    key = worlds.key_of(event)
    home = worlds.partition_of(key, partitions)
    elsewhere = (home + chance.randrange(1, partitions)) % partitions
    value = worlds.value_of(event)
    return Sent(event["kind"], elsewhere, chance.choice([None, key]), value, event, home=home)


def ticks(at: str, partitions: int) -> Iterator[Sent]:
    """A tick for every partition of every topic."""
    event = {"kind": "tick", "at": at}
    for kind in ("like", "reply", "follow", "share"):
        for number in range(partitions):
            yield Sent(kind, number, None, worlds.value_of(event), event)


class Load:
    """Sends `records` in a thread of its own, at so many a second while its `with` block runs.

    A broker that is away is waited for; what could not be sent meanwhile is not made up for.

    Attributes:
        sent: by serial number, everything that was ever handed to the producer.
    """

    def __init__(self, system: System, seed: int, rate: float) -> None:
        self.sent: list[Sent] = []
        self._system = system
        self._records = records(seed, system.partitions)
        self._rate = rate
        self._latest = 0
        self._released = 0
        self._flowing = threading.Event()
        self._over = threading.Event()
        self._drained = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        self._flowing.set()
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._flowing.set()
        self._thread.join(10)

    def pause(self) -> None:
        """Stop, with ticks at the latest hour, and return when all of it lies in the topics."""
        self._drained.clear()
        self._flowing.clear()
        if not self._drained.wait(PATIENCE):
            raise AssertionError(f"the load was not delivered within {PATIENCE:.0f} s")
        if self._failure is not None:
            raise self._failure

    def release(self) -> None:
        """Drop what was sent so far, its fate being known: an hour of it would fill the memory."""
        self.sent[self._released :] = [RELEASED] * (len(self.sent) - self._released)
        self._released = len(self.sent)

    def resume(self) -> None:
        """Go on."""
        self._flowing.set()

    def _run(self) -> None:
        try:
            asyncio.run(self._send_all())
        except BaseException as error:  # for `pause` to raise, in the thread of the test
            self._failure = error
        self._drained.set()

    async def _send_all(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._system.settings.broker,
            client_id="load",
            acks="all",
            enable_idempotence=True,
            linger_ms=10,
            # A batch that is older when the broker is back, and its partition has no leader yet,
            # would be given up.
            request_timeout_ms=600_000,
            metadata_max_age_ms=5_000,
        )
        await producer.start()
        try:
            owed = 0.0
            while not self._over.is_set():
                if not self._flowing.is_set():
                    if not self._drained.is_set():
                        await self._drain(producer)
                    await asyncio.sleep(PULSE)
                    continue
                owed += self._rate * PULSE
                while owed >= 1:
                    await self._send(producer, next(self._records))
                    owed -= 1
                await asyncio.sleep(PULSE)
        finally:
            # Not stopped in good order: the broker may be gone, and nothing is owed any more.
            await asyncio.wait({asyncio.ensure_future(producer.stop())}, timeout=5)

    async def _drain(self, producer: AIOKafkaProducer) -> None:
        for tick in ticks(worlds.written(self._latest), self._system.partitions):
            await self._send(producer, tick)
        await producer.flush()
        self._drained.set()

    async def _send(self, producer: AIOKafkaProducer, one: Sent) -> None:
        serial = len(self.sent)
        self.sent.append(one)
        if one.event is not None:
            self._latest = max(self._latest, milliseconds(one.event["at"]))
        while not self._over.is_set():
            try:
                delivery = await producer.send(
                    self._system.topic(one.kind),
                    value=one.value,
                    key=one.key,
                    partition=one.partition,
                    headers=[(SERIAL, b"%d" % serial)],
                )
            except KafkaTimeoutError:
                continue  # the broker is away, and the buffer full: it was not taken
            delivery.add_done_callback(self._settle)
            return

    def _settle(self, delivery: asyncio.Future[Any]) -> None:
        if not delivery.cancelled() and (error := delivery.exception()) is not None:
            self._failure = self._failure or error
