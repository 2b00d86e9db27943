"""Which world the demo shows: the one of `closeknit generate --world demo`, moved to today."""

from __future__ import annotations

from pathlib import Path

from streams.core.time import DAY_MS, format_ms
from streams.synthetic import DEMO, World

_FIRST_DAY = "first-day"
_WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS  # 5 January 1970
_WEEKS = 52


def ten_weeks_before(now_ms: int) -> str:
    """The first day of a world with ten weeks behind it: the nearest Monday, as in the original."""
    weeks = (now_ms - _MONDAY_MS + _WEEK_MS // 2) // _WEEK_MS - 10
    return format_ms(_MONDAY_MS + weeks * _WEEK_MS)[:10]


def begun(first_day: str) -> World:
    """The demo's world, begun on that day, going on for a year."""
    return World(DEMO.seed, first_day, 7 * _WEEKS, DEMO.accounts, DEMO.defects)


def remembered(folder: Path) -> World | None:
    """The world that the first start of the demo began; None before that."""
    file = folder / _FIRST_DAY
    return begun(file.read_text().strip()) if file.exists() else None


def remember(folder: Path, world: World) -> None:
    """Let every later start go on with this world."""
    (folder / _FIRST_DAY).write_text(f"{world.first_day}\n")
