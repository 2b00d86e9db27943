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

    def __init__(self) -> None:
        self.inbound = -1
        self.reply_in = -1
        self.reply_out = -1
        self.active_days: set[int] = set()
        self.reply_days: set[int] = set()

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
        begin = end = 0  # of the day of the entry before, as stamps: most are of the same
        active = replied = False  # is that day known to be one?
        for stamp in logged:
            code = stamp & 7
            if code > REPLY_OUT:
                continue
            if not begin <= stamp < end:
                begin = stamp - stamp % _DAY
                end = begin + _DAY
                active = replied = False
            if code <= REPLY_IN:
                if not active:
                    is_active(begin // _DAY)
                    active = True
                if stamp > inbound:
                    inbound = stamp
                if code != REPLY_IN:
                    continue
                if stamp > reply_in:
                    reply_in = stamp
            elif stamp > reply_out:
                reply_out = stamp
            if not replied:
                is_reply(begin // _DAY)
                replied = True
        self.inbound, self.reply_in, self.reply_out = inbound >> 3, reply_in >> 3, reply_out >> 3


_DAY = DAY_MS << 3  # of a stamp
