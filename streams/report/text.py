"""The report as text for a terminal or a mail: 80 columns, or as many as there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from textwrap import fill
from typing import Final

from streams.core.words import visible
from streams.report.document import (
    NOBODY,
    Entry,
    Report,
    in_short,
    names,
    newcomers,
    period,
    rows,
)

MOST: Final = 20
"""Accounts told in full; of the others only what they amount to."""

Sparkline = Callable[[Sequence[float | None]], str]
"""Draws numbers, in characters that the reader can see."""


def text(report: Report, sparkline: Sparkline, width: int = 80) -> str:
    """Write the report."""
    lines = [f"{period(report.clock)}, beside the 7 days before"]
    if not report.entries:
        lines += ["", NOBODY]
    if len(report.entries) > 1:
        lines += ["", *(line for entry in report.entries for line in _in_short(entry))]
    for entry in report.entries[:MOST]:
        lines += ["", "", *_account(entry, sparkline, width)]
    if len(report.entries) > MOST:
        left = len(report.entries) - MOST
        lines += ["", "", f"{left:,} more, in short above: --account ID tells all of one."]
    if report.others:
        are = "account is" if report.others == 1 else "accounts are"
        lines += ["", "", f"{report.others:,} other {are} not part of this report."]
    return "\n".join(lines) + "\n"


def _in_short(entry: Entry) -> Iterator[str]:
    mark = "!" if entry.finding.kind.alarming else " "
    yield f"{mark} {visible(entry.name)}: {entry.finding.kind}"
    yield f"  {in_short(entry.facts)}"


def _account(entry: Entry, sparkline: Sparkline, width: int) -> Iterator[str]:
    name, facts, finding = entry
    title = visible(name)
    if name != facts.account:
        title = f"{title} ({visible(facts.account)})"
    yield title
    yield "=" * min(len(title), width)
    yield fill(str(finding), width)
    for found in names(facts):
        yield ""
        yield f"{found.title}: {found.total:,}" if found.total else f"{found.title}: nobody"
        for person in found.people:
            said = f"• {visible(person.member)}: {person.why}"
            yield fill(said, width, initial_indent="  ", subsequent_indent="    ")
        if found.rest:
            rest = f"  and {found.rest:,} more"
            if found.option:
                rest += f": {found.command(facts.account)}"
            yield rest
    yield ""
    yield fill(newcomers(facts), width)
    yield ""
    yield from _numbers(entry, sparkline)


def _numbers(entry: Entry, sparkline: Sparkline) -> Iterator[str]:
    found = list(rows(entry.facts))
    head = ("", "this week", "week before", "change", "by week")
    lines = [head]
    lines += [
        (row.label, row.now, row.before or "unknown", row.change, sparkline(row.weeks))
        for row in found
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for label, *numbers, weeks in lines:
        cells = (cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=False))
        yield f"{label.ljust(widths[0])}  {'  '.join(cells)}  {weeks}".rstrip()
