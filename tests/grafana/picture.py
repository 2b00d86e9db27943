"""`python -m tests.grafana.picture`: draw the README's picture from the demo world."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from grafana.picture import Asked, picture
from tests.grafana.boards import BOARDS
from tests.grafana.conftest import EIGHT_WEEKS, END, demo_world
from tests.past import Prometheus

PICTURE: Final = Path(__file__).parents[2] / "docs" / "dashboard.svg"

SOURCE: Final = (
    "The last eight of the demo's ten weeks, a point every twelve hours. On 20 August Peak "
    "Sneakers, an invented brand, begins to beg for followers: they come, and replies fall."
)


def drawn(prometheus: Prometheus) -> str:
    """The picture, from a Prometheus in which the demo world has passed."""
    return picture(
        BOARDS["engagement"],
        Asked(
            now=lambda expr: list(prometheus.at(expr, END).values()),
            over=lambda expr: [
                (dict(labels), points)
                for labels, points in prometheus.over(expr, EIGHT_WEEKS).items()
            ],
            account="peak-sneakers",
            name="Peak Sneakers",
            start=EIGHT_WEEKS.start,
            end=EIGHT_WEEKS.end,
            source=SOURCE,
        ),
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, demo_world(Path(folder)) as found:
        PICTURE.write_text(drawn(found), encoding="utf-8")
