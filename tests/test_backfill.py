"""Sending history: in spans that are applied before the next begins, and never anything twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from streams import backfill
from streams.backfill import Interrupted, Sent, State, send
from streams.sources import Sendable

SPAN = 100
BEGUN = State(digest="d", until_ms=10_000)

histories = st.lists(st.integers(0, 500), max_size=60).map(
    lambda times: [
        Sendable("like", b"a m", at, b"%d" % number) for number, at in enumerate(sorted(times))
    ]
)


class Kafka:
    """What is committed; it falls when a commit is asked for after so many."""

    def __init__(self) -> None:
        self.events: list[Sendable] = []
        self.state = BEGUN
        self.ticks: list[int] = []
        self.applied_ms = -1
        self.commits = 1000

    async def commit(
        self, items: Sequence[Sendable], state: State, tick_ms: int | None = None
    ) -> None:
        if not self.commits:
            raise Interrupted("it fell")
        self.commits -= 1
        assert len(items) <= backfill.BLOCK
        self.events += items
        self.state = state
        self.ticks += [] if tick_ms is None else [tick_ms]
        unapplied = [item.at_ms for item in self.events if item.at_ms > self.applied_ms]
        assert not unapplied or unapplied[-1] - unapplied[0] < SPAN

    async def applied(self, until_ms: int, ticks: int) -> None:
        assert (self.ticks[-1], len(self.ticks)) == (until_ms, ticks)  # or it would wait in vain
        self.applied_ms = until_ms

    def send(self, history: Sequence[Sendable]) -> Sent:
        return asyncio.run(
            send(
                iter(history),
                self,  # type: ignore[arg-type]
                self.state,
                applied=self.applied,
                on_progress=lambda _: None,
                span_ms=SPAN,
            )
        )


@given(histories)
def test_no_more_than_a_span_is_under_way(history: list[Sendable]) -> None:
    """So no topic is read ahead of another by more; the last tick is of the last event."""
    kafka = Kafka()
    sent = kafka.send(history)
    assert kafka.events == history
    assert sent.last_ms == kafka.applied_ms == max((one.at_ms for one in history), default=-1)


@settings(max_examples=30)
@given(histories, st.lists(st.integers(0, 5), max_size=3))
def test_whenever_it_falls_the_next_run_sends_the_rest_and_waits_for_all(
    history: list[Sendable], falls: list[int]
) -> None:
    """Also when everything was sent, and nobody knows whether it was applied."""
    kafka = Kafka()
    for commits in [*falls, 1000]:
        kafka.commits = commits
        kafka.ticks, kafka.applied_ms = [], -1
        if kafka.events:
            kafka.applied_ms = kafka.events[-1].at_ms - 1  # of what an earlier run has sent
        try:
            kafka.send(history)
        except Interrupted:
            assert kafka.events == history[: kafka.state.sent]
    assert kafka.events == history
    assert kafka.applied_ms == (history[-1].at_ms if history else -1)
