"""What the demo draws and prints, from readings made by hand: no broker, no worker."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from rich.console import Console

from schemas.events import Reason
from streams.cli.demo.course import Course
from streams.cli.demo.ending import tell, worth_a_reply
from streams.cli.demo.live import LiveView, fits
from streams.cli.demo.plain import PlainView
from streams.cli.demo.readings import Reading, Standing, reading, samples
from streams.core.admission import Outcome
from streams.core.relationship import Strength
from streams.metrics.accounts import Account
from streams.metrics.meters import Meters
from streams.report.facts import facts
from streams.synthetic import DEMO
from tests.metrics.world import FakeCensus, page, partition
from tests.people.worlds import after

COURSE = Course(DEMO, 28)
START = datetime.fromtimestamp(DEMO.start / 1000, UTC)
REFUSED = {str(reason): 1000 for reason in Reason}


def at_end_of(day: int, followers: int = 1_234_567) -> Reading:
    standing = Standing(followers, 500 * day, 7 * day, 100 + day, followers // 2)
    return Reading(
        now=START + timedelta(days=day, hours=-1),
        accounts={cast.id: standing for cast in COURSE.cast},
        outcomes={"applied": 1_000_000 * day, "tick": 16},
        lag=1_000_000,
        unwritten=0,
        dead_letters=REFUSED,
    )


def a_console(width: int, height: int = 24, **options: object) -> Console:
    return Console(
        file=io.StringIO(), width=width, height=height, highlight=False, markup=False, **options
    )  # type: ignore[arg-type]


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def seconds() -> Iterator[float]:
    """A clock that advances by a second whenever it is asked."""
    return count(0.0, 1.0)


def drawn(width: int, seconds: Iterator[float], *days: int) -> list[str]:
    """The lines of the live view after readings at the ends of these days."""
    console = a_console(width)
    view = LiveView(console, COURSE, clock=lambda: next(seconds))
    for day in days:
        view.show(at_end_of(day))
    console.print(view.frame())
    return printed(console).splitlines()


COLUMNS = ("Followers", "Connections", "Hollow", "Repliers 7d", "Active 7d")
"""What a narrow terminal shows comes first."""


@pytest.mark.parametrize(
    ("width", "columns"), [(41, 2), (60, 3), (79, 4), (80, 5), (81, 5), (120, 5), (200, 5)]
)
def test_the_live_view_fits_any_terminal_that_it_is_drawn_on(
    width: int, columns: int, seconds: Iterator[float]
) -> None:
    """The largest numbers, every reason: at 80 columns it leaves room for what comes above."""
    lines = drawn(width, seconds, *range(1, 29))
    assert max(map(len, lines)) <= width
    assert len(lines) <= (24 if width >= 80 else 40)
    text = "\n".join(lines)
    assert "1,234,567" in text
    assert [title in text for title in COLUMNS] == [n < columns for n in range(5)]
    assert all(cast.name in text for cast in COURSE.cast)


@pytest.mark.parametrize(
    ("width", "height", "terminal", "fit"),
    [
        (80, 24, True, True),
        (41, 22, True, True),
        (40, 24, True, False),  # no room for a name and two numbers
        (80, 21, True, False),  # not all of it would be seen
        (80, 24, False, False),  # a pipe
    ],
)
def test_the_live_view_is_drawn_where_there_is_room(
    width: int, height: int, terminal: bool, fit: bool
) -> None:
    assert fits(a_console(width, height, force_terminal=terminal)) is fit


def test_a_dumb_terminal_is_not_drawn_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not fits(a_console(80, force_terminal=True))


def test_a_chart_has_room_for_the_days_to_come_and_no_holes(seconds: Iterator[float]) -> None:
    """A day that no reading fell into is as the day before."""
    lines = drawn(15 + 5 * (28 + 2), seconds, 1, 2, 7, 14)
    at = next(n for n, line in enumerate(lines) if line.startswith("Harbour Coffee"))
    chart = lines[at + 1][17:47]
    assert re.fullmatch(r"[▁▂▃▄▅▆▇█]{14} *", chart)
    assert lines[0].split() == ["Sunday", "12", "July", "2026", "day", "14", "of", "28"]


def test_events_per_second_are_those_between_readings(seconds: Iterator[float]) -> None:
    assert any("1,000,000 " in line for line in drawn(80, seconds, 1, 2, 3))


def test_before_anything_was_read_it_is_day_0(seconds: Iterator[float]) -> None:
    console = a_console(80)
    view = LiveView(console, COURSE, clock=lambda: next(seconds))
    view.show(at_end_of(1)._replace(now=None, outcomes={}))
    console.print(view.frame())
    assert "day 0 of 28" in printed(console)


@pytest.mark.parametrize("width", [20, 60, 80])
def test_the_plain_view_prints_a_line_a_week_however_often_it_is_asked(width: int) -> None:
    console = a_console(width)
    with PlainView(console, COURSE) as view:
        for day in range(1, 29):
            view.show(at_end_of(day))
            view.show(at_end_of(day))
        view.finish(at_end_of(28))
    said = printed(console)
    assert re.findall(r"^Day (\d+)\b", said, re.M) == ["7", "14", "21", "28"]
    assert max(map(len, said.splitlines())) <= width


def test_a_reading_is_the_sum_over_partitions_of_a_page() -> None:
    """By the page that a worker renders, of connections of whom half follow."""
    meters = Meters()
    meters.count("likes", {Outcome.APPLIED: 30, Outcome.REROUTED: 2, Outcome.TICK: 4})
    found = reading(
        samples(
            page(
                partition(0, {"acme": 3}, clock=495_000),
                partition(1, census=FakeCensus({"acme": 4}, hollow=2), clock=495_001),
                listed=[Account("acme", 'The "Acme" {Inc}', "")],
                meters=meters,
            )().decode()
        )
    )
    assert found.now == datetime.fromtimestamp(495_001 * 3600, UTC)
    assert found.accounts["acme"] == Standing(
        followers=7 + 2, active=2 * 7, repliers=2 * 7, connections=2 * 7, hollow=2
    )
    assert (found.records, found.events) == (34, 30), "what is re-sent is read twice"
    assert found.unwritten == 2 * 2


def test_nobody_follows_and_nobody_is_hollow() -> None:
    assert Standing(0, 0, 0, 0, 0).hollow_share == 0.0


STORY = """
ada: reply out 300h, reply in 299h, reply in 40h
bob: like in 400h, reply in 90h
new: reply in 3h, 9 like in 2h
eve: reply in 100h, reply out 99h
"""


def test_worth_a_reply_is_the_closest_who_has_waited_for_a_day() -> None:
    """Not who wrote just now, however close; not who was answered."""
    (person,) = worth_a_reply(facts(after(STORY)), Strength())
    assert person.member == "ada"


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_ending_fits(width: int, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table for as many accounts at a time as there is room for, in ASCII where need be."""
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding))
    console = a_console(width)
    course = Course(DEMO, 70)
    ids = [cast.id for cast in course.cast]
    tell(console, course, facts(after(STORY), accounts=ids), Strength())
    assert max(map(len, printed(console).splitlines())) <= width
    assert printed(console).isascii() == (encoding == "ascii")
    assert printed(console).count("Followers") == {40: 4, 80: 1, 120: 1}[width]
