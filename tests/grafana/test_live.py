"""A real Prometheus, in which the demo world has passed, gives every panel what it needs."""

from __future__ import annotations

import re
from math import isnan, sqrt
from statistics import fmean

import pytest

from streams.synthetic import DEMO
from tests.grafana.boards import PANELS, annotations, choices, filled, panel, query
from tests.grafana.conftest import DAY, EIGHT_WEEKS, END, HOUR, MINUTES, START, WEEKS
from tests.grafana.picture import PICTURE, drawn
from tests.past import Span

pytestmark = pytest.mark.prometheus

ACCOUNTS = {cast.id for cast in DEMO.accounts}

CAMPAIGN = (
    START + next(cast.turn or 0 for cast in DEMO.accounts if cast.id == "peak-sneakers") * DAY
)

NOTHING_TO_SEE = {
    ("What is refused, and why?", "A"),  # in the last half hour, nothing
    ("Do newcomers engage?", "D"),  # in ten weeks nobody has followed for ninety days
} | {
    (panel.title, asked.ref)
    for panel in PANELS
    for asked in panel.queries
    # The demo has no live source, and no worker that keeps snapshots: see test_worker.
    if re.search("closeknit_(source_|snapshot_(timestamp|bytes))", asked.expr)
}

each_panel = pytest.mark.parametrize(
    ("panel", "account"),
    [
        pytest.param(one, account, id=f"{one.title} {account}")
        for one in PANELS
        if one.queries
        for account in (sorted(ACCOUNTS) if one.board == "engagement" else ["any"])
    ],
)


def values(answer):
    return [value for points in answer.values() for _, value in points]


@each_panel
def test_each_query_of_a_panel_has_an_answer(panel, account, demo):
    """With the labels that its legend shows, and as one line where the legend has none."""
    span = MINUTES if panel.board == "pipeline" else WEEKS
    for asked in panel.queries:
        if asked.now:
            found = demo.ask(asked, account=account)
            assert found, asked.legend
            if panel.type == "stat":
                assert len(found) == 1, asked.legend
            continue
        found = demo.draw(asked, span, account=account)
        if (panel.title, asked.ref) in NOTHING_TO_SEE:
            assert not [value for value in values(found) if not isnan(value)], asked.legend
            continue
        assert values(found), asked.legend
        if asked.labels:
            for labels in found:
                assert asked.labels <= dict(labels).keys()
        else:
            assert len(found) == 1, asked.legend


@pytest.mark.parametrize("board", ["engagement", "accounts", "pipeline"])
def test_there_is_something_to_choose_from(board, demo):
    """Each variable lists what the workers name."""
    expected = {
        "account": ACCOUNTS,
        "group": {cast.group for cast in DEMO.accounts},
        "worker": {"worker-1:9108", "worker-2:9108"},
    }
    for name, (metric, label) in choices(board).items():
        found = demo.prometheus.at(metric, END)
        assert {dict(labels).get(label, "") for labels in found} - {""} == expected[name]


# Can I trust these numbers?


def test_they_can_be_trusted(demo):
    """Everybody is counted, something came in within the hour, and there are weeks to compare."""
    complete, age, weeks = (
        next(iter(demo.ask(one).values())) for one in panel("Can I trust these numbers?").queries
    )
    assert (complete, weeks) == (1, 4)
    assert 0 <= age < HOUR


# How many people talk with us?


@pytest.mark.parametrize("account", sorted(ACCOUNTS))
def test_talk_is_connections_and_conversations_and_its_change_their_difference(account, demo):
    """Followers or not."""
    talk, committed, change = (
        next(iter(demo.ask(one, account=account).values()))
        for one in panel("How many people talk with us?").queries
    )
    some = f'account="{account}",stage=~"connection|conversation"'
    now, before = (
        sum(demo.prometheus.at(f"closeknit_relationships{{{some}}}", moment).values())
        for moment in (END, END - 28 * DAY)
    )
    assert (talk, change) == (now, now - before)
    assert 0 < committed < talk


# Who are our followers?


@pytest.mark.parametrize("account", sorted(ACCOUNTS))
def test_the_stages_of_followers_add_up_to_all_followers(account, demo):
    """At every moment: nobody is left out of the whole, and nobody is in it twice."""
    layers = [
        demo.line(one.expr, WEEKS, account=account)
        for one in panel("Who are our followers?").queries
    ]
    followers = demo.line('sum(closeknit_followers{account="$account"})', WEEKS, account=account)
    assert [sum(parts) for parts in zip(*(one.values() for one in layers), strict=True)] == list(
        followers.values()
    )


def test_an_audience_that_begs_grows_grey(demo):
    """What the world was made to tell."""
    hollow = demo.line(query("Who are our followers?", "hollow").expr, EIGHT_WEEKS)
    followers = demo.line('sum(closeknit_followers{account="$account"})', EIGHT_WEEKS)
    before, after = CAMPAIGN - CAMPAIGN % DAY, END
    assert hollow[before] / followers[before] < 0.5
    assert hollow[after] / followers[after] > 0.65


