"""Text, page and message: the same numbers, nothing of a stranger's that acts, within limits."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest

from streams.report import Report, compose, facts
from streams.report.document import in_short, names, newcomers, percent, points, rows
from streams.report.html import page
from streams.report.slack import BLOCKS, payload
from streams.report.text import text
from tests.people.worlds import NOW, after, changelog_after, events

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img/src=//evil.example/x.png>",
    "</style></title></svg><svg/onload=alert(1)>",
    "&lt;b&gt;&amp;",
    "<!channel>",
    "<https://evil.example|click>",
    "`code`*bold*_italic_~gone~",
    "https://evil.example/",
    "javascript:alert(1)",
    "{{7*7}}${HOME}%s",
    "\u202egnp.exe",
    "\u200bnobody",
    "a" * 256,
    "&" * 256,
)


def as_text(report: Report) -> str:
    return text(report, lambda weeks: "#" * len(weeks))


def as_message(report: Report) -> str:
    return json.dumps(payload(report), ensure_ascii=False)


class Parsed(HTMLParser):
    """A page, read as strictly as a browser never would."""

    VOID = ("meta", "link", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def numbers(said: str) -> str:
    """A text with one spelling of minus, and with nothing escaped for Slack."""
    said = said.replace("−", "-").replace("&lt;", "<").replace("&gt;", ">")  # noqa: RUF001
    return re.sub(r"\s+", " ", said.replace("&amp;", "&"))


def hostile_report() -> Report:
    told = [
        event
        for account in HOSTILE[:3]
        for member in HOSTILE
        for event in events(f"{member}: follow in 90h, 2 reply in 80h, like in 10h", account)
    ]
    changelog = changelog_after(told)
    return compose(facts(changelog), dict(zip(HOSTILE, reversed(HOSTILE), strict=True)), NOW, 2)


@pytest.fixture(scope="module")
def hostile() -> Report:
    return hostile_report()


def test_every_format_has_every_number_name_and_reason(demo_report: Report) -> None:
    """The same ones, for each of the four accounts."""
    words = " ".join(Parsed(page(demo_report)).words)
    said = numbers(words), numbers(as_text(demo_report)), numbers(message_text(demo_report))
    assert len(demo_report.entries) == 4
    for name, found, drawn in demo_report.entries:
        expected = [name, drawn.sentence, newcomers(found)]
        for row in rows(found):
            expected += [row.label, row.now, row.before]
            expected += [row.change] if row.change != "=" else []
        for listed in names(found):
            expected += [listed.title, f"{listed.total:,}" if listed.total else "nobody"]
            expected += [part for person in listed.people for part in (person.member, person.why)]
            expected += [f"and {listed.rest:,} more"] if listed.rest else []
        for each in said:
            assert [piece for piece in expected if numbers(piece) not in each] == []
        assert numbers(in_short(found)) in said[0]
        assert in_short(found) in said[1]


def message_text(report: Report) -> str:
    def texts(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("text"), str):
                yield value["text"]
            for inner in value.values():
                yield from texts(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from texts(inner)

    return "\n".join(texts(payload(report)["blocks"])).replace("*", "").replace("`", "")


@pytest.mark.parametrize("form", [as_text, page, as_message])
def test_the_same_tables_give_the_same_report(
    form: Callable[[Report], str], hostile: Report
) -> None:
    assert form(hostile) == form(hostile_report())


def test_a_page_asks_for_nothing_and_runs_nothing(hostile: Report, demo_report: Report) -> None:
    """No script, no source, no link but within the page; and the browser is told so too."""
    for report in (hostile, demo_report):
        html = page(report)
        parsed = Parsed(html)
        assert {tag for tag, _ in parsed.tags} <= {
            *("html", "head", "meta", "link", "title", "style", "body", "header", "h1", "h2"),
            *("h3", "h4", "p", "main", "nav", "ul", "ol", "li", "a", "b", "bdi", "span", "small"),
            *("section", "div", "figure", "figcaption", "svg", "desc", "rect", "line", "polyline"),
            *("circle", "table", "caption", "thead", "tbody", "tr", "th", "td", "footer", "dl"),
            *("dt", "dd", "code"),
        }
        attributes = {name for _, attrs in parsed.tags for name in attrs}
        assert not {name for name in attributes if name.startswith("on")} | attributes & {
            *("src", "srcset", "style", "xlink:href", "action")
        }
        links = {attrs["href"] for _, attrs in parsed.tags if "href" in attrs}
        assert {link for link in links if not re.fullmatch(r"#account-\d+", link or "")} == {
            "data:,"
        }
        policy = [meta.get("content") for meta in parsed.all("meta") if "http-equiv" in meta]
        assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
        assert "url(" not in html
        assert "@import" not in html


def test_strangers_are_shown_as_they_are_and_what_cannot_be_seen_is_spelt_out(
    hostile: Report,
) -> None:
    """Whole on the page, for a reader may want to look them up."""
    words = Parsed(page(hostile)).words
    told = {person.member for _, found, _ in hostile.entries for person in found.awaiting[:5]}
    assert told
    for member in told:
        spelt = member.replace("\u202e", "\\u202e").replace("\u200b", "\\u200b")
        assert spelt in words
    for form in (page, as_text, as_message):
        assert not re.search("[\u202e\u200b]", form(hostile))


def test_a_command_can_be_pasted_whatever_the_account_is_called(hostile: Report) -> None:
    """Its id is one word to a shell, or it would be somebody's to choose what runs."""
    for form in (as_text(hostile), "\n".join(Parsed(page(hostile)).words)):
        commands = re.findall(r"closeknit people --.*", form)
        assert commands
        for command in commands:
            *_, option, account = shlex.split(command)
            assert (option, account in HOSTILE) == ("--account", True)


