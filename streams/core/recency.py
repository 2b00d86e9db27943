"""When a relationship was last alive: what stage, awaiting and the census are derived from."""

from collections.abc import Sequence

from streams.core import cells as hourly
from streams.core.kinds import REPLY_IN, REPLY_OUT, SIDES
from streams.core.packing import Summary
from streams.core.time import DAY_MS


class Recency:
    """Last times and active days, from what was evicted and then, by `see`, from a log.

    Attributes:
        inbound: last inbound interaction, ms, -1: never.
        reply_in: last inbound reply, likewise.
        reply_out: last outbound reply, likewise.
        active_days: UTC days with an inbound interaction.
        reply_days: UTC days with a reply in either direction.
    """

    __slots__ = ("active_days", "inbound", "reply_days", "reply_in", "reply_out")

    def __init__(self, summary: Summary | None = None, cells: bytes = b"") -> None:
        self.inbound = self.reply_in = self.reply_out = -1
        if summary is not None:
            self.inbound = max(summary.last[code] for code in SIDES[0])
            self.reply_in = summary.last[REPLY_IN]
            self.reply_out = summary.last[REPLY_OUT]
        self.active_days = hourly.days(cells, SIDES[0]) if cells else set()
        self.reply_days = hourly.days(cells, (REPLY_IN, REPLY_OUT)) if cells else set()

    def see(self, logged: Sequence[int]) -> None:
        """Take in entries of a log, as `packing.stamps` gives them."""
        # Locals, as this loop is the longest there is: every entry of every dirty relationship.
        inbound, reply_in, reply_out = self.inbound, self.reply_in, self.reply_out
        active_days, reply_days = self.active_days, self.reply_days
        for stamp in logged:
            code = stamp & 7
            if code <= REPLY_IN:
                at = stamp >> 3
                active_days.add(at // DAY_MS)
                inbound = max(inbound, at)
                if code == REPLY_IN:
                    reply_days.add(at // DAY_MS)
                    reply_in = max(reply_in, at)
            elif code == REPLY_OUT:
                at = stamp >> 3
                reply_days.add(at // DAY_MS)
                reply_out = max(reply_out, at)
        self.inbound, self.reply_in, self.reply_out = inbound, reply_in, reply_out
