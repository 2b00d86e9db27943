"""What the alerts make of each story, in small; `make alert-quality` measures it at length."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.alerts.others import CHOICES, PAGE, TICKET
from benchmarks.alerts.score import score, tell
from benchmarks.alerts.series import scrapes
from benchmarks.alerts.trials import (
    Outcome,
    Place,
    Rule,
    about_accounts,
    evaluate,
    metrics_of,
    samples,
)
from benchmarks.alerts.worlds import DIVERGING, MEANT, SCENARIOS, Trial, installation, truth
from streams.core.series import FAMILIES
from streams.core.time import DAY_MS, HOUR_MS
from tests.alerting.promtool import RULES, Case, failures
from tests.alerting.promtool import Trial as Tried
from tests.alerting.world import Samples, on
from tests.past import Span, firing
from tests.past import scrapes as served_by_workers

WEEKLY = 714
SEED = 4  # one whose chance is kind: docs/alert-quality.md says how often it is not
STEP = 12
"""Hours between evaluations."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    """Alone, so that one account makes a topic; the shipped choice is asked a second time."""
    trials = [[Trial(scenario, WEEKLY, SEED)] for scenario in SCENARIOS]
    folder = tmp_path_factory.mktemp("past")
    shipped = CHOICES[0]
    again = {
        shipped.named(alert): Rule(shipped.expr(alert), shipped.hold, shipped.settle)
        for alert in (PAGE, TICKET)
    }
    found = evaluate(trials, RULES, folder, step_hours=STEP, others=again)
    return {outcome.trial.scenario: outcome for outcome in found}


@pytest.mark.prometheus
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_diverges_is_told_and_nothing_else_is(
    scenario: str, outcomes: Mapping[str, Outcome]
) -> None:
    """An account of 200 replies a week: the page and the ticket about replies and follows."""
    told = score([outcomes[scenario]], (PAGE, TICKET))
    assert (told.found, told.false) == (scenario in DIVERGING, 0)


@pytest.mark.prometheus
@pytest.mark.parametrize(
    ("scenario", "alert"),
    [
        ("bought", "FollowBurstWithoutEngagement"),
        ("bought", "NewFollowersStayHollow"),
        ("begging", "NewFollowersStayHollow"),
        ("owner-stops-answering", "PeopleWaitForAnswers"),
    ],
)
def test_other_stories_are_told_by_the_alert_that_is_for_them(
    scenario: str, alert: str, outcomes: Mapping[str, Outcome]
) -> None:
    told = tell([outcomes[scenario]], alert)
    assert (told.meant, told.found, told.false) == (1, 1, 0)


@pytest.mark.prometheus
@pytest.mark.parametrize("alert", MEANT)
def test_the_other_alerts_tell_nothing_where_nothing_is_for_them(
    alert: str, outcomes: Mapping[str, Outcome]
) -> None:
    assert tell(outcomes.values(), alert).false == 0


@pytest.mark.prometheus
def test_what_is_compared_with_other_thresholds_is_what_is_shipped(
    outcomes: Mapping[str, Outcome],
) -> None:
    """Its conditions, with the ends of the band written out, find the same at the same hours."""
    for outcome in outcomes.values():
        for alert in (PAGE, TICKET):
            assert outcome.fired[CHOICES[0].named(alert)] == outcome.fired[alert]


def test_who_else_is_there_changes_nothing_of_an_account() -> None:
    """So that many can share an installation, and be done with at once."""
    trials = [Trial("begging", 30, seed=1), Trial("organic", 100, seed=7)]
    whole = installation(trials)
    moments = [whole.start + day * DAY_MS for day in (30, 60)]
    for trial in trials:
        for (_, alone), (_, together) in zip(
            scrapes(trial.world, moments, FAMILIES),
            scrapes(whole, moments, FAMILIES),
            strict=True,
        ):
            assert set(alone) <= set(together)


@pytest.mark.prometheus
def test_promtool_finds_the_same_at_the_same_hours(
    outcomes: Mapping[str, Outcome], tmp_path: Path
) -> None:
    """Its own evaluation of the rules, one after the other at each moment, with its own `for`."""
    outcome = outcomes["begging"]
    (start, end, step), offset = Place.after(0, outcome.trial, STEP)
    place = Place(Span(0, end - start, step), offset - start * 1000)  # promtool begins at 0
    scraped: dict[int, Samples] = {}
    for line in samples([outcome.trial], place, metrics_of(about_accounts(RULES))):
        series, value, at = line.rsplit(" ", 2)
        scraped.setdefault(round(float(at)) // 60, {})[series] = float(value)
    cases = []
    for alert in (PAGE, "FollowBurstWithoutEngagement"):
        fired = outcome.fired[alert]
        fires = (fired[0] + place.offset) // 60_000 if fired else None
        world = on("a", scraped.__getitem__)
        cases.append(Case(alert, alert, world, fires, place.span.end // 60, step // 60))
    assert any(case.fires for case in cases)
    assert failures([Tried("measured", RULES, cases)], tmp_path) == {"measured": {}}


def test_a_worker_serves_the_same_series() -> None:
    """For a world without defects, to the last value: `tests.past` asks its page."""
    world = Trial("begging", 100, seed=3).world
    moments = [world.start + day * DAY_MS + HOUR_MS // 2 for day in (1, 30, 45, 60, 70)]
    served: dict[tuple[str, int], float] = {}
    for line in served_by_workers(world, moments, workers=1):
        series, value, at = line.rsplit(" ", 2)
        metric, _, labelled = series.partition("{")
        rest = labelled.partition('job="closeknit"')[2].strip(",}")
        served[f"{metric}{{{rest}}}" if rest else metric, round(float(at) * 1000)] = float(value)
    names = metrics_of(about_accounts(RULES)) | FAMILIES.keys()
    compared = 0
    for moment, scraped in scrapes(world, moments, names):
        for name, count in scraped:
            if name.startswith("closeknit_last_event") and 'topic="likes"' in name:
                continue  # there, its clock is moved by ticks
            compared += 1
            assert served[name, moment] == count, name
    assert compared > 5 * 100


@pytest.mark.parametrize(
    ("moments", "fires", "why"),
    [
        ([], [], "it was never so"),
        ([3, 6], [], "not for long enough"),
        ([0, 3, 6], [(6, 15)], "for exactly as long, and nine hours more"),
        ([0, 3, 6, 9, 12], [(6, 21)], "it goes on, and is told once"),
        ([0, 6, 9], [], "it was not so in between, and the wait begins anew"),
        ([0, 3, 6, 12, 18], [(6, 27)], "it comes and goes, which is no end"),
        ([0, 3, 6, 18, 21], [(6, 30)], "at the very last it is so again"),
        ([0, 3, 6, 21, 24, 27], [(6, 15), (27, 36)], "it ends, and begins again"),
    ],
)
def test_an_alert_fires_once_it_has_held_for_so_long_until_it_is_settled(
    moments: list[int], fires: list[tuple[int, int]], why: str
) -> None:
    held = Rule("", hold="6s", settle="9s")
    assert list(firing([(at, 1.0) for at in moments], held, step=3)) == fires, why


def test_what_begs_shows_within_days_and_what_declines_slowly_after_weeks() -> None:
    """The hour at which the meant numbers diverge; nobody's chance decides on the truth."""
    for scenario, least, most in (("begging", 2.5, 4), ("slow-decline", 35, 37)):
        for weekly in (30, 1000):
            true = truth(Trial(scenario, weekly, seed=2).world)
            assert true is not None
            assert least < (true.shows - true.since) / DAY_MS < most
    assert truth(Trial("owner-stops-answering", 1000, seed=2).world) is None


def test_what_fires_before_a_divergence_is_false_and_what_fires_after_it_is_late_or_not() -> None:
    trial = Trial("begging", 1000, seed=2)
    true = truth(trial.world)
    assert true is not None

    def told(*hours: int) -> tuple[int, int, int]:
        fired = [true.shows + hour * HOUR_MS for hour in hours]
        found = score([Outcome(trial, {PAGE: fired})], [PAGE])
        return found.found, found.soon, found.false

    assert told() == (0, 0, 0)
    assert told(24) == (1, 1, 0)
    assert told(25, 90) == (1, 0, 0)
    assert told(-500) == (0, 0, 1)
    assert told(-500, 3) == (1, 1, 1)
