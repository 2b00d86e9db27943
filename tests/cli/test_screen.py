"""The terminal: readable at any width, without colour, and in any encoding."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from streams.cli.screen import console, glyphs, print_table, sparkline

FINE = glyphs(io.TextIOWrapper(io.BytesIO(), "utf-8"))
PLAIN = glyphs(io.TextIOWrapper(io.BytesIO(), "ascii"))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "koi8-r", "cp437"])
def test_glyphs_can_be_written_in_the_encoding(encoding: str) -> None:
    """All of them, or their stand-ins."""
    found = glyphs(io.TextIOWrapper(io.BytesIO(), encoding))
    assert "".join(found).encode(encoding)


def test_stand_ins_are_ascii_and_ramps_equally_long() -> None:
    """A picture keeps its shape."""
    assert "".join(PLAIN).isascii()
    assert not "".join(FINE).isascii()
    assert len(PLAIN.ramp) == len(FINE.ramp)
    assert len(set(PLAIN.ramp)) == len(PLAIN.ramp)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([0], "▁"),
        ([0, 0, 0], "▁▁▁"),  # nothing ever
        ([5, 5], "██"),  # constant: in proportion to the greatest, which each is
        ([0, 7, 14], "▁▅█"),
        ([0, 1, 1000], "▁▂█"),  # one is not none
        ([None, 3, None], " █ "),
        ([None], " "),
        ([-2, 2], "▁█"),
        ([0.1, 0.2, 0.7], "▂▃█"),
    ],
)
def test_sparkline(values: list[float | None], expected: str) -> None:
    """One bar per value."""
    assert sparkline(values, FINE) == expected


def test_a_sparkline_may_start_at_another_floor() -> None:
    """A thousand followers and ten more are a flat line above zero."""
    assert sparkline([1000, 1005, 1010], FINE) == "███"
    assert sparkline([1000, 1005, 1010], FINE, floor=1000) == "▁▅█"
    assert sparkline([7, 7], FINE, floor=7) == "▁▁"


@pytest.mark.parametrize(
    ("environment", "colour"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colour_only_where_it_is_wanted(
    environment: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal that has not said no."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", terminal)
    screen = console()
    screen.print("text", style="red")
    assert ("\x1b[31m" in terminal.getvalue()) is colour
    assert screen.is_interactive is (environment["TERM"] != "dumb")


def test_a_pipe_has_80_columns_and_no_colour_and_markup_is_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member may be called [red]."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: (0, 0))
    screen = console()
    assert screen.width == 80
    screen.print("[red]:cat:[/red]", style="red")
    assert capsys.readouterr().out == "[red]:cat:[/red]\n"


def test_a_table_is_aligned_by_what_a_terminal_shows(capsys: pytest.CaptureFixture[str]) -> None:
    """Two columns for a Chinese character; numbers to the right."""
    print_table(("Who", "n", "Why"), ("日本語", "7", "x"), ("ada", "1,000", "y"), right=[1])
    assert capsys.readouterr().out.splitlines() == [
        "Who         n  Why",
        "日本語      7  x",
        "ada     1,000  y",
    ]


def test_a_table_wraps_its_last_column_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Below itself, between words; what is no terminal gets a line for each row."""
    rows = [("Reason", "Meaning"), ("not_json", "the value is no JSON document at all")]
    print_table(*rows, width=32)
    assert capsys.readouterr().out.splitlines() == [
        "Reason    Meaning",
        "not_json  the value is no JSON",
        "          document at all",
    ]
    print_table(*rows)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_numbers_in_the_last_column_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """To the right, like any others."""
    print_table(("What", "n"), ("a", "10"), ("b", "1,000"), right=[1], width=30)
    assert capsys.readouterr().out.splitlines() == ["What      n", "a        10", "b     1,000"]


@pytest.mark.parametrize("arguments", [["日本語"], ["export", "--stage", "日本語"], ["--help"]])
def test_every_command_prints_so(arguments: list[str]) -> None:
    """The error that names a stranger's id, and help: on a terminal that only knows ASCII."""
    done = subprocess.run(
        [sys.executable, "-m", "streams", *arguments],
        env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout + done.stderr).isascii()
    assert b"Traceback" not in done.stderr
    assert arguments == ["--help"] or b"\\u65e5\\u672c\\u8a9e" in done.stderr


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", "日本語 é … → \\udceb"),
        ("latin-1", "\\u65e5\\u672c\\u8a9e é ... -> \\udceb"),
        ("ascii", "\\u65e5\\u672c\\u8a9e \\xe9 ... -> \\udceb"),
    ],
)
@pytest.mark.parametrize("way", ["click.echo", "print", "console().print"])
def test_what_cannot_be_shown_is_spelt_out(encoding: str, expected: str, way: str) -> None:
    """Whoever prints it; the half of a character that a shell may pass on, too."""
    script = (
        "import click; from streams.cli.screen import console, spell_out; spell_out(); "
        f"spell_out(); {way}('日本語 é … → \\udceb')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.decode(encoding).splitlines() == [expected]
    assert done.stderr == b""
