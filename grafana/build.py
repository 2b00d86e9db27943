"""Which dashboards there are, and in which file each is."""

from pathlib import Path
from typing import Final

from grafana.accounts import accounts
from grafana.engagement import engagement
from grafana.pipeline import pipeline

DASHBOARDS: Final = Path(__file__).parent / "dashboards"
"""The folder that Grafana reads."""


def built() -> dict[str, str]:
    """The text of each file, by its name."""
    return {
        "accounts.json": accounts(),
        "engagement.json": engagement(),
        "pipeline.json": pipeline(),
    }