# Do newcomers engage?


def test_of_newcomers_in_a_campaign_hardly_anybody_engages(demo):
    """The newest line falls first."""
    newest = demo.line(query("Do newcomers engage?", "in the last 7 days").expr, EIGHT_WEEKS)
    older = demo.line(query("Do newcomers engage?", "4 weeks to 3 months ago").expr, EIGHT_WEEKS)
    assert newest[END] < 0.1
    assert older[END] > 0.4


# Connecting or merely growing?


def indexed(demo, span, **chosen):
    """Both lines, by time."""
    return [
        demo.line(query("Connecting or merely growing?", name).expr, span, **chosen)
        for name in ("committed", "followers")
    ]


def counted(demo, family, span, account="peak-sneakers"):
    """What the index is of, read past the rules."""
    return demo.line(f'sum(closeknit_{family}{{account="{account}"}})', span)


def test_the_first_week_of_the_range_is_a_hundred(demo):
    """Recomputed from what was scraped: each point is its count over the first week's average.

    start |----- week 1 -----|----- week 2 ----- ...            end
          |  average = 100   |  100 * each point / that average  |
    """
    for family, line in zip(
        ("committed_members", "followers"), indexed(demo, EIGHT_WEEKS), strict=True
    ):
        counts = counted(demo, family, EIGHT_WEEKS)
        first_week = [n for moment, n in counts.items() if moment <= EIGHT_WEEKS.start + 7 * DAY]
        base = fmean(first_week)
        assert base >= 20
        assert line == pytest.approx({moment: 100 * n / base for moment, n in counts.items()})


def test_a_range_that_begins_too_early_is_indexed_to_its_first_week_with_enough(demo):
    """An account begins small, and Prometheus at some time: both lines share the later base.

    start |--- nothing ---|--- fewer than 20 ---|--- week n = 100 --- ...
    """
    span = Span(START - 7 * DAY, END, 12 * HOUR)
    lines = indexed(demo, span)
    committed = counted(demo, "committed_members", span)
    weeks = [
        [moment for moment in committed if begin <= moment <= begin + 7 * DAY]
        for begin in range(span.start, span.end, 7 * DAY)
    ]
    first = next(
        week for week in weeks if week and fmean(committed[moment] for moment in week) >= 20
    )
    assert first != weeks[0]
    for line in lines:
        assert fmean(line[moment] for moment in first) == pytest.approx(100)


def test_without_a_week_with_enough_there_are_no_lines(demo):
    """Before the world began, nobody was there; the hundred to compare with stands alone."""
    before = Span(START - 140 * DAY, START - 100 * DAY, DAY)
    committed, followers, hundred = panel("Connecting or merely growing?").queries
    assert demo.draw(committed, before) == demo.draw(followers, before) == {}
    assert set(values(demo.draw(hundred, before))) == {100}


def test_growth_without_engagement_opens_like_scissors(demo):
    """Peak Sneakers begs; at Harbour Coffee both lines stay together."""
    committed, followers = indexed(demo, EIGHT_WEEKS)
    assert followers[END] > 2 * committed[END]
    committed, followers = indexed(demo, EIGHT_WEEKS, account="harbour-coffee")
    assert 0.5 < followers[END] / committed[END] < 2


# Replies against follows


@pytest.mark.parametrize(
    ("title", "line", "side"),
    [
        ("How many replies do we get in a week?", "replies in 7 days", "lower end"),
        ("How many people begin to follow in a week?", "follows in 7 days", "usual range"),
    ],
)
def test_a_line_leaves_its_band_when_the_alert_finds_something(title, line, side, demo):
    """The band is drawn from the alert's own thresholds."""
    finding = demo.line(
        'account:closeknit_finding:value{account="$account",finding="RepliesFallWhileFollowsRise"}',
        EIGHT_WEEKS,
    )
    found = demo.line(query(title, line).expr, EIGHT_WEEKS)
    edge = demo.line(query(title, side).expr, EIGHT_WEEKS)
    assert finding
    for moment in finding:
        assert found[moment] < edge[moment] if side == "lower end" else found[moment] > edge[moment]


