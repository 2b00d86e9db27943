"""The report as a message for an incoming webhook of Slack (Block Kit), within its limits.

A message has at most 50 blocks, a text of a section 3,000 characters, a header 150. Ids of
strangers stand in code, escaped, and nothing in them becomes a link, a mention or a style.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from streams.core.words import visible
from streams.report.document import (
    NOBODY,
    Entry,
    Names,
    Report,
    Row,
    names,
    newcomers,
    period,
    rows,
)
from streams.report.finding import Kind

BLOCKS: Final = 50
_SECTION: Final = 3000
_HEADER: Final = 150
_ID: Final = 60
"""Characters of an id; a longer one is cut short."""

Block = dict[str, Any]


def payload(report: Report) -> dict[str, Any]:
    """Return what to post as JSON."""
    title = f"{period(report.clock)}, beside the 7 days before"
    blocks = [_context(title)]
    told = 0
    for entry in report.entries:
        found = list(_account(entry))
        if len(blocks) + len(found) + 2 > BLOCKS:  # what is left out has to be said too
            break
        blocks += found
        told += 1
    if not report.entries:
        blocks.append(_context(NOBODY))
    if left := len(report.entries) - told:
        blocks.append(_context(f"{left:,} more, which need attention less."))
    if report.others:
        blocks.append(_context(f"{report.others:,} more in the tables, not part of this report."))
    # What a notification shows.
    summary = "; ".join(
        f"{_cut(visible(entry.name), _ID)}: {entry.finding.kind}" for entry in report.entries[:5]
    )
    return {"text": _escape(summary or title), "blocks": blocks, "unfurl_links": False}


def _account(entry: Entry) -> Iterator[Block]:
    name, facts, finding = entry
    mark = "▲" if finding.kind.alarming else "●" if finding.kind is Kind.CONNECTING else "○"
    heading = f"{mark} {_cut(visible(name), _ID)}: {finding.kind}"
    yield {"type": "divider"}
    yield {"type": "header", "text": _plain(_cut(heading, _HEADER))}
    said = [_escape(finding.sentence)]
    if name != facts.account:
        said.append(_id(facts.account))
    yield from _sections(said)
    lists = [line for found in names(facts) for line in _people(found)]
    yield from _sections([*lists, "", _escape(newcomers(facts))])
    yield from _sections(_number(row) for row in rows(facts))


def _people(found: Names) -> Iterator[str]:
    yield f"*{found.title}*: {f'{found.total:,}' if found.total else 'nobody'}"
    for person in found.people:
        yield f"• {_id(person.member)} {_escape(person.why)}"
    if found.rest:
        yield f"and {found.rest:,} more"


def _number(row: Row) -> str:
    if not row.before:
        return f"{row.label}: *{row.now}*"
    change = "as before" if row.change == "=" else row.change
    return f"{row.label}: *{row.now}*, {row.before} the week before" + (
        f" ({change})" if change else ""
    )


def _sections(lines: Iterable[str]) -> Iterator[Block]:
    """As few sections as the lines fit into; each line is shorter than one."""
    text = ""
    for line in lines:
        if len(text) + len(line) + 1 > _SECTION:
            yield _section(text)
            text = ""
        text = f"{text}\n{line}" if text else line
    yield _section(text)


def _section(text: str) -> Block:
    # Verbatim: Slack makes no link of what looks like one, nor a mention.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_plain(text)]}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _id(id: str) -> str:
    # Nothing is styled within code; a backtick would end it.
    return f"`{_escape(_cut(visible(id), _ID).replace('`', 'ˋ'))}`"  # noqa: RUF001


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