def test_charts_and_tables_can_be_heard(demo_report: Report) -> None:
    """Each chart has a title and what it shows; each table says what its cells belong to."""
    parsed = Parsed(page(demo_report))
    ids = [attrs["id"] for _, attrs in parsed.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    charts = [svg for svg in parsed.all("svg") if svg.get("aria-hidden") != "true"]
    assert len(charts) == 4 * len(demo_report.entries)
    for svg in charts:
        assert svg["role"] == "img"
        assert set((svg["aria-labelledby"] or "").split()) <= set(ids)
    assert all(th.get("scope") in {"col", "row"} for th in parsed.all("th"))
    assert len(parsed.all("caption")) == len(parsed.all("table")) == len(demo_report.entries)
    assert parsed.all("html") == [{"lang": "en"}]
    peak = demo_report.entries[0].facts
    said = ", ".join(f"{n:,}" for n in peak.by_week("replies"))
    assert any(f"this one last: {said}." in words for words in parsed.words)


def test_a_message_stays_within_the_limits_of_slack(hostile: Report) -> None:
    """With many accounts of hostile names: 50 blocks, 3,000 characters, 150 in a header."""
    long = "".join(
        f"{'&' * 200}{n}: follow in 90h, reply in 300h, reply in 80h, reply out 70h, reply in 60h\n"
        for n in range(9)
    )
    (wordy,) = facts(after(long))
    assert len(wordy.awaiting) == len(wordy.promising) == len(wordy.became) == 9
    many = compose(
        [wordy._replace(account=f"{'&' * 200}{n}") for n in range(40)],
        {f"{'&' * 200}{n}": "<" * 300 for n in range(40)},
        NOW,
        3,
    )
    for report in (hostile, many, compose([], {}, NOW)):
        sent = payload(report)
        assert 1 <= len(sent["blocks"]) <= BLOCKS
        assert 0 < len(sent["text"]) < 4000
        for block in sent["blocks"]:
            kind = block["type"]
            assert kind in {"context", "divider", "header", "section"}
            if kind == "section":
                assert 0 < len(block["text"]["text"]) <= 3000
                assert block["text"]["verbatim"] is True
            if kind == "header":
                assert len(block["text"]["text"]) <= 150
    left_out = [block for block in payload(many)["blocks"] if block["type"] == "context"]
    assert "more, which need attention less" in left_out[1]["elements"][0]["text"]


def test_nothing_of_a_stranger_acts_in_slack(hostile: Report) -> None:
    """No mention, no link, no style: what Slack acts upon is escaped, the rest stands in code."""
    for block in payload(hostile)["blocks"]:
        if block["type"] == "section":
            said = block["text"]["text"]
            assert not re.search("[<>]|&(?!amp;|lt;|gt;)", said)
            outside = re.sub(r"`[^`\n]*`", "", said)
            assert "evil" not in outside
            assert "`" not in outside


def test_text_keeps_to_its_width(demo_report: Report) -> None:
    """80 columns, whatever is in it."""
    assert max(map(len, as_text(demo_report).splitlines())) <= 80


def test_one_account_needs_no_overview(demo_report: Report) -> None:
    """The finding is the first thing that it says."""
    one = demo_report._replace(entries=demo_report.entries[:1])
    assert as_text(one).splitlines()[3] == "Peak Sneakers (peak-sneakers)"
    assert as_text(one).splitlines()[5].startswith("Growing, not connecting: ")
    assert Parsed(page(one)).all("nav") == []


def test_of_many_accounts_the_first_are_told_in_full(demo_report: Report) -> None:
    """Every one is there in short, in the same order."""
    entry = demo_report.entries[0]
    many = demo_report._replace(entries=(entry,) * 30, others=7)
    assert as_text(many).count("Growing, not connecting: ") == 20
    assert as_text(many).count("! Peak Sneakers: growing, not connecting") == 30
    assert "10 more, in short above" in as_text(many)
    assert "7 other accounts are not part of this report" in as_text(many)
    parsed = Parsed(page(many))
    assert (len(parsed.all("section")), len(parsed.all("li")) >= 30) == (20, True)
    assert "7 other accounts are not part of this report." in parsed.words


def test_of_nothing_every_format_says_so() -> None:
    """No account at all, and one of which nothing is known."""
    nothing = compose([], {}, NOW)
    assert "No account is known yet." in as_text(nothing)
    assert "No account is known yet." in Parsed(page(nothing)).words
    assert "No account is known yet." in as_message(nothing)
    unknown = compose(facts(after(""), accounts=["acme"]), {"acme": "Acme"}, NOW)
    for form in (as_text, page, as_message):
        assert "nothing is known of this account yet." in form(unknown)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (0.0, "0%"),
        (0.0001, "<1%"),
        (0.005, "<1%"),
        (0.5, "50%"),
        (0.9949, "99%"),
        (0.995, ">99%"),
        (0.999, ">99%"),
        (1.0, "100%"),
    ],
)
def test_a_share_is_none_or_all_only_if_it_is(part: float, said: str) -> None:
    assert percent(part) == said


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (0.78, 0.72, "+6 pts"),
        (0.45, 0.46, "-1 pt"),
        (0.452, 0.454, "="),  # both are shown as 45%
        (0.001, 0.0, "+<1 pt"),  # <1%, and 0%
        (0.999, 1.0, "-<1 pt"),  # >99%, and 100%
        (0.5, None, ""),  # there was nobody to have a share
    ],
)
def test_shares_that_are_shown_as_two_are_not_called_the_same(
    now: float, before: float | None, said: str
) -> None:
    assert points(now, before) == said