@pytest.mark.parametrize("metric", ["replies", "follows"])
def test_the_range_ends_where_the_farther_threshold_is(metric, demo):
    """Recomputed from what was scraped: a share, or two roots, beyond the middle two of four weeks.

    nothing ... lower end ........ second lowest .. second highest ........ upper end
                min(0.8 l, l - 2 sqrt(l))                     max(1.3 h, h + 2 sqrt(h))
    """
    title = next(
        one.title for one in PANELS if metric in str(one.overrides) and "week" in one.title
    )
    upper, lower, usual = (
        demo.line(query(title, name).expr, WEEKS)
        for name in ("usual range", "lower end", "a usual week")
    )
    counts = {
        "replies": 'closeknit_interactions_previous{account="$account",window="7d",'
        'direction="inbound",kind="reply"}',
        "follows": 'closeknit_follows_previous{account="$account",window="7d"}',
    }[metric]
    weeks = [
        demo.line(f"sum({counts.replace('window', f'ago={ago!r},window')})", WEEKS)
        for ago in ("7d", "14d", "21d", "28d")
    ]
    assert usual
    for moment, u in usual.items():
        _, low, high, _ = sorted(week[moment] for week in weeks)
        assert u == (low + high) / 2
        assert lower[moment] == pytest.approx(max(0, min(0.8 * low, low - 2 * sqrt(low))))
        assert upper[moment] == pytest.approx(max(1.3 * high, high + 2 * sqrt(high)))


def test_nothing_is_usual_before_there_are_four_weeks(demo):
    """The median of weeks in which nobody was there is none."""
    for one in PANELS:
        if one.title.endswith("in a week?"):
            usual = demo.line(query(one.title, "a usual week").expr, WEEKS)
            assert min(usual) > START + 28 * DAY


# Are we answering?


def test_an_owner_who_stops_answering_shows(demo):
    """From nearly all to nobody."""
    title, account = "Are we answering?", "inkwell-books"
    share = demo.line(query(title, "of those of 7 days").expr, WEEKS, account=account)
    turn = START + 42 * DAY
    assert share[turn] > 0.6
    assert share[END - 12 * HOUR] < 0.1
    assert all(0 <= value <= 1 for value in share.values())


def test_all_who_wait_are_in_the_layers(demo):
    """Each by the age of what they said."""
    layers = [demo.ask(one) for one in panel("Who waits for our answer, and how long?").queries]
    waiting = demo.prometheus.at(filled('sum(closeknit_awaiting_reply{account="$account"})'), END)
    assert sum(value for layer in layers for value in layer.values()) == waiting[frozenset()]


# Won or lost?


@pytest.mark.parametrize("account", sorted(ACCOUNTS))
def test_won_less_lost_is_the_difference_to_the_week_before(account, demo):
    """Recomputed from what was scraped."""
    (won,) = panel("Are connections won or lost?").queries
    line = demo.line(won.expr, WEEKS, account=account)
    counts = demo.line(
        f'sum(closeknit_relationships{{account="{account}",stage="connection"}})', WEEKS
    )
    assert line == {
        moment: counts[moment] - counts[moment - 7 * DAY]
        for moment in counts
        if moment - 7 * DAY in counts
    }


# How often do they come?


@pytest.mark.parametrize("account", sorted(ACCOUNTS))
def test_everybody_who_came_is_in_one_layer(account, demo):
    """The layers are differences of nested counts: none is below nothing."""
    layers = [
        demo.line(one.expr, WEEKS, account=account)
        for one in panel("How often do they come?").queries
    ]
    active = demo.line(
        'sum(closeknit_active_members{account="$account",window="28d"})', WEEKS, account=account
    )
    nested = [
        demo.line(
            f'sum(closeknit_members_by_activity{{account="$account",at_least_days="{days}"}})',
            WEEKS,
            account=account,
        )
        for days in (16, 8, 4, 2)
    ]
    assert all(value >= 0 for layer in layers for value in layer.values())
    for upto, at_least in enumerate(nested, 1):
        assert [
            sum(parts) for parts in zip(*(one.values() for one in layers[:upto]), strict=True)
        ] == list(at_least.values())
    assert [sum(parts) for parts in zip(*(one.values() for one in layers), strict=True)] == list(
        active.values()
    )


# Alerts, drawn into the charts


def test_the_alert_is_drawn_while_its_reason_lasts(demo):
    """It fires within days of the campaign, for the account that begs.

    And for none that is talked with as ever. At Inkwell replies dry up, and follows happen to rise.
    """
    drawn = annotations("engagement")["Growth without engagement"]
    found = demo.prometheus.over(filled(drawn), WEEKS)
    fired = {
        dict(labels)["alertname"]: [moment for moment, _ in points]
        for labels, points in found.items()
    }
    assert CAMPAIGN < fired["RepliesFallWhileFollowsRise"][0] < CAMPAIGN + 8 * DAY
    others = ACCOUNTS - {"peak-sneakers", "inkwell-books"}
    for account in others:
        found = demo.prometheus.over(filled(drawn, account=account), WEEKS)
        names = {dict(labels)["alertname"] for labels in found}
        assert "RepliesFallWhileFollowsRise" not in names, account


# The picture


def test_the_picture_in_the_readme_is_of_these_panels(demo):
    """`make picture` draws it anew when the demo, a rule or a panel has changed."""
    assert drawn(demo.prometheus) == PICTURE.read_text(encoding="utf-8")
