"""The dashboard asks for what is exported, and says what it means."""

import re
from itertools import combinations, pairwise

import pytest

from streams.core.series import FAMILIES, SERIES
from streams.metrics.names import METRICS
from tests.deploy.files import dashboard, queries

PANELS = {panel["title"]: panel for panel in dashboard()["panels"]}
CHOSEN = dashboard()["templating"]["list"]
SELECTOR = re.compile(r"(closeknit_\w+)(?:\{([^}]*)\})?")
COMPLETE = "(sum(closeknit_partition_ready) == max(closeknit_partitions))"

each_panel = pytest.mark.parametrize("title", PANELS)
each_query = pytest.mark.parametrize("query", queries(), ids=lambda query: query.panel)


def selectors(expr):
    """Each metric of an expression with its labels."""
    for name, matchers in SELECTOR.findall(expr):
        yield name, dict(re.findall(r'(\w+)="([^"]*)"', matchers))


@each_panel
def test_each_panel_asks_a_question_and_explains_the_answer(title):
    """To a person who has never heard of a relationship stage."""
    panel = PANELS[title]
    assert title.endswith("?")
    assert len(panel["description"].split()) >= 20
    assert panel["fieldConfig"]["defaults"]["unit"]


@each_panel
def test_each_panel_uses_the_data_source_that_was_chosen(title):
    """So the dashboard can be imported anywhere."""
    assert PANELS[title]["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_data_source_and_account_can_be_chosen():
    """And nothing else need be."""
    assert [one["name"] for one in CHOSEN] == ["datasource", "account"]


def test_nobody_edits_it_in_the_browser():
    """It is provisioned: what was changed there would be lost."""
    assert dashboard()["editable"] is False


def test_panels_have_ids_and_places_of_their_own():
    """Grafana's grid is 24 wide."""
    panels = PANELS.values()
    assert len({panel["id"] for panel in panels}) == len(panels) == len(dashboard()["panels"])
    places = [panel["gridPos"] for panel in panels]
    for place in places:
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for a, b in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below


@each_query
def test_each_metric_of_a_query_is_exported_with_these_labels(query):
    """A misspelt window would be an empty panel, not an error."""
    for name, labels in selectors(query.expr):
        if name in FAMILIES:
            assert labels.pop("account") == "$account"
            assert any(
                series.name == name and labels.items() <= dict(series.labels).items()
                for series in SERIES
            )
        else:
            assert labels.keys() <= set(METRICS[name].labels)


@each_query
def test_each_count_is_summed_over_workers_and_only_when_all_are_there(query):
    """Part of an audience would look like people falling silent: a gap is honest."""
    if any(name in FAMILIES for name, _ in selectors(query.expr)):
        assert re.match(r"sum( by \(\w+\) )?\(", query.expr)
        assert query.expr.endswith(f" and on () {COMPLETE}")


def test_the_accounts_to_choose_from_are_exported():
    """The variable is a query too."""
    ((name, label),) = re.findall(r"label_values\((\w+), (\w+)\)", CHOSEN[1]["query"]["query"])
    assert label in METRICS[name].labels


@pytest.mark.parametrize(
    ("title", "family", "label"),
    [
        ("Who are our followers?", "closeknit_relationships", "stage"),
        ("Who waits for our answer, and how long?", "closeknit_awaiting_reply", "age"),
    ],
)
def test_each_layer_has_a_colour_of_its_own(title, family, label):
    """The same whatever is there today, and none is red: red means that something is to be done."""
    exported = {dict(series.labels)[label] for series in SERIES if series.name == family}
    colours = {
        override["matcher"]["options"]: one["value"]["fixedColor"]
        for override in PANELS[title]["fieldConfig"]["overrides"]
        for one in override["properties"]
        if one["id"] == "color"
    }
    assert colours.keys() == exported
    assert len(set(colours.values())) == len(colours)
    assert not any("red" in colour for colour in colours.values())


def test_replies_and_follows_stand_side_by_side_on_scales_of_their_own():
    """Two scales in one chart can be made to tell any story."""
    pair = [panel["gridPos"] for title, panel in PANELS.items() if title.endswith("in a week?")]
    for left, right in pairwise(pair):
        assert (left["y"], left["h"], left["w"]) == (right["y"], right["h"], right["w"])
    assert len(pair) == 2
