"""The rules of Grafana's dashboard-linter, and some of ours.

Of the linter's rules, those about the variables `job` and `instance` are left out where the series
are those of accounts, which are summed over all workers.
"""

import promql_parser as promql
import pytest

from tests.grafana.boards import BOARDS, PANELS, QUERIES, filled, parse, selectors

each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
each_panel = pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
each_query = pytest.mark.parametrize(
    "query", [query for _, query in QUERIES], ids=lambda query: f"{query.panel} {query.ref}"
)

SOURCE = {"type": "prometheus", "uid": "${datasource}"}

RARE = {
    "closeknit_rebalances_total",
    "closeknit_snapshot_failures_total",
    "closeknit_source_reconnects_total",
}


@each_board
def test_the_data_source_can_be_chosen(board):
    """template-datasource-rule: so it can be imported anywhere."""
    first = board["templating"]["list"][0]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )


@each_panel
def test_each_panel_asks_the_data_source_that_was_chosen(panel):
    """panel-datasource-rule, and the same for each of its queries."""
    if panel.type != "text":
        assert panel.document["datasource"] == SOURCE
    for target in panel.document.get("targets", ()):
        assert target["datasource"] == SOURCE


@each_panel
def test_each_panel_asks_a_question_and_explains_the_answer(panel):
    """panel-title-description-rule: to somebody who has never heard of a relationship stage."""
    assert panel.title.endswith("?")
    assert len(panel.document["description"].split()) >= 15


def test_no_question_is_asked_twice():
    """On any dashboard."""
    assert len({panel.title for panel in PANELS}) == len(PANELS)


@each_panel
def test_each_panel_has_a_unit_decimals_and_a_word_for_nothing(panel):
    """panel-units-rule. An empty panel that says nothing looks broken."""
    if panel.type != "text":
        assert panel.defaults["unit"]
        assert "decimals" in panel.defaults
        assert panel.defaults["noValue"]


@each_query
def test_each_query_is_promql(query):
    """target-promql-rule, by a parser that is not Prometheus's own."""
    parse(query.expr)
    assert "$" not in filled(query.expr)


@each_query
def test_each_counter_is_a_rate_over_the_interval_that_grafana_chooses(query):
    """target-counter-agg-rule, target-rate-interval-rule.

    But what is rare is counted by the hour. And of lost time the sum is shown: a source learns of
    it as it starts, before its counter has ever been seen.
    """
    counters, in_calls = [], []

    def visit(node):
        if isinstance(node, promql.VectorSelector) and node.name.endswith(("_total", "_bucket")):
            counters.append(node.name)
        if isinstance(node, promql.Call) and node.func.name in {"rate", "increase"}:
            in_calls.extend(selector.name for selector in selectors(str(node)))
        return True

    promql.walk(parse(query.expr), visit)
    if counters == ["closeknit_source_lost_seconds_total"]:
        return
    assert sorted(counters) == sorted(in_calls)
    if in_calls and not RARE.issuperset(in_calls):
        assert "[$__rate_interval]" in query.expr


@each_board
def test_nobody_edits_it_in_the_browser(board):
    """uneditable-dashboard-rule: it is provisioned, and what was changed there would be lost."""
    assert board["editable"] is False


@each_panel
def test_no_panel_has_two_axes(panel):
    """Two scales in one chart can be made to tell any story."""
    if panel.type == "timeseries":
        assert panel.defaults["custom"].get("axisPlacement", "auto") == "auto"
        for override in panel.overrides.values():
            assert not override.keys() & {"unit", "custom.axisPlacement", "min", "max"}


@each_panel
def test_a_number_is_asked_for_now(panel):
    """Of a range Grafana would show the last value, however old: no number is better than that."""
    assert {query.now for query in panel.queries} <= {panel.type in {"stat", "table"}}


@each_panel
def test_a_gap_stays_a_gap(panel):
    """A line drawn across would be an invention."""
    if panel.type == "timeseries":
        assert panel.defaults["custom"]["spanNulls"] is False
