"""What the pages say is so: every name in them is one that the code has."""

import re
from typing import Any

import pytest

from schemas.events import Reason
from streams.alerting.build import groups
from streams.alerting.rules import Alert
from streams.alerting.thresholds import DEFAULTS
from streams.core.partition import Outcome
from streams.core.relationship import Stage
from streams.core.series import FAMILIES
from streams.table import halt
from streams.transport import ChunkConsumer, ChunkSchema, TakeoverManager
from streams.transport.consumer import ConsumerThread, Producer
from streams.transport.rebalance import Takeover
from tests.docs.checks import (
    CHECKS,
    RECORDED,
    WIDTH,
    Check,
    dead_links,
    long_lines,
    missing_code,
    names,
    unknown_commands,
    unknown_metrics,
    unknown_targets,
    unknown_variables,
)
from tests.docs.pages import PAGES, REPOSITORY, Page

PARTS_OF_A_RUNBOOK = [
    "What it means",
    "How it was computed",
    "What to look at first",
    "What to do",
    "How to tune it",
]


def test_no_page_is_left_out() -> None:
    written = {f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("*.md")}
    assert written <= set(PAGES)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_only_what_there_is(path: str, check: Check) -> None:
    """Files, tests, links, variables, metrics, commands, options: see `checks`."""
    assert check(Page.read(path)) == []


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (long_lines, "word " * (WIDTH // 5 + 1)),
        (dead_links, "[here](docs/nowhere.md)"),
        (dead_links, "[here](docs/glossary.md#no-such-heading)"),
        (missing_code, "`streams/nowhere.py`"),
        (missing_code, "`streams/app.py::no_such_function`"),
        (missing_code, "`streams/table/lease.py::Lease.no_such_method`"),
        (missing_code, "`tests/docs/test_docs.py::test_that_nobody_wrote`"),
        (unknown_variables, "`CLOSEKNIT_NO_SUCH_SETTING`"),
        (unknown_variables, "```sh\nexport CLOSEKNIT_BROKERS=x\n```"),
        (unknown_metrics, '```text\ncloseknit_members{account="a"} 1\n```'),
        (unknown_metrics, "`account:closeknit_members:sum`"),
        (unknown_metrics, "`account:closeknit_followers:max`"),
        (unknown_commands, "`closeknit friends`"),
        (unknown_commands, "`closeknit topics delete`"),
        (unknown_commands, "`closeknit topics create|delete`"),
        (unknown_commands, "`closeknit export --as-off`"),
        (unknown_commands, "```sh\ncat x | closeknit import -\n```"),
        (unknown_commands, "`--no-such-option`"),
        (unknown_targets, "`make tea`"),
    ],
)
def test_each_check_notices_what_is_wrong(check: Check, text: str) -> None:
    """A check that has never refused anything proves nothing."""
    assert len(check(Page("README.md", text))) == 1


def test_each_invariant_says_why_and_where_and_names_its_test() -> None:
    sections = Page.read("docs/invariants.md").sections(3)
    assert len(sections) > 20
    for title, text in sections.items():
        where = text.partition("- **Where:**")[2].partition("- **Test:**")[0]
        test = text.partition("- **Test:**")[2]
        assert "- **Why:** " in text, title
        assert "`streams/" in where or "`schemas/" in where, title
        assert "::test_" in test, title


def test_each_promise_names_the_test_that_backs_it_and_each_fault_test_backs_one() -> None:
    promised = Page.read("docs/reliability.md").sections(2)["What is promised"]
    promises = Page("", promised).sections(3)
    assert len(promises) > 10
    for title, text in promises.items():
        assert "::test_" in text.partition("- **Test:**")[2], title
    backed = set(re.findall(r"tests/faults/test_\w+\.py::(test_\w+)", promised))
    files = set((REPOSITORY / "tests" / "faults").glob("test_*.py"))
    files -= {REPOSITORY / "tests" / "faults" / "test_audit.py"}  # of what tests the others
    written = {name for file in files for name in names(file) if name.startswith("test_")}
    assert written - {"test_recorded_messages_survive_the_same"} == backed


@pytest.mark.parametrize("words", [Stage, Outcome, Reason])
def test_the_glossary_has_every_word_that_a_number_bears(words: Any) -> None:
    glossary = set(Page.read("docs/glossary.md").spans())
    assert {str(word) for word in words} <= glossary


def test_the_exit_codes_are_those_of_the_code_and_of_the_unit_file() -> None:
    """Each `Halt` has its row, and systemd stops where a restart is of no use."""
    page = Page.read("docs/operations.md")
    text = page.sections(2)["Exit codes of a worker"]
    rows = re.findall(r"^\| (\d+) \| (?:`(\w+)` )?\| (\S+) \|", text, re.MULTILINE)
    named = {name: int(code) for code, name, _ in rows if name}
    assert named == {one.__name__: one.code for one in halt.Halt.__subclasses__()}
    assert {int(code) for code, *_ in rows} - set(named.values()) == {0, 1, 2, 3}
    (prevented,) = re.findall(r"RestartPreventExitStatus=(.*)", page.text)
    assert prevented.split() == [code for code, _, again in rows if again == "no"]


def test_each_alert_has_a_runbook_where_its_link_leads_and_each_series_a_meaning() -> None:
    """What it means, how it was computed, what to look at first, what to do, how to tune it."""
    page = Page.read("docs/alerts.md")
    rules = [rule for group in groups(DEFAULTS) for rule in group.rules]
    alerts = {rule.alert: rule for rule in rules if isinstance(rule, Alert)}
    sections = page.sections(2)
    assert alerts.keys() <= sections.keys()
    for name, alert in alerts.items():
        path, _, anchor = alert.runbook_url.partition("#")
        assert (path, anchor in page.anchors()) == (page.path, True)
        parts = re.findall(r"\*\*(.+?)\.\*\*", sections[name])
        assert parts == PARTS_OF_A_RUNBOOK, name
    listed = Page("", sections["What is recorded"])
    series = set(re.findall(r"\b[a-z]+:\w+:\w+", listed.text))
    families = {f"account:{family}:sum" for family in FAMILIES}
    assert RECORDED - families <= series


def test_the_table_of_what_we_replace_in_faust_is_complete() -> None:
    """Each method that overrides one of Faust's, and no other."""
    ours = (ConsumerThread, ChunkConsumer, Producer, ChunkSchema, Takeover, TakeoverManager)
    replaced = {
        f"{cls.__name__}.{name}"
        for cls in ours
        for name, value in vars(cls).items()
        if (callable(value) or isinstance(value, property)) and not name.startswith("__")
        if hasattr(cls.__bases__[0], name)
    }
    section = Page.read("docs/architecture.md").sections(2)["What we replace in Faust 0.15.3"]
    rows = Page("", section).rows()[1:]
    assert {name.strip("`") for row in rows for name in row[0].split(", ")} == replaced
