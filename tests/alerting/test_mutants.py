"""The cases can fail: a threshold or a guard that is wrong is noticed by one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest

from streams.alerting.build import groups
from streams.alerting.rules import Alert, Group, Record
from streams.alerting.thresholds import DEFAULTS, Settings
from tests.alerting import (
    test_bursts,
    test_newcomers,
    test_pipeline,
    test_replies_fall,
    test_trust,
    test_waiting,
)
from tests.alerting.promtool import RULES, Case, Trial, failures
from tests.alerting.stories import BURST, FALL, HELD, HOLLOW, SLOW, WAIT
from tests.alerting.world import HOUR, Account

pytestmark = pytest.mark.prometheus

MODULES = (
    test_bursts,
    test_newcomers,
    test_pipeline,
    test_replies_fall,
    test_trust,
    test_waiting,
)
CASES = {case.claim: case for module in MODULES for case in module.CASES}

# -- a threshold is a little off


def numbers(table: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all thresholds, those of single accounts left out."""
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, msgspec.Struct):
            yield from numbers(value, (*path, name))
        elif isinstance(value, int | float):
            yield (*path, name)


def changed(table: Any, path: Sequence[str], factor: float) -> Any:
    """The settings with one of them a little smaller or larger."""
    name, *rest = path
    value = getattr(table, name)
    if rest:
        new = changed(value, rest, factor)
    elif isinstance(value, int):
        step = max(1, round(abs(1 - factor) * value))
        new = value + step if factor > 1 else value - step
    elif name == "fresh_objective":  # what matters is what it allows to be missed
        new = 1 - (1 - value) / factor**2
    else:
        new = value * factor
    return msgspec.structs.replace(table, **{name: new})


THRESHOLDS = [".".join(path) for path in numbers(DEFAULTS)]


def briefly(case: Case) -> Case:
    """Only the moment at which it fires, or would: nothing else changes in an account's world."""
    wait = HOUR if case.alert == BURST else HELD
    return case._replace(tick=wait, end=wait) if isinstance(case.world, Account) else case


def off(threshold: str, factor: float) -> Trial:
    settings: Settings = changed(DEFAULTS, threshold.split("."), factor)
    pinned = [briefly(case) for case in CASES.values() if case.pins == threshold]
    assert pinned, f"no case lies close to {threshold}"
    return Trial(f"{threshold} times {factor}", groups(settings), pinned)


# -- a guard is missing, or is another


class Mutant(NamedTuple):
    """A rule with one text replaced by another, and the claim that no longer holds."""

    rule: str
    """The name of a record or alert; for a finding, the name of its alert in brackets."""
    old: str
    new: str
    claim: str


def every(rule: Record | Alert) -> str:
    """What a mutant calls a rule."""
    if isinstance(rule, Alert):
        return rule.alert
    return f"[{rule.labels['finding']}]" if rule.labels else rule.record


REPLIES = next(
    rule.expr for rule in RULES[0].rules if every(rule) == "account:closeknit_replies:sum"
)
COMPLETE, CURRENT = "closeknit:complete:bool", "topic:closeknit_current:bool"
SUM = "(sum(closeknit_partition_ready) == bool max(closeknit_partitions))"

