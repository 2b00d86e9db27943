"""Mastodon keeps the contract of live sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.sources.live.mastodon import Mastodon
from streams.sources.live.meters import Meters
from streams.sources.live.source import Source
from tests.engine.conftest import new_system
from tests.sources.live.contract import Case, SourceContract
from tests.sources.live.mastodon_life import QUICK
from tests.sources.live.mastodon_server import ME, TOKEN, MastodonServer, account, at
from tests.sources.live.mastodon_story import Story

__all__ = ["new_system"]


class MastodonCase(Case):
    """An instance with a past, that cuts connections: the source begins at the oldest."""

    def __init__(self, server: MastodonServer, token: Path) -> None:
        self.server = server
        story = Story(server, seed=11)
        story.go_on(800)
        self.events = story.inbound + story.outbound
        server.pace, server.drop = 0.03, 0.05
        token.write_text(f"{TOKEN}\n")
        self.command = [
            *("mastodon", "--instance", server.url, "--token-file", str(token), "--backfill")
        ]

    def source(self, meters: Meters) -> Source:
        return Mastodon(self.server.url, TOKEN, meters, backfill=True, pace=QUICK)

    def handed_out(self) -> int:
        return self.server.told

    def babble(self) -> None:
        self.server.babbles = True
        self.server.pace = 0.0

    def flood(self) -> int:
        self.server.pace = 0.0
        self.server.streams = False
        text = "x" * 2500
        for number in range(20_000):
            status = {"id": str(10_000 + number), "account": ME, "content": text}
            row = {"id": str(10_000 + number), "type": "favourite", "created_at": at(number)}
            row |= {"account": account(number % 30), "status": status}
            self.server.notifications.append((10_000 + number, row))
        return len(self.server.notifications)


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with MastodonServer(seed=11) as server:
        yield MastodonCase(server, tmp_path / "token")


class TestMastodon(SourceContract):
    """See the contract."""
