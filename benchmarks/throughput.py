"""How fast one worker drains a backlog, flushes included.

    python -m benchmarks.throughput [--events N] [--uniform] [--rounds N]

Starts real Apache Kafka, loads seeded events (four topics, four partitions, Zipf accounts and
members, or uniform ones), and lets one worker apply them. Events per second are those between the
first and the last look at the worker's own counter; CPU seconds are the worker's own, from its
start to its end, set-up included. Figures of one machine compare only with each other.
"""

import argparse
import json
import os
import platform
import random
import resource
import statistics
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from streams.core.time import format_ms
from tests.brokers.kafka import Kafka
from tests.engine.system import System, Worker

START_MS = 1_772_323_200_000  # 2026-03-01
DAYS = 28
ACCOUNTS, MEMBERS = 200, 50_000
KINDS = ("like",) * 60 + ("reply",) * 20 + ("share",) * 12 + ("follow",) * 8


class Round(NamedTuple):
    events_per_second: float
    cpu_seconds_per_100k: float
    peak_mb: float


def events(count: int, seed: int, *, uniform: bool) -> list[str]:
    """Seeded events as JSON lines, in the order of their time."""
    random_ = random.Random(seed)
    accounts = [f"brand-{n:04d}" for n in range(ACCOUNTS)]
    members = [f"did:plc:member{n:08d}" for n in range(MEMBERS)]
    zipf = None if uniform else list(accumulate(1 / rank for rank in range(1, ACCOUNTS + 1)))
    heavy = None if uniform else list(accumulate(1 / rank for rank in range(1, MEMBERS + 1)))
    chosen = random_.choices(accounts, cum_weights=zipf, k=count)
    by = random_.choices(members, cum_weights=heavy, k=count)
    kinds = random_.choices(KINDS, k=count)
    step = DAYS * 86_400_000 / count
    return [
        json.dumps(
            {
                "kind": kind,
                "id": f"at://{member}/{kind}/{number}",
                "account": account,
                "member": member,
                "direction": "outbound" if random_.random() < 0.1 else "inbound",
                "at": format_ms(START_MS + int(number * step)),
            },
            separators=(",", ":"),
        )
        for number, (kind, account, member) in enumerate(zip(kinds, chosen, by, strict=True))
    ]


def drain(system: System, expected: int) -> Round:
    """Run one worker over the backlog and watch its counter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    worker = system.worker("--until-caught-up")
    looks: list[tuple[float, int]] = []
    while worker.process.poll() is None:
        if (applied := read(worker)) > 0 and (not looks or applied > looks[-1][1]):
            looks.append((time.perf_counter(), applied))
        time.sleep(3.0)  # each look is a scrape, and costs the worker what a scrape costs
    if worker.process.returncode != 0 or not looks:
        raise SystemExit(worker.said())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    (first, at_first), (last, at_last) = looks[0], looks[-1]
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return Round(
        (at_last - at_first) / (last - first), cpu / expected * 100_000, used.ru_maxrss / 1024
    )


def read(worker: Worker) -> int:
    return worker.counts("closeknit_events_total", "outcome").total()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--uniform", action="store_true", help="no hot accounts or members")
    arguments = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as folder, Kafka(make(folder, "kafka")) as kafka:
        lines = "\n".join(events(arguments.events, seed=1, uniform=arguments.uniform)) + "\n"
        for number in range(arguments.rounds):
            system = System(kafka.bootstrap, make(folder, f"round-{number}"))
            system.cli("replay", "-", stdin=lines)
            rounds.append(drain(system, arguments.events))
            print(json.dumps(rounds[-1]._asdict()))
    print(
        json.dumps(
            {
                "events": arguments.events,
                "data": "uniform" if arguments.uniform else "zipf",
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "python": platform.python_version(),
                "median": Round(*map(statistics.median, zip(*rounds, strict=True)))._asdict(),
            },
            indent=2,
        )
    )


def make(folder: str, name: str) -> Path:
    path = Path(folder) / name
    path.mkdir()
    return path


if __name__ == "__main__":
    main()
