"""The measurement of the gateway counts what the gateway took."""

from __future__ import annotations

import os

import pytest

from benchmarks.gateway import SECRET, WAYS, Way, push
from streams.sources.live.authentication import Authentication
from tests.brokers.clients import run
from tests.sources.live.gateways import Desk, served


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_what_is_counted_was_taken_and_is_an_event_each(way: Way) -> None:
    """No two of them the same, so none is passed by as a duplicate."""

    async def story() -> None:
        desk = Desk()
        async with served(desk, Authentication(secrets=[SECRET], tokens=[SECRET])) as gateway:
            found = await push(way._replace(senders=4), gateway.port, os.getpid(), 0.05)
        assert found.acknowledged == len(desk.events) >= 4 * way.batch
        assert len({event.id for event in desk.events}) == len(desk.events)

    run(story())
