"""docs/alert-quality.md, written from what fired."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill

from benchmarks.alerts.others import CHOICES, PAGE, TICKET, Choice
from benchmarks.alerts.score import SOON_HOURS, Score, facts, quantile, score, tell
from benchmarks.alerts.trials import Outcome
from benchmarks.alerts.worlds import DIVERGING, FALLS, MEANT, RISES, SCENARIOS, WATCHED_FROM
from streams.alerting.thresholds import Divergence
from streams.synthetic import SCENARIOS as STORIES

HEALTHY = 200
"""Replies a week from which the aim counts."""

RECALL, FALSE_A_YEAR = 0.95, 1.0
"""The aim: found within a day, and pages for nothing per account and year."""


def write(outcomes: Sequence[Outcome], *, step: int, planned: int) -> str:
    """The page, in Markdown; a run that was cut short says how many worlds were planned."""
    parts = [_PREFACE, _run(outcomes, step, planned), "## The aim", *_aims(outcomes)]
    parts += ["## What diverges is found", _FOUND, _table(_found(outcomes)), _SMALL]
    parts += ["## What does not diverge is left alone", _CALM, _table(_calm(outcomes))]
    parts += ["Of what was told, so much was true:", _table(_precision(outcomes)), _MIXTURE]
    parts += ["## What the other alerts say of these worlds", _OTHERS, _table(_told(outcomes))]
    parts += ["## What other thresholds would trade", _TRADE, _table(_trades(outcomes)), _WHY]
    parts += ["## How it was measured", _METHOD]
    return "\n\n".join(_wrapped(part) for part in parts) + "\n"


_PREFACE = """\
# How good the alerts about accounts are

