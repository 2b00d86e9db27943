"""What a source tells Prometheus. Members are never named."""

from __future__ import annotations

import time
from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    disable_created_metrics,
    generate_latest,
)

from streams.sources.live.source import Batch

disable_created_metrics()  # type: ignore[no-untyped-call]  # nothing is made of them


class Meters:
    """The counters of one source process."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._registry = CollectorRegistry()
        source = ("source",)
        self._heartbeat = Gauge(
            "closeknit_source_heartbeat_timestamp_seconds",
            "When the source last had a sign of life from its platform, events or not",
            source,
            registry=self._registry,
        ).labels(name)
        self._delivered = Gauge(
            "closeknit_source_last_delivery_timestamp_seconds",
            "When something of the source was last committed",
            source,
            registry=self._registry,
        ).labels(name)
        self._events = Counter(
            "closeknit_source_events",
            "Events delivered to the source topics",
            (*source, "kind", "op"),
            registry=self._registry,
        )
        self._refused = Counter(
            "closeknit_source_refused",
            "Things received that are no event, kept as dead letters or refused to the sender",
            (*source, "reason"),
            registry=self._registry,
        )
        self._left_out = Counter(
            "closeknit_source_left_out",
            "Things received that are well-formed and make no event",
            (*source, "reason"),
            registry=self._registry,
        )
        self._reconnects = Counter(
            "closeknit_source_reconnects",
            "Times that the connection to the platform was made anew",
            source,
            registry=self._registry,
        ).labels(name)

        self._lost = Counter(
            "closeknit_source_lost_seconds",
            "Time of which the platform no longer tells what happened in it",
            source,
            registry=self._registry,
        ).labels(name)

    def heard(self) -> None:
        """Note a sign of life from the platform."""
        self._heartbeat.set(time.time())

    def reconnected(self) -> None:
        """Note that the connection was lost and is sought again."""
        self._reconnects.inc()

    def lost(self, seconds: float) -> None:
        """Note that what happened in so much time cannot be read any more."""
        self._lost.inc(seconds)

    def refused(self, reason: str, n: int = 1) -> None:
        """Note things that were refused to whoever sent them."""
        self._refused.labels(self._name, reason).inc(n)

    def delivered(self, batches: Iterable[Batch]) -> None:
        """Note batches that are committed, in one transaction."""
        self._delivered.set(time.time())
        events: Counts[tuple[str, str]] = Counts()
        for batch in batches:
            events.update([(event.kind, event.op) for event in batch.events])
            for refused in batch.refused:
                self.refused(refused.reason)
            for reason, n in batch.left_out.items():
                self._left_out.labels(self._name, reason).inc(n)
        for (kind, op), n in events.items():
            self._events.labels(self._name, kind, op).inc(n)

    def page(self) -> bytes:
        """The body of `/metrics`."""
        return generate_latest(self._registry)
