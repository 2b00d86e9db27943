"""Begins the world of the demo, and writes its past as `closeknit backfill --openmetrics` would.

begin.py THRESHOLDS [FIRST_DAY]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
from kafka import KafkaConsumer, TopicPartition
from world import begun, remember, remembered, ten_weeks_before

from streams.alerting.levels import level_files
from streams.alerting.thresholds import read
from streams.core.partition import Rules
from streams.core.time import HOUR_MS
from streams.metrics.accounts import Accounts
from streams.past import STATES, Past, Witness
from streams.settings import Settings, load
from streams.synthetic import World, deliveries


def samples(world: World, rules: Rules, now_ms: int) -> Iterator[str]:
    """Lines of OpenMetrics: the world until now, every other hour."""
    witness = Witness(rules._replace(partitions=1), Accounts(), only=STATES)
    past = Past(witness, every_ms=2 * HOUR_MS)
    for one in deliveries(world):
        if one.at_ms >= now_ms:
            break
        yield from past.see(one.kind, one.at_ms, one.value)
    yield from past.end(now_ms)


def write(folder: Path, world: World, rules: Rules, thresholds: str, now_ms: int) -> None:
    """Write samples, and the rules that `past.sh` evaluates over them."""
    with (folder / "past.om").open("w") as file:
        file.writelines(samples(world, rules, now_ms))
        file.write("# EOF\n")
    for name, text in level_files(read(thresholds)):
        (folder / name).write_text(text)


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
    write(folder, world, settings.rules, Path(thresholds).read_text(), now_ms)
    remember(folder, world)  # last: whatever fails before it is done again
    click.echo(f"A world began on {world.first_day}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
