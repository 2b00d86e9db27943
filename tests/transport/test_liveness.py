"""A worker that has stopped reading must not look alive: what would end quietly ends it."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError

from streams.transport.consumer import BrokenChain, LostMembership
from tests.transport.test_epoch import LIKES, Consumer


def aiokafka_with(fetching: Callable[[], Awaitable[None]], error: KafkaError | None) -> Any:
    """As much of an aiokafka consumer as is asked how it is."""

    def check_errors() -> None:
        if error is not None:
            raise error

    return SimpleNamespace(
        _coordinator=SimpleNamespace(check_errors=check_errors),
        _fetcher=SimpleNamespace(_fetch_task=asyncio.ensure_future(fetching()), _closed=False),
    )


async def goes_on() -> None:
    await asyncio.Event().wait()


async def fails() -> None:
    raise KafkaError("Unexpected error during data retrieval")


async def ends() -> None: ...


async def call_at_once(question: Callable[[], Awaitable[None]]) -> None:
    await question()


@pytest.mark.parametrize(
    ("fetching", "error", "said"),
    [
        (goes_on, GroupAuthorizationFailedError("group"), "GroupAuthorizationFailed"),
        (fails, None, "reading from the brokers has ended"),
        (ends, None, "reading from the brokers has ended"),
    ],
)
def test_a_consumer_that_cannot_go_on_is_noticed(
    fetching: Callable[[], Awaitable[None]], error: KafkaError | None, said: str
) -> None:
    """Each of these aiokafka keeps to itself until it is asked, or for ever."""

    async def ask() -> None:
        consumer: Any = Consumer({LIKES: 0})
        aiokafka = aiokafka_with(fetching, error)
        consumer._thread = SimpleNamespace(call_thread=call_at_once, _consumer=aiokafka)
        await asyncio.wait({aiokafka._fetcher._fetch_task}, timeout=0)
        await consumer.check_membership()

    with pytest.raises(LostMembership, match=said):
        asyncio.run(ask())


def test_a_consumer_that_goes_on_is_left_in_peace() -> None:
    async def ask() -> None:
        consumer: Any = Consumer({LIKES: 0})
        aiokafka = aiokafka_with(goes_on, None)
        consumer._thread = SimpleNamespace(call_thread=call_at_once, _consumer=aiokafka)
        await consumer.check_membership()

    asyncio.run(ask())


@pytest.mark.parametrize("stopping", [True, False])
def test_reading_that_is_cancelled_ends_the_worker_unless_it_is_being_stopped(
    stopping: bool,
) -> None:
    """Faust lets a service whose task was cancelled end in silence."""

    async def read() -> None:
        consumer: Any = Consumer({LIKES: 0})
        consumer.app.should_stop = stopping
        consumer.flow_active = True
        consumer._stopped = asyncio.Event()
        consumer._note_positions = lambda: None

        async def cancelled(**_: Any) -> None:
            raise asyncio.CancelledError

        consumer._wait_next_records = cancelled
        await consumer._drain_messages(SimpleNamespace(_stopped=asyncio.Event()))

    if stopping:
        asyncio.run(read())
    else:
        with pytest.raises(BrokenChain, match="reading was cancelled"):
            asyncio.run(read())
