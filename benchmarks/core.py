"""What the core costs, stage by stage: CPU time of one thread, without Kafka and without Faust.

    python -m benchmarks.core [--events N] [--flush N]

Seeded events (Zipf accounts and members, then uniform ones) go in chunks through one partition:
decoded, admitted, applied, and settled every so many events; then the census of each account is
read twice, and the table restored from its values. Figures of one machine compare only with each
other, and on a busy one not even that: take the best of several runs.
"""

import argparse
import gc
import json
import platform
import random
import time
from collections import defaultdict, deque
from itertools import accumulate
from typing import NamedTuple

from streams.core.admission import admit, decode_records
from streams.core.partition import Partition, Rules
from streams.core.time import format_ms

START_MS = 1_772_323_200_000  # 2026-03-01
DAYS = 28
ACCOUNTS, MEMBERS = 200, 50_000
KINDS = ("like",) * 60 + ("reply",) * 20 + ("share",) * 12 + ("follow",) * 8
CHUNK = 1000
RULES = Rules(partitions=1)


class Record(NamedTuple):
    value: bytes
    timestamp: int = -1
    headers: tuple[tuple[str, bytes], ...] = ()


Chunk = tuple[str, list[Record]]


def chunks(count: int, exponent: float) -> list[Chunk]:
    """Seeded events in the order of their time, in chunks of one topic."""
    random_ = random.Random(1)
    accounts = chosen(random_, [f"brand-{n:04d}" for n in range(ACCOUNTS)], exponent, count)
    members = chosen(random_, [f"did:plc:member{n:08d}" for n in range(MEMBERS)], exponent, count)
    topics: dict[str, list[Record]] = defaultdict(list)
    cut = []
    for number, (account, member) in enumerate(zip(accounts, members, strict=True)):
        kind = random_.choice(KINDS)
        event = {
            "kind": kind,
            "id": f"at://{member}/{kind}/{number}",
            "account": account,
            "member": member,
            "direction": "outbound" if random_.random() < 0.1 else "inbound",
            "at": format_ms(START_MS + number * DAYS * 86_400_000 // count),
        }
        topics[kind].append(Record(json.dumps(event, separators=(",", ":")).encode()))
        if len(topics[kind]) == CHUNK:
            cut.append((kind, topics.pop(kind)))
    return cut + list(topics.items())


def chosen(random_: random.Random, names: list[str], exponent: float, count: int) -> list[str]:
    weights = list(accumulate(rank**-exponent for rank in range(1, len(names) + 1)))
    return random_.choices(names, cum_weights=weights, k=count)


class Watch:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._since = time.process_time()

    def start(self) -> None:
        self._since = time.process_time()

    def stop(self, stage: str) -> None:
        now = time.process_time()
        self.seconds[stage] += now - self._since
        self._since = now


def measure(cut: list[Chunk], flush: int) -> tuple[dict[str, float], Partition]:
    """µs per event of each stage; µs per account read; µs per relationship restored."""
    partition, watch = Partition(0, RULES), Watch()
    events = waiting = 0
    for kind, records in cut:
        watch.start()
        decode_records(records, RULES.max_value_bytes)
        watch.stop("decode")
        deque(admit(records, kind, 0, RULES, partition.relationships, 0), maxlen=0)
        watch.stop("decode, admit")
        partition.apply(kind, records, 0)
        watch.stop("decode, admit, apply")
        events += len(records)
        waiting += len(records)
        if waiting >= flush:
            partition.settle()
            watch.stop("settle")
            waiting = 0
    watch.start()
    partition.settle()
    watch.stop("settle")
    accounts = partition.census.accounts()
    for stage in "read an account", "read it again":
        for account in accounts:
            partition.census.read(account, partition.clock)
        watch.stop(stage)
    restored = Partition(0, RULES)
    for key, value in partition.relationships.items():
        restored.restore(key, value)
    restored.restored(partition.clock)
    watch.stop("restore")
    spent = watch.seconds
    total = spent["decode, admit, apply"] + spent["settle"]
    return {
        "decode": spent["decode"] / events * 1e6,
        "admit": (spent["decode, admit"] - spent["decode"]) / events * 1e6,
        "apply": (spent["decode, admit, apply"] - spent["decode, admit"]) / events * 1e6,
        "settle": spent["settle"] / events * 1e6,
        "an event": total / events * 1e6,
        "restore a relationship": spent["restore"] / len(partition.relationships) * 1e6,
        "read an account": spent["read an account"] / len(accounts) * 1e6,
        "read it again": spent["read it again"] / len(accounts) * 1e6,
    }, partition


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=80_000)
    parser.add_argument("--flush", type=int, default=20_000, help="events between two settles")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}; µs of CPU, best of two")
    for data, exponent in (("Zipf 0.8", 0.8), ("Zipf 1.0", 1.0), ("uniform", 0.0)):
        cut = chunks(arguments.events, exponent)
        rounds = []
        for _ in range(2):
            gc.collect()
            gc.freeze()  # as a worker does: what is there is not walked again
            figures, partition = measure(cut, arguments.flush)
            rounds.append(figures)
            gc.unfreeze()
        best = min(rounds, key=lambda figures: figures["an event"])
        print(f"\n{data}: {arguments.events} events, {len(partition.relationships)} relationships")
        for stage, figure in best.items():
            print(f"  {stage:<24}{figure:8.2f}")


if __name__ == "__main__":
    main()
