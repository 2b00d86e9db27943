"""What a rule is, and the YAML that Prometheus reads."""

import json
from collections.abc import Iterator, Mapping, Sequence
from textwrap import dedent, wrap
from typing import Any, Literal, NamedTuple

_WIDTH = 100
_PROSE = ("summary", "description")

Severity = Literal["page", "ticket"]
"""Somebody gets up at night; somebody reads it in the morning."""


class Record(NamedTuple):
    """A recording rule: `level:metric:operations`, where the level names the labels that stay."""

    record: str
    expr: str
    labels: Mapping[str, str] = {}

    def document(self) -> dict[str, Any]:
        """The rule as Prometheus reads it."""
        labels = {"labels": dict(self.labels)} if self.labels else {}
        return {"record": self.record, "expr": self.expr, **labels}


class Alert(NamedTuple):
    """An alert: held for so long, it is told with these words."""

    alert: str
    expr: str
    hold: str
    severity: Severity
    about: Literal["account", "pipeline"]
    """Whose it is: those who speak with people, or those who run workers."""
    summary: str
    description: str
    runbook_url: str
    dashboard_url: str
    labels: Mapping[str, str] = {}
    settle: str = ""
    """It goes on for so long after its reason is gone; empty: it does not."""

    def document(self) -> dict[str, Any]:
        """The rule as Prometheus reads it."""
        return {
            "alert": self.alert,
            "expr": self.expr,
            "for": self.hold,
            **({"keep_firing_for": self.settle} if self.settle else {}),
            "labels": {"severity": self.severity, "about": self.about, **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": self.runbook_url,
                "dashboard_url": self.dashboard_url,
            },
        }


class Group(NamedTuple):
    """Rules that are evaluated together, one after the other: a later one sees the earlier."""

    name: str
    rules: Sequence[Record | Alert]

    def document(self) -> dict[str, Any]:
        """The group as Prometheus reads it."""
        rules = [rule.document() for rule in self.rules]
        return {"name": self.name, "interval": "1m", "rules": rules}


def to_yaml(group: Group) -> str:
    """The rule file with this group in it.

    Written by hand: the shape is fixed, queries should be read as they were written, and a worker
    needs no YAML.
    """
    lines = ["groups:", f"  - name: {group.name}", "    interval: 1m", "    rules:"]
    for rule in group.rules:
        mark = "-"
        for key, value in rule.document().items():
            first, *more = _entry(key, value)
            lines += [f"      {mark} {first}", *(f"        {line}" for line in more)]
            mark = " "
    return "\n".join(lines) + "\n"


def _entry(key: str, value: str | Mapping[str, str]) -> list[str]:
    if isinstance(value, Mapping):
        inner = [line for pair in value.items() for line in _entry(*pair)]
        return [f"{key}:", *(f"  {line}" for line in inner)]
    return list(_text(key, value))


def _text(key: str, value: str) -> Iterator[str]:
    if key == "expr":
        yield "expr: |-"
        yield from (f"  {line}" for line in value.splitlines())
    elif key in {"record", "alert", "for", "keep_firing_for"}:
        yield f"{key}: {value}"
    elif len(value) > _WIDTH // 2 and key in _PROSE and value == " ".join(value.split()):
        yield f"{key}: >-"
        folded = wrap(value, _WIDTH - 12, break_long_words=False, break_on_hyphens=False)
        yield from (f"  {line}" for line in folded)
    else:
        yield f"{key}: {json.dumps(value, ensure_ascii=False)}"


def query(text: str) -> str:
    """A query as it is written in the source, without the indent and the ends of a docstring."""
    return dedent(text).strip()