MUTANTS = [
    # Each partition once: two halves of one condition.
    Mutant(COMPLETE, f"{SUM}\n*", "1 *", "a partition is counted twice"),
    Mutant(
        COMPLETE,
        "count(count by (partition) (closeknit_partition_ready))",
        "sum(closeknit_partition_ready)",
        "one partition is exported twice and another not at all",
    ),
    Mutant(
        COMPLETE,
        "max(closeknit_partitions)",
        "min(closeknit_partitions)",
        "a worker that starts with other settings is not believed",
    ),
    Mutant(COMPLETE, "\nor vector(0)", "", "nobody is there at all"),
    # Up to date, topic by topic.
    Mutant(
        CURRENT,
        "and (topic:closeknit_consumer_lag_seconds:max <= 600)\n",
        "",
        "the tables catch up after 12 hours",
    ),
    Mutant(
        CURRENT,
        "== on () group_left () max(closeknit_partitions)",
        "> 0",
        "while the lag of a topic is not known nothing is said",
    ),
    Mutant(
        CURRENT,
        "unless (topic:closeknit_silent:bool == 1)\n",
        "",
        "the source of replies dies in a week of few",
    ),
    Mutant(
        CURRENT,
        "unless (avg_over_time(topic:closeknit_silent:bool[7d]) > 0.05)\n",
        "",
        "a source that was dead for days is back, and the week still lacks them",
    ),
    Mutant(
        CURRENT,
        "[7d]) > 0.05",
        "[7d]) > 0",
        "a source that was dead for a day and a bit is back: what is lost makes no fall",
    ),
    Mutant(
        "topic:closeknit_silence:seconds",
        "max_over_time(topic:closeknit_last_event_timestamp_seconds:max[7d])",
        "topic:closeknit_last_event_timestamp_seconds:max",
        "a worker forgets the last event in a restart, Prometheus does not",
    ),
    *(
        Mutant(f"[{alert}]", old, old.replace("==", ">= 0 *"), claim)
        for alert, old, claim in (
            (FALL, "== 2", "with replies further behind nothing is said"),
            (FALL, "== 2", "with follows further behind nothing is said"),
            (SLOW, "== 2", "the month: with replies behind nothing is said"),
            (HOLLOW, "== 4", "newcomers cannot be judged while likes are not read"),
            (BURST, "== 4", "a burst cannot be judged while shares are not read"),
            (WAIT, "== 1", "who waits cannot be said while replies are not read"),
        )
    ),
    *(
        Mutant(
            f"[{alert}]",
            "accounts_over_limit:max == 0",
            "accounts_over_limit:max >= 0",
            f"with accounts over the limit there is no {alert}",
        )
        for alert in (FALL, SLOW, HOLLOW, BURST, WAIT)
    ),
    Mutant(
        f"[{FALL}]",
        "follows|replies",
        "likes|replies",
        "with follows further behind nothing is said",
    ),
    Mutant(
        f"[{WAIT}]", 'account!~"_other"', 'account!~""', "who waits in _other waits for no account"
    ),
    # What is usual.
    Mutant(
        "account:closeknit_replies:usual",
        "quantile by (account, window) (0.5, ",
        "avg by (account, window) (",
        "one odd week does not make a small account a large one",
    ),
    Mutant(
        "account:closeknit_follows:usual",
        "quantile by (account) (0.5, ",
        "avg by (account) (",
        "one lost week does not make an ordinary day a burst",
    ),
    Mutant(
        "account:closeknit_replies:usual_low",
        "1 / 3",
        "0.5",
        "one odd week that lies across two in the baseline does not move it",
    ),
    Mutant(
        "account:closeknit_follows:usual_high",
        "2 / 3",
        "0.5",
        "one week of few follows that lies across two in the baseline does not move it",
    ),
    Mutant(
        "account:closeknit_replies:usual_low",
        "quantile by (account, window) (1 / 3, ",
        "avg by (account, window) (",
        "one odd week in the baseline does not move it",
    ),
    Mutant(
        "account:closeknit_history_weeks:count",
        "> 0",
        ">= 0",
        "three weeks of history are not enough to compare with",
    ),
    Mutant(
        "account:closeknit_replies:sum",
        REPLIES,
        'label_replace(7 * sum by (account) (account:closeknit_interactions:sum{window="1d"}), '
        '"window", "7d", "", "")',
        "a week-end is no fall",
    ),
    # Chance, on either side.
    Mutant(
        "account:closeknit_replies:usual_least",
        "- 2 * sqrt(",
        "- 0 * sqrt(",
        f"{FALL}: 48 replies for 64, 400 follows for 200: not told",
    ),
    Mutant(
        "account:closeknit_follows:usual_most",
        "+ 2 * sqrt(",
        "+ 0 * sqrt(",
        f"{FALL}: 100 replies for 200, 35 follows for 25: not told",
    ),
    Mutant(
        f"[{HOLLOW}]",
        "engaged:usual >= 20",
        "engaged:usual >= 0",
        "19 who should have engaged are too few",
    ),
    Mutant(f"[{HOLLOW}]", '"28-90d"} >= 20', '"28-90d"} >= 0', "19 earlier ones say too little"),
    # A bridge over a gap, and not over a long one.
    Mutant(FALL, "[15m]", "[9m]", "a gap of ten minutes does not begin the wait anew"),
    Mutant(FALL, "[15m]", "[45m]", "a gap of half an hour does"),
    # Freshness: each pair of windows, and each rate.
    Mutant(
        "FreshnessBurnRate",
        "\nand closeknit:fresh:missed_ratio_5m > 0.144",
        "",
        "what is over is over, though the hour is spoiled",
    ),
    *(
        Mutant("FreshnessBurnRate", f"_{window} > {rate}", f"_{window} > {other}", claim)
        for window, rate, others, claim in (
            ("1h", 0.144, (0.12, 0.18), "nothing is fresh for 9 minutes"),
            ("6h", 0.06, (0.05, 0.07), "nothing is fresh for 25 minutes"),
            ("1d", 0.03, (0.025, 0.05), "nothing is fresh for an hour"),
            ("3d", 0.01, (0.005, 0.015), "nothing is fresh for more than half an hour"),
        )
        for other in others
    ),
    # The pipeline's own.
    Mutant(
        "EngagementDataStale",
        "or 0 * topic:closeknit_events:usual_week",
        "or 0 * topic:closeknit_silence:seconds",
        "a topic of which no event is known, and many are usual",
    ),
    Mutant("WorkerDown", '\nor absent(up{job="closeknit"}) - 1', "", "no worker is known"),
    Mutant("WorkerDown", '{job="closeknit"}', "", "another job is down"),
    Mutant("WorkerRestarts", "[15m]", "[1h]", "three starts in three quarters of an hour"),
    Mutant("FlushFailing", "unless on", "and on", "records are applied and nothing is committed"),
    Mutant("FlushFailing", "< 300", "< 240", "records are applied and nothing is committed"),
    Mutant("FlushFailing", "< 300", "< 360", "records are applied and nothing is committed"),
    Mutant("FlushFailing", "> 0", ">= 0", "nobody speaks, so nothing is flushed"),
    Mutant("FlushFailing", "[5m]", "[15m]", "somebody speaks for the first time in half an hour"),
    Mutant("PipelineStalled", "_records) > 0", "_records) >= 0", "nothing waits to be read"),
    Mutant("PipelineStalled", ") == 0", ") >= 0", "all is well: reading"),
    Mutant(
        "PipelineStalled", "[10m]", "[5m]", "from minute 20 nothing is read, and something waits"
    ),
    Mutant("UnevenCatchUp", "- min(", "- 0 * min(", "all topics are behind alike"),
    Mutant(
        "topic:closeknit_events_total:invalid_ratio_1h",
        "replayed|tick",
        "tick",
        "more than one in a hundred",
    ),
    Mutant("AccountsOverLimit", "== 1", ">= 0", "all is well: accounts"),
]


