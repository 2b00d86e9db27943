"""The terminal: how wide it is, whether it has colours, and which characters it can show.

Whatever it cannot show is spelt out by one rule, `spell_out`, set up once in `main`: so no id or
name of a stranger ends a command with an error, and no command needs to think of it.
"""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console

_NARROW = 20
"""Columns that a table's last column keeps, however narrow the terminal."""


class Glyphs(NamedTuple):
    """Characters beyond letters.

    Attributes:
        ramp: bars of a sparkline, from the lowest to the highest.
        bar: fills a bar.
        gap: stands in a sparkline for what is not known.
        dash: between numbers or parts of a sentence.
        bullet: before an item.
        arrow: from one thing to the next.
        up: more than before.
        down: less than before.
        flat: as before.
        ellipsis: something was left out.
        times: by how much.
    """

    ramp: str
    bar: str
    gap: str
    dash: str
    bullet: str
    arrow: str
    up: str
    down: str
    flat: str
    ellipsis: str
    times: str


_FINE = Glyphs("▁▂▃▄▅▆▇█", "█", " ", "–", "•", "→", "↑", "↓", "=", "…", "×")  # noqa: RUF001
_ASCII = Glyphs("_.:-=+*#", "#", " ", "-", "*", "->", "^", "v", "=", "...", "x")
_PLAIN = {
    **{fine: plain for fine, plain in zip(_FINE, _ASCII, strict=True) if len(fine) == 1},
    **dict(zip(_FINE.ramp, _ASCII.ramp, strict=True)),
    **{"—": "--", "‘": "'", "’": "'", "“": '"', "”": '"', "·": "-", "\u00a0": " "},  # noqa: RUF001
}


def glyphs(stream: TextIO | None = None) -> Glyphs:
    """Return what the stream's encoding can take (default: of standard output), or ASCII."""
    encoding = getattr(stream or sys.stdout, "encoding", None) or "ascii"
    try:
        "".join(_FINE).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _ASCII
    return _FINE


def sparkline(values: Sequence[float | None], look: Glyphs, floor: float = 0.0) -> str:
    """Return one bar per value, in proportion to the greatest.

    What is above the floor never looks like the floor, however little it is.

    Args:
        values: finite numbers; None is a gap.
        look: the bars, from `glyphs`.
        floor: what the lowest bar stands for. A large number that changes little, such as
            followers, wants its least value here.
    """
    top = max((value for value in values if value is not None), default=floor)
    steps = len(look.ramp) - 1

    def bar(value: float | None) -> str:
        if value is None:
            return look.gap
        if value <= floor:
            return look.ramp[0]
        return look.ramp[max(1, round((value - floor) / (top - floor) * steps))]

    return "".join(map(bar, values))


def console(*, stderr: bool = False) -> Console:
    """Return a console that prints text as it is: markup in a stranger's name means nothing.

    It obeys NO_COLOR and TERM=dumb, has no colour in a pipe, and 80 columns where nobody knows.
    Move and overwrite only if its `is_interactive` is true: a terminal, and not a dumb one.
    """
    from rich.console import Console  # noqa: PLC0415  `closeknit --help` needs none

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def print_table(
    *rows: Sequence[str], right: Collection[int] = (), width: int | None = None
) -> None:
    """Print rows under a header, aligned.

    Args:
        rows: the header, then the others.
        right: the columns that hold numbers.
        width: the last column is wrapped to fit; default: the terminal's. Elsewhere a row is a
            line, for grep.
    """
    from rich.cells import cell_len  # noqa: PLC0415  see console

    *widths, _ = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    # A last column of numbers is aligned to the right like any other, and never wrapped.
    last = len(widths)
    if last in right:
        widths.append(max(cell_len(row[-1]) for row in rows))
    margin = sum(widths) + 2 * len(widths)
    for row in rows:
        first, *others = [row[-1]] if last in right else _wrapped(row[-1], margin, width)
        cells = []
        for at, cell in enumerate((*row[:-1], first)):
            padding = " " * (widths[at] - cell_len(cell)) if at < len(widths) else ""
            cells.append(padding + cell if at in right else cell + padding)
        click.echo("  ".join(cells).rstrip())
        for line in others:
            click.echo(" " * margin + line)


def _wrapped(text: str, margin: int, width: int | None) -> list[str]:
    from rich.text import Text  # noqa: PLC0415  see console

    screen = console()
    if width is None:
        if not screen.is_terminal:
            return [text]
        width = screen.width
    lines = Text(text).wrap(screen, max(width - margin, _NARROW))
    return [line.plain.rstrip() for line in lines] or [""]


def spell_out() -> None:
    """Let standard output and error spell out what they cannot show, instead of failing."""
    sys.stdout = _spelling(sys.stdout)
    sys.stderr = _spelling(sys.stderr)


class _Ascii(io.TextIOWrapper):
    # Click takes a stream that calls itself "ascii" for a mistake of somebody's and writes UTF-8.
    encoding = "ascii-spelt-out"


def _spelling(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    try:
        ascii_only = codecs.lookup(stream.encoding).name == "ascii"
    except LookupError:  # this one was seen to before
        return stream
    if ascii_only:
        stream.flush()
        return _Ascii(
            stream.buffer, "ascii", _SPELT, line_buffering=stream.isatty(), write_through=True
        )
    stream.reconfigure(errors=_SPELT)
    return stream


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    refused = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or ascii(c)[1:-1] for c in refused), error.end


_SPELT = "closeknit-spelt-out"
codecs.register_error(_SPELT, _spell)
