"""`closeknit report`: made for cron, on a world with known answers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli.report import _sparkline
from streams.cli.screen import Glyphs
from tests.cli.conftest import Closeknit
from tests.cli.kafka import write_down
from tests.conftest import Broker
from tests.people.worlds import events

ACME = """
ada: seeded in 1000h, 3 reply in 200h, reply out 190h, reply in 100h, reply out 90h
ben: reply in 300h, reply in 5h
<b>&amp;: like in 400h, reply in 30h
"""
LOOK = Glyphs("_123", "#", " ", "-", "*", "->", "^", "v", "=", "...", "x")


@pytest.fixture(scope="module")
def written(embedded_broker: Broker) -> dict[str, str]:
    """Settings for a changelog that has the world in it."""
    return write_down(
        embedded_broker, "report", [*events(ACME), *events("zoe: like in 30h", "other")]
    )


def test_the_report_and_nothing_else_is_printed(on_world: Closeknit) -> None:
    """The same each time; `--week` is what it does anyway."""
    done = on_world("report")
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "The 7 days to 20 March 2026, 10:59 UTC, beside the 7 days before"
    assert "Waiting for your answer, the longest first: 2" in lines
    assert "Became a connection this week: 1" in lines
    assert max(map(len, lines)) <= 80
    assert on_world("report", "--week").stdout == done.stdout


def test_accounts_go_by_their_names_and_ignored_members_by_none(
    on_world: Closeknit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the accounts file are told of, the others counted; any can be asked for."""
    (tmp_path / "accounts.csv").write_text("id,name\nacme,Acme & Sons\nnew,Newcomer\n")
    (tmp_path / "ignored.txt").write_text("ben\n")
    monkeypatch.setenv("CLOSEKNIT_ACCOUNTS", str(tmp_path / "accounts.csv"))
    monkeypatch.setenv("CLOSEKNIT_IGNORE", str(tmp_path / "ignored.txt"))
    told = on_world("report").stdout
    assert "Acme & Sons (acme)" in told
    assert "Newcomer (new)" in told
    assert "1 other account is not part of this report." in told
    assert "ben:" not in told
    assert "<b>&amp;: waiting 30 h" in told
    other = on_world("report", "--account", "other").stdout
    assert "Acme" not in other
    assert "not part of this report" not in other


def test_a_page_and_a_message_are_utf8_whatever_the_terminal_speaks(
    on_world: Closeknit, written: dict[str, str]
) -> None:
    """Cron has no locale."""
    html = on_world("report", "--format", "html").stdout_bytes.decode("utf-8")
    assert html.startswith("<!doctype html>")
    assert "&lt;b&gt;&amp;amp;" in html
    done = subprocess.run(
        [sys.executable, "-m", "streams", "report", "--format", "slack"],
        env={**written, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PATH": ""},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == b""
    assert {"text", "blocks"} <= json.loads(done.stdout.decode("utf-8")).keys()


def test_a_file_is_replaced_as_a_whole(on_world: Closeknit, tmp_path: Path) -> None:
    """Nothing is printed then, and nothing is left beside it."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "index.html").write_text("the old one")
    done = on_world("report", "--format", "html", "--output", "site/index.html")
    assert (done.stdout, done.stderr) == ("", "")
    assert (folder / "index.html").read_bytes() == on_world(
        "report", "--format", "html"
    ).stdout_bytes
    assert [path.name for path in folder.iterdir()] == ["index.html"]
    assert on_world("report", "--output", "-").stdout == on_world("report").stdout


def test_a_link_to_a_file_goes_on_to_lead_there(on_world: Closeknit, tmp_path: Path) -> None:
    """Whoever links the page to somewhere else wants it there."""
    (tmp_path / "here.txt").symlink_to(tmp_path / "there.txt")
    on_world("report", "--output", "here.txt")
    assert (tmp_path / "here.txt").is_symlink()
    assert (tmp_path / "there.txt").read_text().startswith("The 7 days to")


def test_an_account_that_nobody_knows_is_an_error(on_world: Closeknit) -> None:
    """A slip in a crontab must not report on nothing for years."""
    done = on_world("report", "--account", "acne", expect=3)
    assert done.stdout == ""
    assert "no account acne is known: did you mean acme?" in done.stderr


def test_before_anything_is_written_down_there_is_no_report(
    closeknit: Closeknit, written: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, so that nothing is posted."""
    for name, value in written.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLOSEKNIT_APP", f"{written['CLOSEKNIT_APP']}-empty")
    closeknit("topics", "create")
    done = closeknit("report", "--format", "slack", expect=1)
    assert done.stdout == ""
    assert "Nothing was written down yet" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "pdf"],
        ["--account", "zo\udceb"],
        ["--output", "."],
        ["--output", "nowhere/report.txt"],
    ],
)
def test_a_wrong_choice_is_refused_before_reading(
    arguments: list[str], closeknit: Closeknit
) -> None:
    closeknit("report", *arguments, expect=2)


def test_a_number_that_changes_little_is_drawn_from_its_least() -> None:
    """And others from nothing; what is not known is a gap."""
    assert _sparkline([100, 101, 103], LOOK) == "_13"
    assert _sparkline([0, 1, None, 3], LOOK) == "_1 3"
    assert _sparkline([None], LOOK) == " "
