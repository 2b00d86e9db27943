"""`make soak`: hours under load and random faults, with everything compared every few minutes.

    python -m tests.faults.soak --minutes 60 --seed 1

Not in continuous integration. Prints what it does, and at its end the report, which it also writes
to `.cache/soak.json`. A failure prints the whole history and the seed that gives it again.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from tests.brokers.kafka import Kafka
from tests.engine.system import System
from tests.faults import report
from tests.faults.chaos import LEFT, Chaos
from tests.faults.conftest import HASTY
from tests.faults.topics import HARD_COMPACTION, alter
from tests.faults.trial import Trial

FILE = report.FILE.with_name("soak.json")


def main() -> int:
    """Run it; 0 when nothing was lost and nothing counted twice."""
    options = _options()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it would tell of every outage
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    (folder / "broker").mkdir()
    try:
        with Kafka(folder / "broker", HASTY) as broker:
            passed = _soak(options, broker, folder)
    except BaseException:
        print(f"Logs are kept in {folder}", file=sys.stderr)
        raise
    shutil.rmtree(folder)
    return 0 if passed else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1000, help="records a second")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--every", type=float, default=4, help="minutes between two audits")
    parser.add_argument("--outage", type=float, default=60, help="seconds without a broker")
    return parser.parse_args()


def _soak(options: argparse.Namespace, broker: Kafka, folder: Path) -> bool:
    system = System(broker.bootstrap, folder, rebalance_timeout="10", transaction_timeout="20")
    alter(system, system.settings.changelog, HARD_COMPACTION)
    began = time.monotonic()
    trial = Trial(system, seed=options.seed, rate=options.rate, size=options.workers)
    chaos = Chaos(trial, broker, options.seed, options.outage)
    try:
        with chaos.told(), trial:
            while (left := options.minutes * 60 - (time.monotonic() - began)) > 0:
                until = time.monotonic() + min(left, options.every * 60)
                while time.monotonic() < until:
                    chaos.step()
                    _progress(began, chaos)
                chaos.calm()
                trial.verify()
                _progress(began, chaos, "everything is as it should be")
                trial.load.resume()
            trial.end(*LEFT)
    finally:
        system.end()
        whole = report.total([trial.tally.document()])
        whole |= {"seed": options.seed, "minutes": round((time.monotonic() - began) / 60, 1)}
        report.write(whole, FILE)
        print("\n".join(["", *report.lines(whole)]), flush=True)
    return not trial.tally.mismatches


def _progress(began: float, chaos: Chaos, text: str = "") -> None:
    trial = chaos.trial
    passed = timedelta(seconds=round(time.monotonic() - began))
    faults = trial.tally.faults.total()
    last = text or chaos.history[-1].strip()
    print(f"{passed}  {len(trial.load.sent):>9,} sent  {faults:>4} faults  {last}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
