"""Bluesky keeps the contract of live sources."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from streams.sources.live.bluesky import Bluesky
from streams.sources.live.jetstream import Protocol
from streams.sources.live.meters import Meters
from streams.sources.live.source import Source
from tests.sources.live.contract import Case, SourceContract
from tests.sources.live.jetstream_server import JetstreamServer
from tests.sources.live.life import GARBAGE, QUICK, expected
from tests.sources.live.recording import ACCOUNTS, START_US, recording

LENGTH = 1500


class BlueskyCase(Case):
    """A Jetstream that cuts connections and goes back."""

    def __init__(self, protocol: Protocol) -> None:
        lines = recording(seed=11, length=LENGTH)
        self.events = expected(lines)
        self.server = JetstreamServer(lines, seed=11)
        self.server.pace = 0.01
        self.server.drop_after, self.server.back = 1000, 30
        self._protocol: Protocol = protocol

    @property
    def command(self) -> list[str]:  # type: ignore[override]
        accounts = [word for account in ACCOUNTS for word in ("--account", account)]
        host = ["--host", self.server.url, "--api", self.server.url]
        return ["bluesky", *accounts, *host, "--protocol", self._protocol]

    def source(self, meters: Meters) -> Source:
        return Bluesky(
            ACCOUNTS,
            meters,
            protocol=self._protocol,
            hosts=[self.server.url],
            patience=QUICK._replace(dead=60.0, silent=60.0),
        )

    def handed_out(self) -> int:
        return self.server.sent

    def babble(self) -> None:
        self.server.garbage = GARBAGE

    def flood(self) -> int:
        line = json.loads(recording(seed=1, length=1)[0])
        record = {"subject": {"uri": f"at://{ACCOUNTS[0]}/app.bsky.feed.post/1"}, "x": "x" * 2500}
        lines = []
        for number in range(20_000):
            us = START_US + (LENGTH + number) * 20_000_000
            commit = {"rev": "z", "operation": "create", "collection": "app.bsky.feed.like"}
            commit |= {"rkey": str(number), "record": record}
            line |= {"kind": "commit", "did": "did:plc:ada", "time_us": us, "commit": commit}
            lines.append(json.dumps(line).encode())
        self.server.pace = 0.0
        self.server.tell(lines)
        return LENGTH + len(lines)


@pytest.fixture
def case() -> Iterator[Case]:
    """The newer protocol: `test_bluesky` has misfortunes for both."""
    found = BlueskyCase("v2")
    with found.server:
        yield found


class TestBluesky(SourceContract):
    """See the contract."""
