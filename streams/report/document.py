"""What every format says, and in which order: the finding, then names, then numbers.

The formats differ in how they look, not in what they state: all of them are made of these pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from shlex import quote
from typing import Final, NamedTuple

from streams.core.time import HOUR_MS
from streams.core.words import visible
from streams.people import Person
from streams.report.facts import Facts, Joined, Week, share
from streams.report.finding import Finding, by_urgency

TO_ANSWER: Final = 5
"""People named who wait for an answer; the others are counted."""

NAMES: Final = 3
"""People named in every other list."""


class Entry(NamedTuple):
    """An account in a report.

    Attributes:
        name: what people call it.
        facts: what is so.
        finding: what it amounts to.
    """

    name: str
    facts: Facts
    finding: Finding


class Report(NamedTuple):
    """A report.

    Attributes:
        clock: the last hour of its week.
        entries: the accounts, what needs attention first.
        others: how many accounts the tables know beside these.
    """

    clock: int
    entries: tuple[Entry, ...]
    others: int = 0


class Row(NamedTuple):
    """One number beside what it was: texts that mean the same in every format.

    Attributes:
        label: what is counted.
        now: this week.
        before: the week before; empty if that is not known.
        change: the difference, with its sign; empty likewise.
        weeks: the number in the weeks known, this one last; None where there was nothing to divide.
    """

    label: str
    now: str
    before: str
    change: str
    weeks: tuple[float | None, ...]


class Names(NamedTuple):
    """A list of people.

    Attributes:
        title: what they have in common.
        people: the first of them.
        total: how many there are.
        option: the option of `closeknit people` that lists them all; empty if none does.
    """

    title: str
    people: tuple[Person, ...]
    total: int
    option: str = ""

    @property
    def rest(self) -> int:
        """How many are not named."""
        return self.total - len(self.people)

    def command(self, account: str) -> str:
        """What names them all; safe to be pasted, whatever the id holds."""
        return f"closeknit people {self.option} --account {quote(visible(account))}"


def compose(
    found: Sequence[Facts], names: Mapping[str, str], clock: int, others: int = 0
) -> Report:
    """Order the accounts by urgency and call them by their names."""
    entries = (
        Entry(names.get(facts.account, facts.account), facts, drawn)
        for facts, drawn in by_urgency(found)
    )
    return Report(clock, tuple(entries), others)


def period(clock: int) -> str:
    """Return "The 7 days to 6 September 2026, 23:59 UTC"."""
    end = datetime.fromtimestamp(clock * HOUR_MS / 1000, UTC)
    return f"The 7 days to {end.day} {end:%B %Y, %H}:59 UTC"


def rows(facts: Facts) -> Iterator[Row]:
    """The numbers of an account, each beside the week before; a share follows what it is of."""
    for label, number, whole in _NUMBERS:
        yield _row(facts, label, number) if whole is None else _share(facts, label, number, whole)


def in_short(facts: Facts) -> str:
    """Return "2,961 followers (+613), 59 connections (-20)"."""
    found = {row.label: row for row in rows(facts)}
    said = (found["Followers"], found["Connections"])
    return ", ".join(
        f"{row.now} {row.label.lower()}" + (f" ({row.change})" if row.change else "")
        for row in said
    )


Number = Callable[[Week], int]

_NUMBERS: Final[tuple[tuple[str, Number, Number | None], ...]] = (
    ("Connections", attrgetter("connections"), None),
    ("Committed people", attrgetter("committed"), None),
    ("People who replied", attrgetter("repliers"), None),
    ("Of them answered", attrgetter("answered"), attrgetter("repliers")),
    ("Waiting for your answer", attrgetter("waiting"), None),
    ("Replies to you", attrgetter("replies"), None),
    ("Your replies", attrgetter("our_replies"), None),
    ("Active people", attrgetter("active"), None),
    ("Likes", attrgetter("likes"), None),
    ("Shares", attrgetter("shares"), None),
    ("Followers", attrgetter("followers"), None),
    ("Of them never engaged", attrgetter("hollow"), attrgetter("followers")),
    ("Follows", attrgetter("follows"), None),
    ("Unfollows", attrgetter("unfollows"), None),
    ("New followers", attrgetter("new"), None),
    ("Of them engaged", attrgetter("new_engaged"), attrgetter("new")),
    ("Of them replied", attrgetter("new_spoke"), attrgetter("new")),
)

NOBODY: Final = "No account is known yet."
"""What a report on no account says."""

MEANINGS: Final = (
    ("Connection", "replies both ways in the last 28 days, on two days of them or more."),
    ("Committed", "active on four days of the last 28 or more, and replied in them."),
    ("Active, engaged", "liked, shared or replied. Spoke: replied."),
    ("Waiting", "their last reply of the last 28 days is later than your last one to them."),
    ("Answered", "replied this week, and your last reply to them is not older than theirs."),
    ("New followers", "they follow now, and have for less than 7 days."),
    ("Never engaged", "they follow, and have never liked, shared or replied."),
    ("A usual week", "the median of the four weeks before this one."),
)
"""The words that a reader may wonder about."""


def _row(facts: Facts, label: str, number: Number) -> Row:
    now, before = number(facts.now), facts.before and number(facts.before)
    return Row(
        label,
        f"{now:,}",
        "" if before is None else f"{before:,}",
        "" if before is None else _change(now - before),
        tuple(number(week) for week in facts.weeks),
    )


def _share(facts: Facts, label: str, part: Number, whole: Number) -> Row:
    shares = tuple(share(part(week), whole(week)) for week in facts.weeks)
    texts = [_with_share(part(week), of) for week, of in zip(facts.weeks, shares, strict=True)]
    if facts.before is None:
        return Row(label, texts[-1], "", "", shares)
    return Row(label, texts[-1], texts[-2], points(shares[-1], shares[-2]), shares)


NO_CHANGE: Final = "="


def _change(n: int) -> str:
    return f"{n:+,}" if n else NO_CHANGE


def _with_share(n: int, part: float | None) -> str:
    return f"{n:,}" if part is None else f"{n:,} ({percent(part)})"


def points(now: float | None, before: float | None) -> str:
    """Return "+6 pts", by which two percentages as shown differ; never "=" of two that do."""
    if now is None or before is None:
        return ""
    n = round(now * 100) - round(before * 100)
    if n:
        return f"{n:+,} {'pt' if abs(n) == 1 else 'pts'}"
    if percent(now) == percent(before):
        return NO_CHANGE
    return f"{'+' if now > before else '-'}<1 pt"


def percent(part: float) -> str:
    """Return "78%"; neither 0% nor 100% unless it is so."""
    rounded = round(part * 100)
    if part > 0 and rounded == 0:
        return "<1%"
    return ">99%" if part < 1 and rounded == 100 else f"{rounded}%"


def names(facts: Facts) -> Iterator[Names]:
    """The lists of people, who is to be answered first."""
    most = TO_ANSWER
    for title, people, option in (
        ("Waiting for your answer, the longest first", facts.awaiting, "--awaiting"),
        ("Became a connection this week", facts.became, ""),
        ("No longer a connection", facts.ceased, ""),
        ("New followers who engage", facts.promising, "--promising"),
        ("Close once, now silent", facts.cooling, "--cooling"),
    ):
        yield Names(title, people[:most], len(people), option)
        most = NAMES


def newcomers(facts: Facts) -> str:
    """Whether recent followers talk, in a sentence."""
    joined, before = facts.joined, facts.joined_before
    if not joined.came:
        return "Nobody followed in the last 28 days."
    said = f"Of {joined.came:,} who followed in the last 28 days, {_became_of(joined)}"
    if before is None:
        return f"{said}."
    return f"{said}; of {before.came:,} in the 28 days before, {_became_of(before)} by then."


def _became_of(joined: Joined) -> str:
    return f"{joined.left:,} left again, {joined.engaged:,} engaged and {joined.spoke:,} spoke"
