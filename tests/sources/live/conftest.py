"""Platforms of the tests' own, and a Closeknit to feed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.engine.conftest import new_system
from tests.sources.live.jetstream_server import JetstreamServer

__all__ = ["new_system", "play"]


@pytest.fixture
def play() -> Iterator[Callable[..., JetstreamServer]]:
    """Makes servers that play lines, with options as attributes; they end with the test."""
    servers: list[JetstreamServer] = []

    def make(lines: Sequence[bytes], seed: int = 0, **options: Any) -> JetstreamServer:
        server = JetstreamServer(lines, seed)
        for name, value in options.items():
            setattr(server, name, value)
        servers.append(server.__enter__())
        return server

    yield make
    for server in servers:
        server.__exit__()
