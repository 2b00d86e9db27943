"""A colour means one thing, and red that somebody has to act."""

import json

import pytest

from grafana import palette
from streams.core.relationship import Stage
from tests.grafana.boards import PANELS, selectors

LINES = [
    (panel, query, panel.overrides.get(query.legend, {}).get("color", {}).get("fixedColor"))
    for panel in PANELS
    for query in panel.queries
]


def test_each_stage_that_is_a_metric_has_a_colour():
    """As they were agreed on, for marketers and in pictures."""
    assert {stage.value: (stage.name, stage.colour) for stage in palette.STAGES} == {
        Stage.CONNECTION: ("connection", "dark-green"),
        Stage.CONVERSATION: ("conversation", "light-green"),
        Stage.FAN: ("fan", "yellow"),
        Stage.LAPSED: ("lapsed", "orange"),
        Stage.PASSIVE: ("hollow", "#8e8e8e"),
    }


def test_a_stage_has_its_colour_wherever_it_is_drawn():
    """Of every panel."""
    seen = set()
    for panel, query, colour in LINES:
        stages = {
            selector.labels["stage"]
            for selector in selectors(query.expr)
            if "stage" in selector.labels
        }
        for stage in palette.STAGES:
            if stages == {stage.value}:
                assert colour == stage.colour, panel.title
                seen.add(stage.value)
    assert seen == {stage.value for stage in palette.STAGES}


@pytest.mark.parametrize(
    "parts",
    [palette.STAGES, palette.TENURES, palette.AGES, palette.DAYS],
    ids=["stages", "tenures", "ages", "days"],
)
def test_parts_of_one_chart_differ_and_none_is_red(parts):
    """Red is kept."""
    colours = [part.colour for part in parts]
    assert len(set(colours)) == len(colours)
    assert palette.ACT not in colours


def test_no_line_is_red():
    """Limits and words may be: they appear when they are passed."""
    for panel, query, colour in LINES:
        assert colour is None or "red" not in colour, (panel.title, query.legend)


def test_talk_and_growth_have_one_colour_each():
    """Follows and followers are never drawn in that of replies and the committed."""
    for panel, query, colour in LINES:
        names = {selector.name for selector in selectors(query.expr)}
        if colour == palette.GROW:
            assert all("follow" in name for name in names - _BESIDE), panel.title
        if colour == palette.TALK:
            assert not all("follow" in name for name in names), panel.title


_BESIDE = {"account:closeknit_committed_members:sum", "account:closeknit_account_info:max"}
"""What an index and a table of followers need to know besides."""


def test_the_text_of_every_chart_is_left_to_grafana():
    """So it can be read in the dark and in the light: no black, no white, no background."""
    text = json.dumps([panel.document for panel in PANELS])
    for colour in ("#000", "#fff", "black", "white", "color-background"):
        assert colour not in text.lower()
