"""How much may pass in a time: a bucket that fills steadily, and may be overdrawn once."""

from __future__ import annotations

import math


class Allowance:
    """So much a second, and a second's worth at once.

    Whoever finds something in the bucket may take more than is in it; the next wait until that is
    paid back. So a batch that is larger than the bucket passes, and the rate holds all the same.

    Args:
        rate: a second; 0 is without limit.
        now: seconds, from any origin.
    """

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._level = rate
        self._at = now

    def wait(self, now: float) -> int:
        """Whole seconds after which it is worth to ask again; 0: something may be taken."""
        if not self._rate:
            return 0
        self._level = min(self._rate, self._level + (now - self._at) * self._rate)
        self._at = now
        return 0 if self._level > 0 else max(1, math.ceil(-self._level / self._rate))

    def take(self, n: int) -> None:
        """Take it, if `wait` has just allowed it."""
        self._level -= n