Measured on invented accounts of which the truth is known ([scenarios](scenarios.md)). The page of
[alerts](alerts.md#repliesfallwhilefollowsrise) is `RepliesFallWhileFollowsRise`, the ticket is
[`RepliesFallWhileFollowsRiseSlowly`](alerts.md#repliesfallwhilefollowsriseslowly); a divergence is
found when either tells it. This page is written by a command; do not change it by hand."""

_FOUND = f"""\
A divergence *shows* in the first hour in which the numbers that were meant, free of chance, are
below {FALLS:g} and above {RISES:g} times the usual: those of 7 days against the median of the four
weeks before, or those of 28 days against the 28 before. That is fixed, whatever thresholds are
tried. A label begins earlier: on the day on which replies fall to a third, six of the 7 days that
are counted are still as ever, and nobody can have seen anything. So hours are counted from the hour
in which it shows, and beside that from the beginning of the label; below zero, the alert was sooner
than that. *In a day* is within {SOON_HOURS} hours of the moment at which it shows."""

_SMALL = """\
Accounts with fewer than 20 replies in a usual week (about 70 interactions) are never paged for, by
design, and below 20 replies in 28 days there is no ticket either. Up to some 100 interactions a
week the roots ask for more than that: what is found is found late, or by the ticket."""

_CALM = """\
How often each began to fire where nothing diverges, and how long that was watched. Each of these
worlds has its story in the weeks that are watched, so that a year of them is a year of stories, one
after the other. The weeks before a divergence count, too."""

_MIXTURE = """\
Precision depends on how often which story comes. This is of all worlds above: many more divergences
than life has."""

_OTHERS = f"""\
Of worlds of at least {HEALTHY} replies a week. *Told*: that happens for which the alert is, and it
fired. *False*: how often it began to fire otherwise, or before, and in how many account-years.
Newcomers who stay hollow are those of begging, of a slow decline and those that were bought;
bought ones and begging make a burst, if it is large enough; fewer are answered in begging and in a
slow decline, while a post goes viral, and where the owner stops answering."""

_TRADE = f"""\
The same worlds of at least {HEALTHY} replies a week, with other numbers for `replies_below`,
`follows_above` and `roots` of `[thresholds.replies_fall]` (the page) and
`[thresholds.replies_fall_slowly]` (the ticket); against the second lowest and the second highest of
the four weeks before, or against their median; with another `hold` and `settle` of `[trust]`. In
bold, what is shipped."""

_WHY = """\
*Why a threshold close to 1 is quicker.* Replies that fall to a third at once take the counts of 7
days down by nine hundredths of the usual a day. When they pass the threshold they are on their way,
and chance moves a week of 200 replies by about a tenth, so that many an account is most of a day
behind; what an alert waits comes on top.

*Why not the median.* A week that is odd lies across two of the four weeks before, and moves their
median: even free of chance, replies are then 0.73 and follows 1.18 times the usual, though nothing
is the matter. The second lowest and the second highest stay where they are.

*Why a slow decline is for the ticket.* It never has a bad week: even free of chance, 7 days never
differ enough from the four weeks before, which decline with them. 28 days do, by a hair: follows
are at most 1.34 times those of the 28 days before."""

_METHOD = f"""\
- Each world is one account. Many share an installation, as in life; one whose source fails has one
  of its own, so that what it does not deliver is missing from a whole topic. Where several sources
  share a topic, the loss of one still looks like people falling silent; that was not measured.
- Its events go through the core as in a worker with `clock=wall`, and each census is what
  Prometheus would have scraped. `tests/alerts/test_quality.py` holds these series to the pages that
  a worker serves.
- A Prometheus evaluates the shipped recording rules over them, level by level, each as a range
  query that sees what those below it recorded. An alert fires when its expression held at each
  evaluation for as long as its `for`, and until it did not for as long as its `keep_firing_for`.
  The same test holds this to `promtool test rules`.
- Scrapes and evaluations are hours apart, not a minute: an alert that waits two hours is seen after
  three, delays are exact to that, and a moment between two evaluations at which a condition did not
  hold is not seen.
- A world is watched from its day {WATCHED_FROM}, when there is something to compare with, to its
  end. What fires before a label that says "diverges" begins is false, and so is all that fires in a
  world without one. An alert that ends and fires again counts again.
- Invented people are invented: their weeks vary by chance, by weekday and by mood, and not by all
  that the world has in store."""


def _run(outcomes: Sequence[Outcome], step: int, planned: int) -> str:
    version = _version("prometheus")
    each = Counter(outcome.trial.scenario for outcome in outcomes).values()
    calm = sum(facts(outcome.trial)[1] for outcome in outcomes) / 365.25
    each_has = f"{min(each)} to {max(each)} of a scenario"
    where = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    return (
        f"```sh\nmake alert-quality\n```\n\n"
        f"{len(outcomes)} of {planned} worlds, {each_has}, seeds from 1; "
        f"{calm:.0f} account-years in which nothing diverges. Evaluated every {step} hours by "
        f"Prometheus {version}, on {where}."
    )


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version (\d+\.\d+\.\d+)", done.stdout + done.stderr)
    return found[1] if found else "?"


def _aims(outcomes: Sequence[Outcome]) -> Iterator[str]:
    healthy = _healthy(outcomes)
    rows = [["aim, from 200 replies a week on", "measured", ""]]
    for scenario in DIVERGING:
        one = score(_of(healthy, scenario), (PAGE, TICKET))
        rows.append(
            [
                f"{scenario}: {RECALL:.0%} found within {SOON_HOURS} hours of showing",
                f"{_part(one.soon, one.diverging)}; in the end {_part(one.found, one.diverging)}",
                "met" if one.recall >= RECALL else "**missed**",
            ]
        )
    page = score(healthy, [PAGE])
    rows.append(
        [
            f"at most {FALSE_A_YEAR:g} page per account-year for nothing",
            f"{page.false_a_year:.2f} ({page.false} in {page.years:.0f} years)",
            "met" if page.false_a_year <= FALSE_A_YEAR else "**missed**",
        ]
    )
    yield _table(rows)


def _found(outcomes: Sequence[Outcome]) -> list[list[str]]:
    rows = [
        [
            "scenario",
            "interactions a week",
            "replies",
            "worlds",
            "found",
            "by the page",
            "in a day",
            "hours since it shows: median, p90",
            "since the label",
        ]
    ]
    for scenario in DIVERGING:
        for weekly in _sizes(outcomes):
            some = [one for one in _of(outcomes, scenario) if one.trial.weekly == weekly]
            if not some:
                continue
            either, page = score(some, (PAGE, TICKET)), score(some, [PAGE])
            rows.append(
                [
                    scenario,
                    f"{weekly:,}",
                    f"{_replies(some[0]):,.0f}",
                    str(either.diverging),
                    _part(either.found, either.diverging),
                    _part(page.found, page.diverging),
                    _part(either.soon, either.diverging),
                    _hours(either.delays),
                    _hours(either.since_label),
                ]
            )
    return rows


def _calm(outcomes: Sequence[Outcome]) -> list[list[str]]:
    rows = [
        [
            "scenario",
            "pages in years, below 200 replies a week",
            "pages in years, from 200 on",
            "tickets below",
            "tickets from 200 on",
        ]
    ]
    for scenario in (*SCENARIOS, ""):
        counted = [
            score(_of(some, scenario) if scenario else some, [alert])
            for alert in (PAGE, TICKET)
            for some in (_small(outcomes), _healthy(outcomes))
        ]
        words = [f"{one.false} in {one.years:.1f}" for one in counted]
        name = f"{scenario}, before" if scenario in DIVERGING else scenario
        if not scenario:
            name = "**all, per account-year**"
            words = [f"**{one.false_a_year:.2f}**" if one.years else "" for one in counted]
        rows.append([name, *words])
    return rows


def _precision(outcomes: Sequence[Outcome]) -> list[list[str]]:
    rows = [["interactions a week", "worlds", "page", "ticket"]]
    for weekly in _sizes(outcomes):
        some = [one for one in outcomes if one.trial.weekly == weekly]
        scores = [score(some, [alert]) for alert in (PAGE, TICKET)]
        rows.append([f"{weekly:,}", str(len(some)), *(_precise(one) for one in scores)])
    return rows


def _precise(one: Score) -> str:
    if one.precision is None:
        return "never fired"
    return f"{one.precision:.0%} of {one.found + one.false}"


def _told(outcomes: Sequence[Outcome]) -> list[list[str]]:
    rows = [["scenario", *MEANT]]
    for scenario in SCENARIOS:
        some = _of(_healthy(outcomes), scenario)
        row = [scenario]
        for alert in MEANT:
            one = tell(some, alert)
            found = f"told {_part(one.found, one.meant)}; " if one.meant else ""
            row.append(f"{found}false {one.false} in {one.years:.1f}")
        rows.append(row)
    for name, some in (
        ("**false per account-year, from 200 replies a week on**", _healthy(outcomes)),
        ("**below**", _small(outcomes)),
    ):
        rates = [tell(some, alert) for alert in MEANT]
        rows.append([name, *(f"**{one.false / one.years:.2f}**" for one in rates)])
    return rows


def _trades(outcomes: Sequence[Outcome]) -> list[list[str]]:
    healthy = _healthy(outcomes)
    rows = [
        [
            "page",
            "ticket",
            "against",
            "held",
            "settled",
            *(f"{scenario} in a day" for scenario in DIVERGING),
            "begging, hours: median, p90",
            "false pages per year",
            "false tickets",
        ]
    ]
    shipped, *_ = CHOICES
    for choice in CHOICES:
        names = [choice.named(alert) for alert in (PAGE, TICKET)]
        found = [score(_of(healthy, scenario), names) for scenario in DIVERGING]
        false = [score(healthy, [name]).false_a_year for name in names]
        mark = "**" if choice is shipped else ""
        rows.append(
            [
                *(f"{mark}{cell}{mark}" for cell in _choice(choice)),
                *(_part(one.soon, one.diverging) for one in found),
                _hours(found[0].delays),
                *(f"{number:.2f}" for number in false),
            ]
        )
    return rows


def _choice(choice: Choice) -> list[str]:
    weeks = "the median" if choice.median else "the second"
    limits = [_numbers(one) for one in (choice.page, choice.ticket)]
    return [*limits, weeks, choice.hold, choice.settle or "0h"]


def _numbers(limits: Divergence) -> str:
    return f"{limits.replies_below:g}, {limits.follows_above:g}, {limits.roots:g}"


def _replies(outcome: Outcome) -> float:
    return outcome.trial.weekly * STORIES[outcome.trial.scenario].habits.replies


def _healthy(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if round(_replies(outcome)) >= HEALTHY]


def _small(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if round(_replies(outcome)) < HEALTHY]


def _of(outcomes: Iterable[Outcome], scenario: str) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.trial.scenario == scenario]


def _sizes(outcomes: Iterable[Outcome]) -> list[int]:
    return sorted({outcome.trial.weekly for outcome in outcomes})


def _part(some: int, of: int) -> str:
    return f"{some / of:.0%} ({some} of {of})" if of else ""


def _hours(values: Sequence[float]) -> str:
    return f"{round(quantile(values, 0.5))}, {round(quantile(values, 0.9))}" if values else ""


def _table(rows: Iterable[Sequence[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _wrapped(part: str) -> str:
    """Prose at the width of the other pages; headings, tables and code as they are."""
    return "\n\n".join(
        paragraph if paragraph.startswith(("#", "|", "`" * 3)) else _filled(paragraph)
        for paragraph in part.split("\n\n")
    )


def _filled(paragraph: str) -> str:
    begin, *items = f"\n{paragraph}".split("\n- ")
    marked = [f"- {item}" for item in items] if items else [begin]
    indent = "  " if items else ""
    return "\n".join(
        fill(
            " ".join(one.split()),
            100,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for one in marked
    )
