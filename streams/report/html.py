"""The report as one page that needs nothing else: no script, no font, no request."""

from __future__ import annotations

from typing import Final

from streams.core.words import visible
from streams.report import charts
from streams.report.document import (
    MEANINGS,
    NOBODY,
    Entry,
    Names,
    Report,
    in_short,
    names,
    newcomers,
    period,
    rows,
)
from streams.report.finding import Finding, Kind, ago, usual
from streams.report.markup import Markup, joined, tag
from streams.report.style import CSS

MOST: Final = 20
"""Accounts on a page in full; the others are a line each."""

# The page may load nothing, whatever a stranger's id contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(report: Report) -> str:
    """Write the page."""
    shown_in_full = report.entries[:MOST]
    title = f"Connecting or merely growing? {period(report.clock)}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="referrer", content="no-referrer"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Markup(CSS)),
    )
    body = tag(
        "body",
        tag(
            "header",
            tag("h1", "Connecting or merely growing?"),
            tag("p", f"{period(report.clock)}, beside the 7 days before."),
        ),
        tag(
            "main",
            _overview(report),
            *(_account(number, entry) for number, entry in enumerate(shown_in_full, 1)),
        ),
        tag(
            "footer",
            tag("dl", *(tag("div", tag("dt", word), tag("dd", is_)) for word, is_ in MEANINGS)),
        ),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _tone(finding: Finding) -> str:
    if finding.kind.alarming:
        return "alarming"
    return "good" if finding.kind is Kind.CONNECTING else "calm"


def _mark(finding: Finding) -> str:
    # So that colour is not all that tells them apart.
    return {"alarming": "▲", "good": "●", "calm": "○"}[_tone(finding)]


def _overview(report: Report) -> Markup:
    lines = []
    for number, (name, facts, finding) in enumerate(report.entries, 1):
        line = joined(
            tag("b", tag("bdi", visible(name))),
            tag("span", f"{_mark(finding)} {finding.headline}", class_="kind"),
            tag("span", _signed(in_short(facts)), class_="soft"),
        )
        line = tag("a", line, href=f"#account-{number}" if number <= MOST else None)
        lines.append(tag("li", line, class_=_tone(finding)))
    others = None
    if report.others:
        others = tag("p", _others(report.others), class_="soft")
    elif not lines:
        others = tag("p", NOBODY, class_="soft")
    if len(lines) < 2 and others is None:
        return Markup()
    listed = tag("ul", *lines) if len(lines) > 1 else None
    return tag("nav", listed, others, class_="card all", aria_label="Accounts")


def _others(n: int) -> str:
    return f"{n:,} other {'account is' if n == 1 else 'accounts are'} not part of this report."


def _signed(change: str) -> str:
    return change.replace("-", "−")  # noqa: RUF001  as wide as a plus


def _account(number: int, entry: Entry) -> Markup:
    name, facts, finding = entry
    id = None if name == facts.account else tag("small", " ", tag("bdi", visible(facts.account)))
    to_answer, *others = (_people(found, facts.account) for found in names(facts))
    return tag(
        "section",
        tag("h2", tag("bdi", visible(name)), id, id=f"account-{number}-name"),
        tag(
            "div",
            tag("h3", f"{_mark(finding)} {finding.headline}"),
            tag("p", finding.sentence),
            class_="finding",
        ),
        _charts(number, entry),
        to_answer,
        tag("div", *others, class_="pairs"),
        tag(
            "div", tag("h4", "Do new followers talk?"), tag("p", newcomers(facts)), class_="people"
        ),
        _numbers(entry),
        class_=f"card {_tone(finding)}",
        id=f"account-{number}",
        aria_labelledby=f"account-{number}-name",
    )


def _charts(number: int, entry: Entry) -> Markup:
    """Growth on the left, talk on the right: what happened by week, and what came of it."""
    facts = entry.facts
    drawn = []
    for tone, title, what in (
        ("grow", "New follows a week", "follows"),
        ("talk", "Replies to you a week", "replies"),
    ):
        weeks, known = facts.by_week(what), usual(facts, what) if facts.before else None
        beside = "" if known is None else f"{known:,} in a usual week"
        chart = charts.bars(f"chart-{number}-{what}", title, weeks, known)
        drawn.append(_figure(tone, title, weeks[-1], beside, chart))
    for tone, title, what in (
        ("grow", "Followers", "followers"),
        ("talk", "Connections", "connections"),
    ):
        weeks = tuple(getattr(week, what) for week in facts.weeks)
        beside = f"{weeks[0]:,} {ago(facts)}" if len(weeks) > 1 else ""
        chart = charts.line(f"chart-{number}-{what}", title, weeks)
        drawn.append(_figure(tone, title, weeks[-1], beside, chart))
    return tag("div", *drawn, class_="charts")


def _figure(tone: str, title: str, n: int, beside: str, chart: Markup) -> Markup:
    return tag(
        "figure",
        tag("figcaption", title),
        tag("div", f"{n:,}", class_="big"),
        tag("div", beside, class_="soft"),
        chart,
        class_=tone,
    )


def _people(found: Names, account: str) -> Markup:
    title = tag(
        "h4", found.title, " ", tag("span", f"{found.total:,}" if found.total else "nobody")
    )
    if not found.total:
        return tag("div", title, class_="people")
    listed = tag(
        "ol",
        *(
            tag("li", tag("b", tag("bdi", visible(person.member))), tag("span", person.why))
            for person in found.people
        ),
    )
    rest = None
    if found.rest:
        rest = tag("p", f"and {found.rest:,} more", class_="soft")
        if found.option:
            command = found.command(account)
            rest = tag("p", f"and {found.rest:,} more: ", tag("code", command), class_="soft")
    return tag("div", title, listed, rest, class_="people")


def _numbers(entry: Entry) -> Markup:
    head = ("", "This week", "Week before", "Change")
    trend = f"{len(entry.facts.weeks)} weeks"
    return tag(
        "table",
        tag("caption", "All numbers"),
        tag(
            "thead",
            tag(
                "tr",
                *(tag("th", title or "What", scope="col") for title in head),
                tag("th", trend, scope="col", class_="trend"),
            ),
        ),
        tag(
            "tbody",
            *(
                tag(
                    "tr",
                    tag("th", row.label, scope="row"),
                    tag("td", row.now),
                    tag("td", row.before or "unknown"),
                    tag("td", _signed(row.change)),
                    tag("td", charts.spark(row.weeks), class_="trend"),
                )
                for row in rows(entry.facts)
            ),
        ),
        class_="numbers",
    )
