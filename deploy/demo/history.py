"""Writes the past of the demo: what Prometheus would know, had it watched for ten weeks.

A worker's own partition applies every event of the world, and is asked every other hour for
the page that a worker serves; of that page the series are kept from which the rules record. The
rules are written beside it, in levels: promtool, which evaluates them over the past, shows no rule
what another one of the same run recorded.

    history.py THRESHOLDS [FIRST_DAY]
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import click
from kafka import KafkaConsumer, TopicPartition
from world import begun, remember, remembered, ten_weeks_before

from schemas.events import TOPIC_OF
from streams.alerting.recording import recording
from streams.alerting.rules import Record
from streams.alerting.thresholds import read
from streams.core.partition import Partition, Rules
from streams.core.time import HOUR_MS
from streams.metrics.accounts import Accounts
from streams.metrics.collector import Page
from streams.metrics.meters import Meters
from streams.metrics.view import PartitionView
from streams.settings import Settings, load
from streams.synthetic import World, deliveries

_NAME: Final = re.compile(r"[A-Za-z_:][\w:]*")
_EVERY_MS: Final = 2 * HOUR_MS
_PARTS: Final = 4


class Worker:
    """A worker that holds everything, in one partition, and is never behind.

    It is also the view of its table, as a scrape sees it.
    """

    partition_count = 1

    def __init__(self, rules: Rules) -> None:
        self._partition = Partition(0, rules._replace(partitions=1, clock="wall"))
        self._meters = Meters()
        self._now_ms = 0
        self.page = Page(self, self._meters, Accounts(), now=lambda: self._now_ms / 1000)

    def partitions(self) -> Sequence[PartitionView]:
        """The one partition."""
        one = self._partition
        return [PartitionView(0, True, one.clock, one.census, len(one.relationships), 0, 0, 0)]

    def read(self, kind: str, records: list[SimpleNamespace], now_ms: int) -> None:
        """Apply a chunk, and count it as the table does."""
        topic, meters = TOPIC_OF[kind], self._meters
        applied = self._partition.apply(kind, records, now_ms)
        meters.count(topic, applied.outcomes)
        for refused in applied.refused:
            meters.dead_letter(refused.reason)
        meters.event_seen(topic, 0, applied.last_event_ms)

    def arrive(self, now_ms: int) -> None:
        """It is now so late, and everything written before has been read."""
        self._now_ms = now_ms
        self._partition.tell_time(now_ms)
        self._partition.settle()
        for topic in TOPIC_OF.values():
            self._meters.position(topic, 0, position=1, end=1, now_ms=now_ms)


def samples(world: World, rules: Rules, names: frozenset[str], until_ms: int) -> Iterator[str]:
    """Lines of OpenMetrics: these metrics of the page, every other hour up to `until_ms`."""
    worker = Worker(rules)
    now_ms = world.start
    chunks: dict[str, list[SimpleNamespace]] = {}
    for delivery in deliveries(world):
        while now_ms <= delivery.at_ms:
            for kind, records in chunks.items():
                worker.read(kind, records, now_ms)
            chunks = {}
            worker.arrive(now_ms)
            yield from _stamped(worker.page(), names, now_ms)
            if (now_ms := now_ms + _EVERY_MS) > until_ms:
                return
        record = SimpleNamespace(
            key=delivery.key, value=delivery.value, timestamp=delivery.at_ms, headers=(), offset=0
        )
        chunks.setdefault(delivery.kind, []).append(record)


def _stamped(page: bytes, names: frozenset[str], now_ms: int) -> Iterator[str]:
    for line in page.decode().splitlines():
        if (name := _NAME.match(line)) and name[0] in names:
            yield f"{line} {now_ms // 1000}\n"


def levels(rules: Iterable[Record]) -> list[list[Record]]:
    """The rules in the order in which they need each other: a level reads only those before it."""
    waiting, found = list(rules), []
    while waiting:
        missing = {rule.record for rule in waiting}
        level = [rule for rule in waiting if not missing & set(_NAME.findall(rule.expr))]
        found.append(level)
        waiting = [rule for rule in waiting if rule not in level]
    return found


def write(folder: Path, world: World, rules: Rules, records: list[Record], now_ms: int) -> None:
    """Write samples, rules, and the stretch of time they are about, for `history.sh`."""
    names = frozenset(name for rule in records for name in _NAME.findall(rule.expr))
    with (folder / "history.om").open("w") as file:
        file.writelines(samples(world, rules, names, now_ms))
        file.write("# EOF\n")
    for number, level in enumerate(levels(records)):
        # In parts, which promtool can evaluate side by side.
        for part in range(min(_PARTS, len(level))):
            group = {
                "name": f"level-{number}-{part}",
                "interval": "5m",  # for so long does a chart look back
                "rules": [rule.document() for rule in level[part::_PARTS]],
            }
            path = folder / f"level-{number}-{part}.json"  # which is YAML too
            path.write_text(json.dumps({"groups": [group]}))
    (folder / "start").write_text(f"{world.start // 1000}\n")
    (folder / "end").write_text(f"{now_ms // 1000}\n")


def _refuse_others(settings: Settings) -> None:
    """Stop before invented people are mixed with real ones."""
    consumer = KafkaConsumer(**settings.connection())
    try:
        numbers = range(settings.partitions)
        places = [TopicPartition(topic, n) for topic in settings.topics.values() for n in numbers]
        if any(consumer.end_offsets(places).values()):
            sys.exit(
                "The source topics hold events that are not the demo's, and nothing takes invented "
                "people out again. Nothing was done. Give the demo a project of its own: "
                "docker compose --project-name closeknit-demo --profile demo up"
            )
    finally:
        consumer.close()


def main(thresholds: str, first_day: str | None = None) -> None:
    """Begin the world, once."""
    settings = load()
    folder = settings.data_dir
    if known := remembered(folder):
        click.echo(f"The demo goes on with its world, which began on {known.first_day}.")
        return
    _refuse_others(settings)
    now_ms = time.time_ns() // 1_000_000
    world = begun(first_day or ten_weeks_before(now_ms))
    group = recording(read(Path(thresholds).read_text()))
    records = [rule for rule in group.rules if isinstance(rule, Record)]
    write(folder, world, settings.rules, records, now_ms)
    remember(folder, world)  # last: whatever fails before it is done again
    click.echo(f"A world began on {world.first_day}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
