"""Closeknit beside other engines, and what it does under load. Linux; needs Java and Maven.

    make bench                             all of it, then the page
    python -m benchmarks.compare           the same
    python -m benchmarks.compare --short   one round of fewer events: every row, in 15 minutes
    python -m benchmarks.compare --quick   all of it in small: does it run?
    python -m benchmarks.compare engines   one part; more may be named

Parts: engines (the comparison), crew (two workers against one), held (recovery, memory, events and
hours beside millions of relationships), scrape, latency, stages (where the time goes); page writes
the tables in docs/performance.md from benchmarks/results, without measuring.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.compare import crew, held, latency, match, page, results, scrape, stages
from benchmarks.compare.contestants import ENGINES
from benchmarks.compare.stage import Stage

ALL = ("engines", "crew", "held", "scrape", "latency", "stages")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="part", default=[*ALL, "page"])
    parser.add_argument("--quick", action="store_true", help="a smoke test; its figures are none")
    parser.add_argument("--short", action="store_true", help="one round: all tables in 15 minutes")
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--relationships", type=int, default=5_000_000, help="held at most")
    parser.add_argument(
        "--rate",
        type=float,
        help="events a second under load; default: half of what is measured then",
    )
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--into", type=Path, default=results.RESULTS, help="folder of the results")
    given = parser.parse_args()
    if unknown := set(given.parts) - {*ALL, "page"}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if given.short:
        given.events, given.rounds, given.relationships = 200_000, 1, 1_000_000
    if given.quick:
        given.events, given.rounds, given.relationships, given.rate = 20_000, 1, 200_000, 5000.0
        given.into = results.REPOSITORY / ".cache" / "bench" / "quick"
    # Ended by whoever, it ends all that it started.
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.default_int_handler)
    measure = [part for part in ALL if part in given.parts]
    if measure:
        with Stage() as stage:
            for part in measure:
                began = time.monotonic()
                found = {"machine": results.machine(), **_PARTS[part](stage, given)}
                found["minutes"] = round((time.monotonic() - began) / 60, 1)
                path = results.write(part, found, given.into)
                print(f"{path}: {found['minutes']} minutes", file=sys.stderr)
    if "page" in given.parts and not given.quick:
        page.write(given.into)


def _engines(stage: Stage, given: argparse.Namespace) -> dict[str, Any]:
    return match.compare(stage, given.engines, given.events, given.rounds, uniform=True)


def _crew(stage: Stage, given: argparse.Namespace) -> dict[str, Any]:
    return {"runs": crew.measure(stage, given.events, given.rounds)}


def _held(stage: Stage, given: argparse.Namespace) -> dict[str, Any]:
    sizes = [min(100_000, given.relationships // 2), given.relationships]
    return {"runs": held.measure(stage, sizes, given.events, given.rounds)}


def _scrape(stage: Stage, given: argparse.Namespace) -> dict[str, Any]:
    return scrape.measure(stage, given.rate, 4.0 if given.quick else 20.0)


def _latency(stage: Stage, given: argparse.Namespace) -> dict[str, Any]:
    return latency.measure(stage, given.rate, 4.0 if given.quick else 40.0)


def _stages(stage: Stage, given: argparse.Namespace) -> dict[str, Any]:
    return stages.measure(stage, given.events)


_PARTS: dict[str, Callable[[Stage, argparse.Namespace], dict[str, Any]]] = {
    "engines": _engines,
    "crew": _crew,
    "held": _held,
    "scrape": _scrape,
    "latency": _latency,
    "stages": _stages,
}


if __name__ == "__main__":
    main()
