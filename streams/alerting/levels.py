"""The rules for a time that has passed: what promtool evaluates over samples of the past.

A rule that reads what another one of the same run records finds nothing, so they are put into
levels, of which each reads only what those before it have recorded.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from streams.alerting.recording import recording
from streams.alerting.rules import Alert, Record
from streams.alerting.thresholds import Settings

_NAME: Final = re.compile(r"[A-Za-z_:][\w:]*")
_PARTS: Final = 4
_INTERVAL: Final = "5m"  # for so long does a chart look back

R = TypeVar("R", bound=Record | Alert)


def recorded(settings: Settings) -> list[Record]:
    """Every rule that records."""
    return [rule for rule in recording(settings).rules if isinstance(rule, Record)]


def names_read(rules: Sequence[Record]) -> frozenset[str]:
    """Every name that they read, and some words of PromQL."""
    return frozenset(name for rule in rules for name in _NAME.findall(rule.expr))


def levels(rules: Sequence[R]) -> list[list[R]]:
    """The rules in the order in which they need each other: a level reads only those before it."""
    waiting, found = list(rules), []
    while waiting:
        missing = {rule.record for rule in waiting if isinstance(rule, Record)}
        level = [rule for rule in waiting if missing.isdisjoint(_NAME.findall(rule.expr))]
        if not level:
            raise ValueError(f"rules that read each other: {', '.join(sorted(missing))}")
        found.append(level)
        waiting = [rule for rule in waiting if rule not in level]
    return found


def level_files(settings: Settings) -> Iterator[tuple[str, str]]:
    """Name and text of the files that `deploy/prometheus/past.sh` goes by.

    A level is in parts, which promtool can evaluate side by side.
    """
    for number, level in enumerate(levels(recorded(settings))):
        for part in range(min(_PARTS, len(level))):
            group = {
                "name": f"level-{number}-{part}",
                "interval": _INTERVAL,
                "rules": [rule.document() for rule in level[part::_PARTS]],
            }
            # JSON, which is YAML too
            yield f"level-{number}-{part}.json", json.dumps({"groups": [group]})
