"""What a colour means: the same on every panel, in the light and in the dark.

Names are Grafana's own. Red is none of a chart's: it says that somebody has to act.
"""

from typing import Final, NamedTuple

from streams.core.relationship import Stage


class Part(NamedTuple):
    """One value of a label: what people call it, and its colour."""

    value: str
    name: str
    colour: str


STAGES: Final = (
    Part(Stage.CONNECTION, "connection", "dark-green"),
    Part(Stage.CONVERSATION, "conversation", "light-green"),
    Part(Stage.FAN, "fan", "yellow"),
    Part(Stage.LAPSED, "lapsed", "orange"),
    Part(Stage.PASSIVE, "hollow", "#8e8e8e"),
)
"""The stages of a relationship, the closest first."""

TALK: Final = "#2ba59c"
"""People who engage, as in `closeknit report`."""

GROW: Final = "#8287e0"
"""People who follow, as there."""

USUAL: Final = "#7b8794"
"""How it usually is, and what is only there to compare with."""

ACT: Final = "red"
"""Somebody has to act."""

CALM: Final = "text"
"""Nothing is to be said about it: the colour of words."""

TENURES: Final = (
    Part("0-7d", "in the last 7 days", "#7479f2"),
    Part("7-28d", "1 to 4 weeks ago", "#b37fe0"),
    Part("28-90d", "4 weeks to 3 months ago", "#a7adb8"),
    Part("90d+", "longer ago", "#6b7280"),
)
"""When somebody began to follow, the latest first."""

AGES: Final = (
    Part("7-28d", "7 to 28 days", "dark-blue"),
    Part("3-7d", "3 to 7 days", "semi-dark-blue"),
    Part("1-3d", "1 to 3 days", "light-blue"),
    Part("0-1d", "less than a day", "super-light-blue"),
)
"""How long somebody has been waiting, the longest first."""

DAYS: Final = (
    Part("16", "16 days or more", "#0f6b65"),
    Part("8", "8 to 15 days", "#2ba59c"),
    Part("4", "4 to 7 days", "#63c2ba"),
    Part("2", "2 or 3 days", "#9bd8d3"),
    Part("1", "1 day", "#cfedea"),
)
"""On how many of the last 28 days somebody came, the most often first."""
