"""What the alerts about accounts are worth: precision, recall, delay, by scenario and size.

    make alert-quality
    python -m benchmarks.alerts [--seeds N] [--step HOURS] [--jobs N] [--outcomes FILE]

Invented worlds with labels are turned into what a Prometheus would have scraped hour by hour, the
shipped rules are evaluated over it by a real Prometheus, and docs/alert-quality.md is written from
what fired. Needs `prometheus` and `promtool` (Debian: apt-get install prometheus).
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from benchmarks.alerts.others import OTHERS
from benchmarks.alerts.page import write
from benchmarks.alerts.trials import Outcome, evaluate
from benchmarks.alerts.worlds import DIVERGING, SCENARIOS, Trial
from streams.alerting.build import groups
from streams.alerting.thresholds import read

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "alert-quality.md"
THRESHOLDS = REPOSITORY / "deploy" / "prometheus" / "alerts.toml"

SHARES = {10: 8, 30: 10, 100: 17, 714: 40, 1000: 20, 10_000: 4, 100_000: 1}
"""Of a hundred worlds of a scenario, how many have which size. 714 is 200 replies a week."""

CALM = 0.4
"""Scenarios in which nothing diverges have fewer worlds, as they are many: in all, enough."""

_LARGE = 100_000

CHAPTER = 16
"""Worlds that share a Prometheus: more would take its imports longer."""


def trials(seeds: int) -> list[Trial]:
    """About so many worlds of each scenario that diverges, and fewer of the others."""
    found = [
        (seed / count, Trial(scenario, weekly, seed))
        for weekly, share in SHARES.items()
        for scenario in SCENARIOS
        for count in [round(share * seeds / 100 * (1 if scenario in DIVERGING else CALM))]
        for seed in range(1, count + 1)
    ]
    # Sizes and scenarios mixed, so that chapters take alike, and a run that is cut short is whole.
    return [trial for _, trial in sorted(found, key=lambda one: one[0])]


def chapters(all_of: Sequence[Trial]) -> Iterator[Sequence[Trial]]:
    """What is evaluated together; the largest alone, and last: a run may be cut short."""
    small = [trial for trial in all_of if trial.weekly < _LARGE]
    for start in range(0, len(small), CHAPTER):
        yield small[start : start + CHAPTER]
    yield from ([trial] for trial in all_of if trial.weekly >= _LARGE)


def live(chapter: Sequence[Trial], step_hours: int) -> list[Outcome]:
    """A chapter, in a process of its own."""
    rules = groups(read(THRESHOLDS.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        return evaluate(chapter, rules, Path(folder), step_hours=step_hours, others=OTHERS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="worlds of each that diverges")
    parser.add_argument("--step", type=int, default=3, help="hours between evaluations")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--outcomes", type=Path, help="keep here what fired, and go on from there")
    arguments = parser.parse_args()
    os.nice(10)
    began = time.monotonic()
    kept = arguments.outcomes
    outcomes = list(_read(kept)) if kept and kept.exists() else []
    done = {outcome.trial for outcome in outcomes}
    waiting = list(chapters([one for one in trials(arguments.seeds) if one not in done]))
    with ProcessPoolExecutor(arguments.jobs) as pool:
        futures = [pool.submit(partial(live, step_hours=arguments.step), one) for one in waiting]
        for future in as_completed(futures):
            outcomes += future.result()
            if kept:
                kept.write_text("".join(json.dumps(one) + "\n" for one in outcomes))
            print(f"{len(outcomes)} worlds", end="\r", file=sys.stderr)
    minutes = (time.monotonic() - began) / 60
    PAGE.write_text(write(outcomes, step=arguments.step), encoding="utf-8")
    print(f"{PAGE.relative_to(REPOSITORY)}: {len(outcomes)} worlds in {minutes:.0f} minutes")


def _read(path: Path) -> Iterator[Outcome]:
    for line in path.read_text().splitlines():
        trial, fired = json.loads(line)
        yield Outcome(Trial(*trial), fired)


if __name__ == "__main__":
    main()
