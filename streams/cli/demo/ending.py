"""The ending of the demo: what the tables say after all, read from the changelog."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from rich.console import Console

from streams.changelog import read_changelog
from streams.cli.demo.course import Course
from streams.cli.demo.readings import Reading, Standing
from streams.cli.running import Failure
from streams.cli.screen import glyphs
from streams.core.relationship import Strength
from streams.core.time import hour_of
from streams.people import Person, waiting
from streams.report.facts import Facts, Week, facts
from streams.report.finding import by_urgency
from streams.settings import Settings

_PATIENCE = 20.0
_AGAIN_SECONDS = 0.1
_WEEKS: Final = 3
"""How far the table looks back: to before the campaign, and not beyond what is known exactly."""

_CELL: Final = 16
_PEOPLE: Final = 3


class _Row(NamedTuple):
    title: str
    value: Callable[[Week], str]


_ROWS = (
    _Row("Followers", lambda week: f"{week.followers:,}"),
    _Row("Active 7d", lambda week: f"{week.active:,}"),
    _Row("Repliers 7d", lambda week: f"{week.repliers:,}"),
    _Row("Connections", lambda week: f"{week.connections:,}"),
    _Row("Hollow", lambda week: f"{week.hollow_share or 0:.0%}"),
    _Row("Awaiting us", lambda week: f"{week.waiting:,}"),
)


def read_facts(settings: Settings, course: Course, last: Reading) -> list[Facts]:
    """Read from the changelog how the accounts stand.

    Raises:
        Failure: it does not come to what the worker told last.
    """
    expected = {cast.id: last.accounts[cast.id] for cast in course.cast}
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        changelog = asyncio.run(
            read_changelog(settings.connection(), settings.changelog, settings.partitions)
        )
        found = facts(changelog, accounts=list(expected))
        if {one.account: _standing(one.now) for one in found} == expected:
            return found
        time.sleep(_AGAIN_SECONDS)  # the worker counts what it is about to write
    raise Failure("the changelog does not come to what the worker tells: please report this")


def _standing(week: Week) -> Standing:
    return Standing(week.followers, week.active, week.repliers, week.connections, week.hollow)


def tell(console: Console, course: Course, found: list[Facts], strength: Strength) -> None:
    """Print what has changed, the finding, and three names."""

    def write(text: str, indent: str = "", style: str | None = None) -> None:
        filled = textwrap.fill(text, console.width, subsequent_indent=" " * len(indent))
        console.print(filled, style=style, soft_wrap=True)

    names = {cast.id: cast.name for cast in course.cast}
    _tell_change(console, course, found)
    ranked = by_urgency(found)
    for place, (one, finding) in enumerate(ranked):
        if place == 0 or finding.kind.alarming:
            console.print()
            write(f"{names[one.account]}: {finding.kind}.", style="bold")
            write(finding.sentence)
    console.print()
    if calm := [(one, finding) for one, finding in ranked[1:] if not finding.kind.alarming]:
        write(" ".join(f"{names[one.account]}: {finding.kind}." for one, finding in calm))
        console.print()
    write("Three people worth a reply, each the closest of those who have waited for a day:")
    indent = f"  {glyphs().bullet} "
    for person in worth_a_reply([one for one, _ in ranked], strength):
        write(f"{indent}{person.member} ({names[person.account]}): {person.why}", indent)


def worth_a_reply(ranked: Iterable[Facts], strength: Strength) -> list[Person]:
    """Of each account, in this order, the closest of those who have waited for a day."""
    found = []
    for one in ranked:
        patient = (
            (-person.relationship.strength(one.clock, strength), person.member, person)
            for person in one.awaiting
            if (wait := waiting(person.relationship, one.clock))
            and hour_of(wait.since) <= one.clock - 24
        )
        found += [person for _, _, person in sorted(patient)[:1]]
    return found[:_PEOPLE]


def _tell_change(console: Console, course: Course, found: list[Facts]) -> None:
    ago = min(_WEEKS, *(len(one.weeks) - 1 for one in found))
    weeks = {one.account: (one.weeks[-1 - ago], one.now) for one in found}
    then, now = (course.date_of(week.clock) for week in weeks[course.cast[0].id])
    arrow = glyphs().arrow
    what = "a week" if ago == 1 else f"{ago} weeks"
    console.print(f"What {what} changed: {then} {arrow} {now}")
    fit = max(1, console.width // _CELL - 1)
    for first in range(0, len(course.cast), fit):
        cast = course.cast[first : first + fit]
        console.print()
        console.print(_line("", [one.name for one in cast]), style="bold")
        for row in _ROWS:
            cells = []
            for one in cast:
                before, after = map(row.value, weeks[one.id])
                cells.append(f"{before} {arrow} {after}")
            console.print(_line(row.title, cells))


def _line(title: str, cells: Iterable[str]) -> str:
    return title.ljust(_CELL) + "".join(cell[: _CELL - 1].rjust(_CELL) for cell in cells)
