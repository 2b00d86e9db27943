"""Accounts compared and Pipeline health, as a real Prometheus fills them from the demo world."""

from __future__ import annotations

import pytest

from schemas.events import TOPIC_OF, Reason
from streams.synthetic import DEMO
from tests.grafana.boards import PANELS, panel, query
from tests.grafana.conftest import DAY, END, MINUTES

pytestmark = pytest.mark.prometheus

ACCOUNTS = {cast.id for cast in DEMO.accounts}

# How do our accounts fare?


def column(demo, name, **chosen):
    """A column of the table, by account."""
    title = "How do our accounts fare, each by its own measure?"
    found = demo.ask(query(title, name), **chosen)
    return {dict(labels)["account"]: value for labels, value in found.items()}


def test_every_column_has_a_row_for_every_account(demo):
    """But where there were too few to compare with; only those of the chosen groups."""
    title = "How do our accounts fare, each by its own measure?"
    for one in panel(title).queries:
        found = column(demo, one.legend)
        assert found.keys() <= ACCOUNTS
        if "change" not in one.legend:
            assert found.keys() == ACCOUNTS, one.legend
        sports = column(demo, one.legend, group="sports")
        assert sports == {k: v for k, v in found.items() if k in {"peak-sneakers", "summit-bikes"}}


def test_each_account_is_compared_with_itself(demo):
    """A big account is not better, nor a small one worse: two weeks ago one began to beg."""
    assert column(demo, "Replies are")["peak-sneakers"] == -1
    assert column(demo, "Follows are")["peak-sneakers"] == 1
    assert column(demo, "Replies are")["harbour-coffee"] == 0
    assert column(demo, "Follows are")["harbour-coffee"] == 0
    assert column(demo, "Replies are")["inkwell-books"] <= 0


def test_the_words_are_those_of_the_range_on_the_other_dashboard(demo):
    """Fewer is below its lower end, more above its upper one."""
    for metric, name in (("replies", "Replies are"), ("follows", "Follows are")):
        words = column(demo, name)
        title = next(
            one.title for one in PANELS if metric in str(one.overrides) and "week" in one.title
        )
        for account, word in words.items():
            week, upper, lower = (
                next(iter(demo.ask(query(title, legend), account=account).values()))
                for legend in (f"{metric} in 7 days", "usual range", "lower end")
            )
            assert word == (week > upper) - (week < lower), (account, metric)


def test_changes_are_against_28_days_ago(demo):
    """Recomputed from what was scraped."""
    for name, selector in (
        ("Followers, change", "closeknit_followers"),
        ("Committed, change", "closeknit_committed_members"),
    ):
        now, before = (
            demo.prometheus.at(f"sum by (account) ({selector})", moment)
            for moment in (END, END - 28 * DAY)
        )
        expected = {
            dict(labels)["account"]: now[labels] / n - 1 for labels, n in before.items() if n >= 20
        }
        assert column(demo, name) == pytest.approx(expected)


def test_what_is_to_do_is_counted(demo):
    """Alerts of the account, pages and tickets alike."""
    to_do = column(demo, "To do")
    assert to_do["peak-sneakers"] >= 1
    assert to_do["harbour-coffee"] == 0


# Pipeline health


def test_the_table_of_partitions_has_each_once(demo):
    """With all that it says of it."""
    title = "Which worker holds which partition, and how is it?"
    places = {
        frozenset({("instance", f"worker-{n + 1}:9108"), ("partition", str(n))}) for n in (0, 1)
    }
    for one in panel(title).queries:
        assert demo.ask(one).keys() == places, one.legend
    assert sum(demo.ask(query(title, "Relationships")).values()) > 1000


def test_outcomes_topics_and_reasons_are_all_there(demo):
    """From the first scrape on: every counter begins at nothing."""
    drawn = {
        name: {dict(labels)[name] for labels in demo.draw(panel(title).queries[0], MINUTES)}
        for name, title in (
            ("outcome", "What becomes of the records?"),
            ("topic", "How much comes in from each topic?"),
        )
    }
    assert drawn["topic"] == set(TOPIC_OF.values())
    assert {"applied", "duplicate", "invalid", "late", "rerouted", "tick"} <= drawn["outcome"]
    kept = demo.prometheus.at("sum by (reason) (closeknit_dead_letters_total)", END)
    assert {dict(labels)["reason"] for labels in kept} == {reason.value for reason in Reason}
    assert sum(kept.values()) > 0


def test_everything_is_fresh_and_nothing_waits(demo):
    """In a world where workers read at once."""
    title = "How far behind is each topic?"
    assert {
        lag for line in demo.draw(panel(title).queries[0], MINUTES).values() for _, lag in line
    } == {0}
    numbers = [
        next(iter(demo.ask(one).values()))
        for one in panel("Is every partition counted, and in time?").queries
    ]
    assert numbers == [1, 2, 2, 1, 2, 0]
