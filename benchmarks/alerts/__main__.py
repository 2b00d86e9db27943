"""What the alerts about accounts are worth: precision, recall, delay, by scenario and size.

    make alert-quality
    python -m benchmarks.alerts [--share PART] [--step HOURS] [--jobs N] [--outcomes FILE]

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
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import TypeVar

from benchmarks.alerts.others import OTHERS
from benchmarks.alerts.page import write
from benchmarks.alerts.trials import Outcome, evaluate
from benchmarks.alerts.worlds import DIVERGING, SCENARIOS, Trial
from streams.alerting.build import groups
from streams.alerting.thresholds import read

_T = TypeVar("_T")

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "alert-quality.md"
THRESHOLDS = REPOSITORY / "deploy" / "prometheus" / "alerts.toml"

SEEDS = {10: 12, 30: 12, 100: 16, 714: 60, 1000: 20, 10_000: 8, 100_000: 6}
"""How many worlds of a scenario that diverges have which size. 714 is 200 replies a week."""

CALM = {10: 16, 30: 16, 100: 24, 714: 30, 1000: 12, 10_000: 2, 100_000: 0}
"""And of the others, which are many."""

_LARGE = 10_000

TOGETHER, ALONE, LARGE = 32, 12, 2
"""Worlds that share an installation; installations of one that share a Prometheus; large worlds
that share an installation."""


def trials(share: float) -> list[Trial]:
    """This share of all worlds."""
    return [
        Trial(scenario, weekly, seed)
        for scenario in SCENARIOS
        for weekly, count in (SEEDS if scenario in DIVERGING else CALM).items()
        for seed in range(1, round(count * share) + 1)
    ]


def chapters(all_of: Iterable[Trial]) -> list[list[list[Trial]]]:
    """Installations that are evaluated together: mixed, as a run may be cut short; large last."""

    def alike(trial: Trial) -> tuple[bool, bool, int]:
        return trial.weekly < _LARGE, trial.alone, trial.days

    found: list[tuple[bool, float, list[list[Trial]]]] = []
    for (small, alone, _), some in groupby(sorted(all_of, key=alike), key=alike):
        waiting = sorted(some, key=lambda trial: (trial.weekly, trial.seed))
        if alone:
            pieces = [[[one] for one in piece] for piece in _pieces(waiting, ALONE)]
        else:
            pieces = [[list(piece)] for piece in _pieces(waiting, TOGETHER if small else LARGE)]
        found += [(not small, place / len(pieces), piece) for place, piece in enumerate(pieces)]
    return [piece for *_, piece in sorted(found, key=lambda one: one[:2])]


def _pieces(whole: Sequence[_T], most: int) -> Iterator[Sequence[_T]]:
    """In order, as many in each as can be without being more."""
    count = ceil(len(whole) / most)
    yield from (whole[first::count] for first in range(count))


def live(chapter: Sequence[Sequence[Trial]], step_hours: int) -> list[Outcome]:
    """A chapter, in a process of its own."""
    rules = groups(read(THRESHOLDS.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        return evaluate(chapter, rules, Path(folder), step_hours=step_hours, others=OTHERS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of all worlds, for a quick look")
    parser.add_argument("--step", type=int, default=3, help="hours between evaluations")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--outcomes", type=Path, help="keep here what fired, and go on from there")
    arguments = parser.parse_args()
    os.nice(10)
    began = time.monotonic()
    kept = arguments.outcomes
    outcomes = list(_read(kept)) if kept and kept.exists() else []
    done = {outcome.trial for outcome in outcomes}
    waiting = chapters(one for one in trials(arguments.share) if one not in done)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        futures = [pool.submit(partial(live, step_hours=arguments.step), one) for one in waiting]
        for future in as_completed(futures):
            outcomes += future.result()
            if kept:
                kept.write_text("".join(json.dumps(one) + "\n" for one in outcomes))
            print(f"{len(outcomes)} worlds", end="\r", file=sys.stderr)
    minutes = (time.monotonic() - began) / 60
    PAGE.write_text(write(outcomes, step=arguments.step, planned=len(trials(1))), encoding="utf-8")
    print(f"{PAGE.relative_to(REPOSITORY)}: {len(outcomes)} worlds in {minutes:.0f} minutes")


def _read(path: Path) -> Iterator[Outcome]:
    for line in path.read_text().splitlines():
        trial, fired = json.loads(line)
        yield Outcome(Trial(*trial), fired)


if __name__ == "__main__":
    main()
