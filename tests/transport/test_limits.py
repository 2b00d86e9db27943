"""What may lie in memory between a broker and the table is bounded, however slow the table is."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from streams.transport.app import ANSWER, READ_AHEAD, fetch_limits
from tests.transport.test_rebalance import Recorder, play


@pytest.mark.parametrize("partitions", [4, 16, 48, 64])
def test_what_is_read_ahead_is_bounded_for_all_partitions_together(partitions: int) -> None:
    limits = fetch_limits(partitions)
    assert partitions * limits["max_partition_fetch_bytes"] <= READ_AHEAD
    assert limits["fetch_max_bytes"] == ANSWER


@pytest.mark.parametrize("partitions", [1, 12, 48, 4000])
def test_a_partition_is_never_asked_for_less_than_a_broker_s_largest_batch(partitions: int) -> None:
    assert 1 << 20 <= fetch_limits(partitions)["max_partition_fetch_bytes"] <= 4 << 20


def test_the_queue_before_the_agent_is_bounded_and_the_consumer_has_the_limits(
    tmp_path: Path,
) -> None:
    """A full one blocks delivery, and so fetching: nothing piles up behind it."""

    async def story(app: Any) -> None:
        assert app.conf.stream_buffer_maxsize == 64
        assert fetch_limits(4).items() <= app.consumer_settings.items()

    told: Callable[[Any], Awaitable[None]] = story
    play(told, Recorder(), tmp_path)
