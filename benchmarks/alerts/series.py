"""A world as a Prometheus sees it that scrapes its worker: what the rules about accounts read.

`streams.past` does the same from the pages that a worker serves, for every series, and takes ten
times as long; that both say the same is tested.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from schemas.events import TOPIC_OF
from streams.core.partition import Partition, Rules
from streams.core.series import SERIES, Series
from streams.core.time import HOUR_MS
from streams.synthetic import World, deliveries

Sample = tuple[str, float]
"""A series in Prometheus's notation, and its value."""


class _Record(NamedTuple):
    value: bytes
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


def scrapes(
    world: World, moments: Iterable[int], names: Container[str]
) -> Iterator[tuple[int, list[Sample]]]:
    """What one worker with one partition, which is never behind, answers at each moment.

    Args:
        world: some accounts.
        moments: ms, ascending.
        names: the metrics that are of interest.
    """
    partition = Partition(0, Rules(partitions=1, clock="wall"))
    census = {
        cast.id: [
            (place, _named(series, cast.id))
            for place, series in enumerate(SERIES)
            if series.name in names
        ]
        for cast in world.accounts
    }
    last_events: dict[str, int] = {}
    sent = deliveries(world)
    following = next(sent, None)
    for now_ms in moments:
        chunks: dict[str, list[_Record]] = defaultdict(list)
        while following is not None and (at_ms := following.at_ms) < now_ms:
            chunks[following.kind].append(_Record(following.value, at_ms))
            following = next(sent, None)
        for kind, records in chunks.items():
            applied = partition.apply(kind, records, now_ms)
            topic = TOPIC_OF[kind]
            last_events[topic] = max(applied.last_event_ms, last_events.get(topic, -1))
        partition.tell_time(now_ms)
        partition.settle()
        pipeline = _pipeline(partition, last_events)
        samples = [one for one in pipeline if one[0].partition("{")[0] in names]
        for account, series in census.items():
            row = partition.census.read(account, partition.clock)
            samples += [(name, float(row[place])) for place, name in series]
        yield now_ms, samples


def _named(series: Series, account: str) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in series.labels)
    return f'{series.name}{{account="{account}"{"," if labels else ""}{labels}}}'


def _pipeline(partition: Partition, last_events: dict[str, int]) -> Iterator[Sample]:
    yield "closeknit_accounts_over_limit", 0.0
    yield "closeknit_partitions", 1.0
    yield 'closeknit_partition_ready{partition="0"}', 1.0
    yield 'closeknit_clock_timestamp_seconds{partition="0"}', partition.clock * HOUR_MS / 1000
    for topic in TOPIC_OF.values():
        place = f'{{partition="0",topic="{topic}"}}'
        yield f"closeknit_consumer_lag_seconds{place}", 0.0
        if topic in last_events:
            yield f"closeknit_last_event_timestamp_seconds{place}", last_events[topic] / 1000
