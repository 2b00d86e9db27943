"""Worlds in, the moments at which alerts about them begin to fire out: by a real Prometheus.

promtool's own evaluation of rules (`promtool test rules`) is exact and takes seconds for each day
of each world. So the shipped rules are asked of a Prometheus as range queries, each after those
that it reads (`tests.past`), and `for` and `keep_firing_for` are applied to what the alerts answer.
That both say the same is tested.

Many accounts share an installation, as in life, and what takes long is done once for all of them.
Where the source of an account fails it is alone in its own: the rules judge topics, and an outage
of one account among a hundred would not be seen. Installations share a Prometheus by following each
other in time, with a pause that is longer than the rules look back.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.alerts.series import scrapes
from benchmarks.alerts.worlds import WATCHED_FROM, Trial, installation
from streams.alerting.rules import Alert, Group, Record
from streams.core.time import DAY_MS, HOUR_MS
from tests.past import Past, Span, firing

PAUSE_S: Final = 8 * 86_400
"""Between two installations in one Prometheus: the rules look back for 7 days."""

_HALF_PAST = HOUR_MS // 2
"""Scrapes are at half past the hour: on the average, half of the current hour is over."""


class Outcome(NamedTuple):
    """What became of one world.

    Attributes:
        trial: the world.
        fired: by alert, or other rule, when it began to fire: ms since the epoch, in the world's
            own time.
    """

    trial: Trial
    fired: Mapping[str, Sequence[int]]


class Rule(NamedTuple):
    """What is asked of the accounts, in PromQL; held and settled as an alert is."""

    expr: str
    hold: str
    settle: str


def evaluate(
    installations: Sequence[Sequence[Trial]],
    rules: Sequence[Group],
    folder: Path,
    *,
    step_hours: int,
    others: Mapping[str, Rule],
) -> list[Outcome]:
    """Live through some worlds, and evaluate the rules every so many hours.

    Args:
        installations: the worlds; those that share an installation are equally long.
        rules: the shipped ones.
        folder: an empty one.
        step_hours: between scrapes, and between evaluations.
        others: more rules that read what the shipped ones record, by name.
    """
    of_accounts = list(about_accounts(rules))
    asked = {
        rule.alert: Rule(rule.expr, rule.hold, rule.settle)
        for rule in _all(of_accounts)
        if isinstance(rule, Alert)
    }
    past = Past(folder, lookback="5m")
    places: list[Place] = []
    for trials in installations:
        places.append(Place.after(places[-1].span.end if places else 0, trials[0], step_hours))
        past.add(samples(trials, places[-1], metrics_of(of_accounts)))
    past.record(
        [
            group._replace(rules=[rule for rule in group.rules if isinstance(rule, Record)])
            for group in of_accounts
        ],
        [place.span for place in places],
    )
    fired: dict[Trial, dict[str, list[int]]] = defaultdict(dict)
    with past.running() as prometheus:
        for trials, place in zip(installations, places, strict=True):
            for name, rule in {**asked, **others}.items():
                told = {
                    dict(labels)["account"]: points
                    for labels, points in prometheus.over(rule.expr, place.span).items()
                }
                for trial in trials:
                    fired[trial][name] = [
                        begin * 1000 - place.offset
                        for begin, _ in firing(told.get(trial.name, []), rule, place.span.step)
                    ]
    return [Outcome(trial, by_rule) for trial, by_rule in fired.items()]


def about_accounts(rules: Iterable[Group]) -> Iterator[Group]:
    """The alerts about accounts, and what they are made of."""
    every = list(rules)
    asked = [rule.expr for rule in _all(every) if isinstance(rule, Alert) and _of_account(rule)]
    wanted: set[str] = set()
    while asked:
        new = set(re.findall(r"\b[a-z]+:\w+:\w+", asked.pop())) - wanted
        wanted |= new
        asked += [r.expr for r in _all(every) if isinstance(r, Record) and r.record in new]
    for group in every:
        yield group._replace(
            rules=[
                rule
                for rule in group.rules
                if (rule.record in wanted if isinstance(rule, Record) else _of_account(rule))
            ]
        )


def _all(rules: Iterable[Group]) -> list[Record | Alert]:
    return [rule for group in rules for rule in group.rules]


def _of_account(alert: Alert) -> bool:
    return alert.about == "account"


class Place(NamedTuple):
    """Where an installation lies in the time of a Prometheus.

    Attributes:
        span: the evaluations.
        offset: ms, added to its own times: whole hours, so that hours stay hours.
    """

    span: Span
    offset: int

    @classmethod
    def after(cls, end: int, trial: Trial, step_hours: int) -> Place:
        """The place of a trial's installation behind another that ends at this second."""
        world = trial.world
        first = world.start + WATCHED_FROM * DAY_MS + _HALF_PAST
        start = (end + PAUSE_S) // 3600 * 3600 + _HALF_PAST // 1000
        steps = (world.end - first) // (step_hours * HOUR_MS)
        span = Span(start, start + steps * step_hours * 3600, step_hours * 3600)
        return cls(span, start * 1000 - first)


def samples(trials: Sequence[Trial], place: Place, metrics: Container[str]) -> Iterator[str]:
    """What is scraped of an installation at its place, as lines of OpenMetrics."""
    moments = [moment - place.offset for moment in place.span.moments]
    for now_ms, scraped in scrapes(installation(trials), moments, metrics):
        at = (now_ms + place.offset) / 1000
        for series, value in scraped:
            moved = value + place.offset / 1000 if "_timestamp_seconds{" in series else value
            yield f"{series} {moved!r} {at!r}\n"


def metrics_of(rules: Iterable[Group]) -> set[str]:
    """The metrics that rules read."""
    exprs = " ".join(rule.expr for rule in _all(rules))
    return set(re.findall(r"(?<!:)\bcloseknit_\w+", exprs))
