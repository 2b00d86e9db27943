"""Sends the world of the demo: its past at once, and from then on each event when it happens."""

from __future__ import annotations

import asyncio
import sys
import time
from itertools import islice
from pathlib import Path

from aiokafka.errors import KafkaError
from world import remembered

from streams.outbox import DeliveryError
from streams.replay import Pace, replay
from streams.settings import Settings, load
from streams.sources import Sendable
from streams.synthetic import World, deliveries

_AGAIN = 100
"""Records sent again after an interruption: what had just been handed over may be lost. An id that
was there already counts once."""


def send(world: World, settings: Settings, sent: Path) -> None:
    """Send the whole world from where the last run was interrupted; that takes until its end."""
    before = max(0, int(sent.read_text()) - _AGAIN) if sent.exists() else 0

    def remember(number: int) -> None:
        aside = sent.with_suffix(".new")
        aside.write_text(f"{before + number}\n")
        aside.replace(sent)

    asyncio.run(
        replay(
            (
                Sendable(one.kind, one.key, one.at_ms, one.value)
                for one in islice(deliveries(world, settings.partitions), before, None)
            ),
            settings.topics,
            settings.partitions,
            settings.connection(),
            pace=_as_it_happens(time.time()),
            on_malformed=lambda _: None,
            on_progress=remember,
        )
    )


def _as_it_happens(started: float) -> Pace:
    return lambda _number, at_ms: at_ms / 1000 - started


def main() -> None:
    """Send; tell in a line what went wrong."""
    settings = load()
    world = remembered(settings.data_dir)
    if world is None:
        sys.exit("The demo has no world yet: run begin.py first.")
    try:
        send(world, settings, settings.data_dir / "sent")
    except (DeliveryError, KafkaError) as error:
        sys.exit(f"The world could not be sent on: {error or type(error).__name__}")


if __name__ == "__main__":
    main()
