"""When a relationship was last alive: what stage, awaiting and the census are derived from."""

from collections.abc import Sequence

from msgspec import Struct, field

from streams.core import cells as hourly
from streams.core.kinds import REPLY_IN, REPLY_OUT, SIDES
from streams.core.packing import Summary
from streams.core.time import DAY_MS


class Recency(Struct, gc=False):
    """Last times and active days, from what was evicted and then, by `see`, from a log.

    Attributes:
        inbound: last inbound interaction, ms, -1: never.
        reply_in: last inbound reply, likewise.
        reply_out: last outbound reply, likewise.
        active_days: UTC days with an inbound interaction.
        reply_days: UTC days with a reply in either direction.
    """

    inbound: int = -1
    reply_in: int = -1
    reply_out: int = -1
    active_days: set[int] = field(default_factory=set)
    reply_days: set[int] = field(default_factory=set)

    @classmethod
    def of_evicted(cls, summary: Summary | None, cells: bytes) -> "Recency":
        """What the summary and the cells of evicted interactions still tell."""
        seen = cls()
        if summary is not None:
            seen.inbound = max(summary.last[code] for code in SIDES[0])
            seen.reply_in = summary.last[REPLY_IN]
            seen.reply_out = summary.last[REPLY_OUT]
        if cells:
            seen.active_days = hourly.days(cells, SIDES[0])
            seen.reply_days = hourly.days(cells, (REPLY_IN, REPLY_OUT))
        return seen

    def see(self, logged: Sequence[int]) -> None:
        """Take in entries of a log, as `packing.stamps` gives them."""
        # The longest loop there is: every entry of every dirty relationship. So locals, no calls
        # (not even of max), and times that stay stamps (their order is the same) until the end.
        inbound = self.inbound << 3 | 7
        reply_in = self.reply_in << 3 | 7
        reply_out = self.reply_out << 3 | 7
        is_active, is_reply = self.active_days.add, self.reply_days.add
        for stamp in logged:
            code = stamp & 7
            if code <= REPLY_IN:
                is_active(stamp // _DAY)
                if stamp > inbound:
                    inbound = stamp
                if code == REPLY_IN:
                    is_reply(stamp // _DAY)
                    if stamp > reply_in:
                        reply_in = stamp
            elif code == REPLY_OUT:
                is_reply(stamp // _DAY)
                if stamp > reply_out:
                    reply_out = stamp
        self.inbound, self.reply_in, self.reply_out = inbound >> 3, reply_in >> 3, reply_out >> 3


_DAY = DAY_MS << 3  # of a stamp