def mutated(mutant: Mutant) -> Trial:
    found = 0
    rules: list[Group] = []
    for group in RULES:
        some: list[Record | Alert] = []
        for rule in group.rules:
            if every(rule) == mutant.rule and mutant.old in rule.expr:
                found += 1
                rule = rule._replace(expr=rule.expr.replace(mutant.old, mutant.new))  # noqa: PLW2901
            some.append(rule)
        rules.append(group._replace(rules=some))
    assert found == 1, f"{mutant.rule} has {found} times {mutant.old!r}"
    return Trial(name_of(mutant), rules, [CASES[mutant.claim]])


def name_of(mutant: Mutant) -> str:
    return f"{mutant.rule}: {mutant.old} -> {mutant.new} / {mutant.claim}"


# -- an alert does not wait

ALERTS = [rule for group in RULES for rule in group.rules if isinstance(rule, Alert)]


def impatient(alert: Alert) -> Trial:
    at_once = alert._replace(hold="0m")
    rules = [
        group._replace(rules=[at_once if rule is alert else rule for rule in group.rules])
        for group in RULES
    ]
    told = next(
        case
        for case in CASES.values()
        if case.alert == alert.alert and case.fires
        if not alert.labels or case.labels.items() & alert.labels.items()
    )
    return Trial(labelled(alert), rules, [told])


def labelled(alert: Alert) -> str:
    return " ".join([alert.alert, *alert.labels.values()])


OFF = [(threshold, factor) for threshold in THRESHOLDS for factor in (0.9, 1.1)]
PATIENT = [alert for alert in ALERTS if alert.hold != "0m"]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    trials = [
        *(off(threshold, factor) for threshold, factor in OFF),
        *(mutated(mutant) for mutant in MUTANTS),
        *(impatient(alert) for alert in PATIENT),
    ]
    return failures(trials, tmp_path_factory.mktemp("mutants"))


@pytest.mark.parametrize(("threshold", "factor"), OFF)
def test_a_threshold_that_is_a_little_off_is_noticed(threshold, factor, verdicts) -> None:
    """And a new threshold must have a case on each side of it."""
    assert verdicts[f"{threshold} times {factor}"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=name_of)
def test_a_guard_that_is_not_there_is_noticed(mutant: Mutant, verdicts) -> None:
    """By the very case that is there for it."""
    assert verdicts[name_of(mutant)].keys() == {mutant.claim}


@pytest.mark.parametrize("alert", PATIENT, ids=labelled)
def test_an_alert_that_does_not_wait_is_noticed(alert: Alert, verdicts) -> None:
    """Every alert has a case that says at which minute it fires."""
    assert verdicts[labelled(alert)]


def test_no_two_cases_make_the_same_claim() -> None:
    """One would stand in for the other."""
    assert len(CASES) == sum(len(module.CASES) for module in MODULES)
