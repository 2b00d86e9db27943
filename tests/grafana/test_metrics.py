"""Panels ask for what there is, and what there is can be seen."""

from itertools import chain

import pytest

from streams.alerting.build import groups
from streams.alerting.rules import Alert, Record
from streams.alerting.thresholds import DEFAULTS
from streams.core.series import FAMILIES, SERIES
from streams.metrics.names import METRICS
from tests.grafana.boards import BOARDS, QUERIES, every_query, selectors
from tests.metrics.of_sources import OF_SOURCES
from tests.metrics.world import page, partition, samples

RULES = list(chain.from_iterable(group.rules for group in groups(DEFAULTS)))
RECORDED = {rule.record for rule in RULES if isinstance(rule, Record)}

HISTOGRAM = {f"closeknit_flush_duration_seconds_{part}" for part in ("bucket", "sum", "count")}
EXPORTED = {*FAMILIES, *METRICS, *OF_SOURCES} - {"closeknit_flush_duration_seconds"} | HISTOGRAM
PROCESS = {
    name
    for name, _ in samples(page(partition(counts={"brand": 1}))())
    if name.startswith(("process_", "python_"))
}
OF_PROMETHEUS = {"ALERTS", "up", "scrape_samples_scraped"}

UNCHARTED = {
    "closeknit_flush_duration_seconds_count": "how many flushes there were is in the buckets",
    "closeknit_flush_duration_seconds_sum": "the mean says less than the quantiles",
    "process_max_fds": "a worker holds a handful of connections, however many accounts it has",
    "process_open_fds": "as above",
    "process_virtual_memory_bytes": "what is reserved costs nothing; resident memory is charted",
    **dict.fromkeys(
        (name for name in PROCESS if name.startswith("python_")),
        "for whoever looks for a leak, with a query of their own",
    ),
}
"""Exported, and in no panel or rule: why."""

UNSEEN = {
    "account:closeknit_reciprocal_members:sum": "connections are those on two days or more",
}
"""Recorded of accounts, and in no panel, finding or alert: why."""

each_query = pytest.mark.parametrize(
    ("where", "expr"), [pytest.param(*one, id=one[0]) for one in every_query()]
)


def read_by(rules):
    """The metrics that rules read."""
    return {selector.name for rule in rules for selector in selectors(rule.expr)}


@each_query
def test_each_metric_of_a_query_is_exported_or_recorded(where, expr):
    """A misspelt name would be an empty panel, not an error."""
    for selector in selectors(expr):
        assert selector.name in EXPORTED | RECORDED | PROCESS | OF_PROMETHEUS, where


@each_query
def test_each_label_of_a_query_has_this_value(where, expr):
    """As does a misspelt window."""
    for selector in selectors(expr):
        family = selector.name.removeprefix("account:").removesuffix(":sum")
        labels = {k: v for k, v in selector.labels.items() if k not in {"account", "instance"}}
        if family in FAMILIES:
            assert any(
                series.name == family and labels.items() <= dict(series.labels).items()
                for series in SERIES
            ), where


def test_every_exported_metric_is_charted_or_used_by_a_rule():
    """Or the reason is written down; and no reason is kept for what is used by now."""
    used = read_by(RULES) | {
        selector.name for _, expr in every_query() for selector in selectors(expr)
    }
    assert (EXPORTED | PROCESS) - used == UNCHARTED.keys()


def test_everything_recorded_of_accounts_is_seen_or_used():
    """Recording costs as much as charting."""
    seen = {selector.name for _, expr in every_query() for selector in selectors(expr)}
    used = read_by(RULES)
    recorded = {name for name in RECORDED if name.startswith("account:")}
    assert recorded - seen - used == UNSEEN.keys()


@pytest.mark.parametrize("board", ["engagement", "accounts"])
def test_panels_of_accounts_read_recorded_series_only(board):
    """They have the gate in them: a missing worker never looks like silent people."""
    for owner, query in QUERIES:
        if owner == board:
            names = {selector.name for selector in selectors(query.expr)}
            assert names <= RECORDED | {"ALERTS"}, query.panel


def test_every_panel_of_an_account_is_about_the_chosen_one():
    """All of its series; those without an account are about whether to trust them."""
    for board, query in QUERIES:
        if board == "engagement":
            for selector in selectors(query.expr):
                if selector.name == "account:closeknit_history_weeks:count" and not selector.labels:
                    continue  # joined to what is of the account
                if selector.name.startswith("account:"):
                    assert selector.labels["account"] == "peak-sneakers", query.panel
                else:
                    assert query.panel == "Can I trust these numbers?"


def test_alerts_lead_to_dashboards_that_exist():
    """By their uid."""
    uids = {board["uid"] for board in BOARDS.values()}
    for rule in RULES:
        if isinstance(rule, Alert):
            address = rule.dashboard_url.removeprefix(f"{DEFAULTS.links.dashboards}/d/")
            assert address.partition("?")[0] in uids
