"""Event time: RFC 3339 text to milliseconds, and the UTC hours and days that windows are made of.

Every instant is an `int` of milliseconds since 1970-01-01T00:00:00Z, every hour and day an `int`
of whole UTC hours or days since then. No clock is read here; "now" is always passed in.
"""

import re
from collections.abc import Sequence
from datetime import date

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

HORIZON = 672
"""Hours (28 days) in which an interaction makes a relationship current."""

DEPTH = 1344
"""Hours (56 days) that counts by hour are kept: the horizon and the one before it."""

WINDOWS = {"1d": 24, "7d": 168, "28d": HORIZON}
"""Window label to its length in hours, the current hour included."""

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))?",
    re.ASCII,
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
END_MS = (date(2200, 1, 1).toordinal() - _EPOCH_DAY) * DAY_MS
"""2200-01-01: every time of ours is before it."""

# The usual spelling is three look-ups: its hour, its ":MM:SS", its fraction and "Z".
_WITHIN_HOUR = {f":{s // 60:02d}:{s % 60:02d}": s * SECOND_MS for s in range(3600)}
_ENDINGS = {f".{ms:03d}Z": ms for ms in range(1000)} | {"Z": 0, "+00:00": 0}


def hour_of(ms: int) -> int:
    """The UTC hour that holds this instant."""
    return ms // HOUR_MS


def day_of(ms: int) -> int:
    """The UTC day that holds this instant."""
    return ms // DAY_MS


def last_hour(day: int) -> int:
    """The last of a UTC day's 24 hours: the hour until which the day counts."""
    return day * 24 + 23


def parse_at(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time, truncated (never rounded) to the millisecond.

    Raises:
        ValueError: not RFC 3339, without an offset, a leap second, or not in 1970 to 2199; the
            message says which.
    """
    try:
        return _HOURS[text[:13]] + _WITHIN_HOUR[text[13:19]] + _ENDINGS[text[19:]]
    except (KeyError, ValueError):
        return _parse(text)


def parse_many(texts: Sequence[str]) -> Sequence[int | ValueError]:
    """`parse_at` for many texts: for each, in order, what it returns or raises."""
    hours, within, endings = _HOURS, _WITHIN_HOUR, _ENDINGS
    try:
        return [hours[text[:13]] + within[text[13:19]] + endings[text[19:]] for text in texts]
    except (KeyError, ValueError):
        return list(map(_parse_or_refuse, texts))


def format_ms(ms: int) -> str:
    """The instant as RFC 3339 in UTC with three decimals: `2026-07-04T14:38:07.396Z`."""
    days, rest = divmod(ms, DAY_MS)
    hours, rest = divmod(rest, HOUR_MS)
    minutes, rest = divmod(rest, MINUTE_MS)
    seconds, millis = divmod(rest, SECOND_MS)
    day = date.fromordinal(_EPOCH_DAY + days).isoformat()
    return f"{day}T{hours:02d}:{minutes:02d}:{seconds:02d}.{millis:03d}Z"


class _Hours(dict[str, int]):
    # Events of one hour come together: even a fast replay repeats its hours.

    def __missing__(self, prefix: str) -> int:
        if len(self) >= 4096:
            self.clear()
        ms = self[prefix] = _parse(prefix + ":00:00Z")
        return ms


_HOURS = _Hours()


def _parse_or_refuse(text: str) -> int | ValueError:
    try:
        return parse_at(text)
    except ValueError as error:
        # It is kept as a value: with its traceback it would keep this call's frames alive.
        return error.with_traceback(None)


def _parse(text: str) -> int:
    shown = repr(text[:64])  # a stranger's text may be long
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time such as 2026-07-04T14:38:07.396Z: {shown}")
    *numbers, fraction, zulu, sign, offset_hours, offset_minutes = match.groups()
    year, month, day, hours, minutes, seconds = map(int, numbers)
    if zulu is None and sign is None:
        raise ValueError(f"no UTC offset (Z or +hh:mm): {shown}")
    if seconds == 60:
        raise ValueError(f"leap seconds are not supported: {shown}")
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f"no such time of day: {shown}")
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        raise ValueError(f"no such date: {shown}") from None
    ms = days * DAY_MS + hours * HOUR_MS + minutes * MINUTE_MS + seconds * SECOND_MS
    ms += int((fraction or "0")[:3].ljust(3, "0"))
    if sign is not None:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            raise ValueError(f"no such UTC offset: {shown}")
        offset = int(offset_hours) * HOUR_MS + int(offset_minutes) * MINUTE_MS
        ms += offset if sign == "-" else -offset
    if not 0 <= ms < END_MS:
        raise ValueError(f"not between 1970 and 2199: {shown}")
    return ms
