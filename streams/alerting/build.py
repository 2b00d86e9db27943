"""Settings to rule files."""

from typing import Final

from streams.alerting.accounts import account_alerts
from streams.alerting.pipeline import pipeline_alerts
from streams.alerting.recording import recording
from streams.alerting.rules import Group, to_yaml
from streams.alerting.thresholds import Settings

_HEAD: Final = "# Written by `make rules` from streams/alerting. Change that, or the thresholds.\n"


def groups(settings: Settings) -> list[Group]:
    """Every group of rules; what is recorded comes first."""
    return [recording(settings), account_alerts(settings), pipeline_alerts(settings)]


def files(settings: Settings) -> dict[str, str]:
    """The text of each rule file, by its name."""
    return {
        f"{group.name.removeprefix('closeknit-')}.yml": _HEAD + to_yaml(group)
        for group in groups(settings)
    }
