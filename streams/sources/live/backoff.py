"""How long to wait before the next attempt: longer each time, and never all at once."""

from __future__ import annotations

import asyncio
import random


class Backoff:
    """Waits that double, each cut by chance to between a half and the whole.

    Args:
        first: seconds, of the first wait.
        longest: seconds, of any.
    """

    def __init__(self, first: float = 0.5, longest: float = 60.0) -> None:
        self._first = first
        self._longest = longest
        self._attempts = 0

    def next(self) -> float:
        """The seconds to wait before the next attempt."""
        whole = min(self._longest, self._first * 2.0 ** min(self._attempts, 60))
        self._attempts += 1
        return whole * random.uniform(0.5, 1.0)  # noqa: S311  no secret

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._attempts = 0

    async def wait(self, at_least: float = 0.0) -> None:
        """Wait before the next attempt, and as long as the other side asked for."""
        await asyncio.sleep(max(self.next(), at_least))
