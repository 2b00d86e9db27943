"""What each stage costs: CPU time of one thread, without Kafka and without Faust.

    python -m benchmarks.core [--events N] [--flush N]

Seeded events (Zipf accounts and members, then uniform ones) go in chunks through one partition:
decoded, admitted, applied, and every so many events settled (filed in the census) and encoded as
for the changelog. Then the census of each account is read twice, the table restored from its values
and exported, and a page of a thousand accounts rendered: for the first time, and again after each
of them has changed. Figures of one machine compare only with each
other, and on a busy one not even that: take the best of several runs.
"""

import argparse
import gc
import json
import platform
import random
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from aiokafka.producer.message_accumulator import BatchBuilder

from streams import kernel
from streams.changelog import Changelog
from streams.core.admission import admit, decode_records
from streams.core.partition import Partition, Rules
from streams.core.time import format_ms
from streams.export import relationships
from streams.metrics.accounts import Accounts
from streams.metrics.collector import Page
from streams.metrics.meters import Meters
from streams.metrics.view import PartitionView

START_MS = 1_772_323_200_000  # 2026-03-01
DAYS = 28
END_MS = START_MS + DAYS * 86_400_000
ACCOUNTS = 200
NAMES = [f"did:plc:member{n:08d}" for n in range(50_000)]
KINDS = ("like",) * 60 + ("reply",) * 20 + ("share",) * 12 + ("follow",) * 8
CHUNK = 1000
RULES = Rules(partitions=1)


class Record(NamedTuple):
    value: bytes
    timestamp: int = -1
    headers: tuple[tuple[str, bytes], ...] = ()


Chunk = tuple[str, list[Record]]


def chunks(
    count: int,
    exponent: float,
    accounts: Sequence[str] = tuple(f"brand-{n:04d}" for n in range(ACCOUNTS)),
    seed: int = 1,
    start_ms: int = START_MS,
) -> list[Chunk]:
    """Seeded events in the order of their time, in chunks of one topic."""
    random_ = random.Random(seed)
    chosen_accounts = chosen(random_, accounts, exponent, count)
    members = chosen(random_, NAMES, exponent, count)
    topics: dict[str, list[Record]] = defaultdict(list)
    cut = []
    for number, (account, member) in enumerate(zip(chosen_accounts, members, strict=True)):
        kind = random_.choice(KINDS)
        event = {
            "kind": kind,
            "id": f"at://{member}/{kind}/{number}",
            "account": account,
            "member": member,
            "direction": "outbound" if random_.random() < 0.1 else "inbound",
            "at": format_ms(start_ms + number * DAYS * 86_400_000 // count),
        }
        topics[kind].append(Record(json.dumps(event, separators=(",", ":")).encode()))
        if len(topics[kind]) == CHUNK:
            cut.append((kind, topics.pop(kind)))
    return cut + list(topics.items())


def chosen(random_: random.Random, names: Sequence[str], exponent: float, count: int) -> list[str]:
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


def measure(cut: list[Chunk], flush_every: int) -> tuple[dict[str, float], Partition]:
    """µs per event of each stage; µs per account read; µs per relationship restored."""
    partition, watch = Partition(0, RULES), Watch()
    events = waiting = 0

    def flush() -> None:
        values = partition.settle()
        watch.stop("settle")
        encode(values)
        watch.stop("encode")

    for kind, records in cut:
        watch.start()
        decode_records(records, RULES.max_value_bytes)
        watch.stop("decode")
        admit(records, kind, 0, RULES, partition.relationships, 0)
        watch.stop("decode, admit")
        partition.apply(kind, records, 0)
        watch.stop("decode, admit, apply")
        events += len(records)
        waiting += len(records)
        if waiting >= flush_every:
            flush()
            waiting = 0
    watch.start()
    flush()
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
    changelog = Changelog(dict(partition.relationships), {})
    deque(relationships(changelog, partition.clock), maxlen=0)
    watch.stop("export")
    spent = watch.seconds
    total = spent["decode, admit, apply"] + spent["settle"] + spent["encode"]
    return {
        "decode": spent["decode"] / events * 1e6,
        "admit": (spent["decode, admit"] - spent["decode"]) / events * 1e6,
        "apply": (spent["decode, admit, apply"] - spent["decode, admit"]) / events * 1e6,
        "settle": spent["settle"] / events * 1e6,
        "encode": spent["encode"] / events * 1e6,
        "an event": total / events * 1e6,
        "restore a relationship": spent["restore"] / len(partition.relationships) * 1e6,
        "export a relationship": spent["export"] / len(partition.relationships) * 1e6,
        "read an account": spent["read an account"] / len(accounts) * 1e6,
        "read it again": spent["read it again"] / len(accounts) * 1e6,
    }, partition


def encode(values: Iterable[tuple[bytes, bytes]]) -> None:
    """Build changelog batches as a flush does, short of sending them."""
    batch = new_batch()
    for key, value in values:
        if batch.append(key=key, value=value, timestamp=None) is None:
            batch.close()
            batch = new_batch()
            batch.append(key=key, value=value, timestamp=None)
    batch.close()


def new_batch() -> BatchBuilder:
    return BatchBuilder(512 << 10, 0, is_transactional=1)


class Table:
    """What a page is made of: one worker's partitions."""

    def __init__(self, states: list[Partition]) -> None:
        self._states = states
        self.partition_count = len(states)

    def partitions(self) -> list[PartitionView]:
        return [
            PartitionView(s.number, True, s.clock, s.census, len(s.relationships), 0, 0, 0)
            for s in self._states
        ]


def scrape(accounts: int, partitions: int = 4) -> dict[str, float]:
    """Milliseconds for a page of so many accounts with four weeks behind them."""
    states = [Partition(number, Rules(partitions=1)) for number in range(partitions)]
    for number in range(accounts):
        for kind, records in chunks(100, 0.0, accounts=(f"brand-{number:04d}",), seed=number):
            for state in states:
                state.apply(kind, records, 0)
    for state in states:
        state.settle()
    page = Page(Table(states), Meters(), Accounts(limit=accounts), now=lambda: 0.0)
    watch = Watch()
    page()
    watch.stop("first")
    for number in range(accounts):
        latest = chunks(1, 0.0, accounts=(f"brand-{number:04d}",), seed=-number, start_ms=END_MS)
        for state in states:
            state.apply(*latest[0], 0)
    for state in states:
        state.settle()
    watch.start()
    page()
    watch.stop("second")
    return {
        "the first page": watch.seconds["first"] * 1000,
        "a page after all changed": watch.seconds["second"] * 1000,
    }


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=80_000)
    parser.add_argument("--flush", type=int, default=20_000, help="events between two settles")
    parser.add_argument("--accounts", type=int, default=1_000, help="accounts on the page")
    arguments = parser.parse_args(words)
    form = "compiled" if kernel.in_use() else "Python"
    python = platform.python_version()
    print(f"{platform.machine()}, Python {python}, core: {form}; µs of CPU, best of two")
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
    print(f"\n{arguments.accounts} accounts in four partitions, ms of CPU")
    for stage, figure in scrape(arguments.accounts).items():
        print(f"  {stage:<24}{figure:8.1f}")


if __name__ == "__main__":
    main()
