"""The demo world in a real Prometheus: ten weeks of four accounts, with every rule recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

from streams.alerting.build import groups
from streams.alerting.thresholds import DEFAULTS
from streams.synthetic import DEMO
from tests.grafana.boards import Query, filled
from tests.past import Labels, Past, Points, Prometheus, Span, scrapes

HOUR, DAY = 3600, 86_400
START, END = DEMO.start // 1000, DEMO.end // 1000

WEEKS = Span(START + 12 * HOUR, END - 12 * HOUR, 12 * HOUR)
"""All of it, as seen twice a day."""

MINUTES = Span(END - 1800, END, 60)
"""The last half hour, as seen every minute: counters need it."""


EIGHT_WEEKS = Span(END - 56 * DAY, END, 12 * HOUR)
"""What the dashboard shows at first."""


class Demo(NamedTuple):
    """A Prometheus in which it is the end of the demo world."""

    prometheus: Prometheus

    def ask(self, query: Query, **chosen: str) -> dict[Labels, float]:
        """The answer as of now."""
        return self.prometheus.at(filled(query.expr, **chosen), END)

    def draw(self, query: Query, span: Span, **chosen: str) -> dict[Labels, Points]:
        """The answer over a range."""
        return self.prometheus.over(filled(query.expr, **chosen), span)

    def line(self, expr: str, span: Span, **chosen: str) -> dict[float, float]:
        """The one line that a query is, by time."""
        (points,) = self.prometheus.over(filled(expr, **chosen), span).values()
        return dict(points)


@contextmanager
def demo_world(folder: Path) -> Iterator[Prometheus]:
    """Let the world pass, and start a Prometheus in which it has."""
    past = Past(folder, lookback="12h")
    past.add(scrapes(DEMO, chain(WEEKS.moments, MINUTES.moments)))
    past.record(groups(DEFAULTS), [WEEKS, MINUTES])
    with past.running() as prometheus:
        yield prometheus


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo_world(tmp_path_factory.mktemp("past")) as prometheus:
        yield Demo(prometheus)
