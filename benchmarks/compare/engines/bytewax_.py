"""Bytewax with recovery: batches from Kafka, one call per key and batch, snapshots in SQLite."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import work
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main


class Counts(StatefulBatchLogic[Any, Any, Any]):
    def __init__(self, state: list[int] | None) -> None:
        self.state = state or work.new()

    def on_batch(self, values: list[tuple[str, int]]) -> tuple[tuple[()], bool]:
        for kind, day in values:
            work.count(self.state, kind, day)
        return (), False

    def snapshot(self) -> list[int]:
        return self.state.copy()


class Nowhere(StatelessSinkPartition[Any]):
    def write_batch(self, items: list[Any]) -> None:
        pass


class Void(DynamicSink[Any]):
    def build(self, *_: object) -> Nowhere:
        return Nowhere()


def parsed(messages: list[Any]) -> list[tuple[str, tuple[str, int]]]:
    found = []
    for message in messages:
        event = work.decode(message.value)
        found.append((message.key.decode(), (event.kind, work.day_of[event.at[:10]])))
    return found


def main(
    broker: str, topics: list[str], folder: str, commit_seconds: float, batch_size: int
) -> None:
    Path(folder).mkdir(parents=True)
    init_db_dir(folder, 1)
    flow = Dataflow("counts")
    source = KafkaSource([broker], topics, tail=False, batch_size=batch_size)
    messages = op.input("read", flow, source)
    keyed = op.flat_map_batch("parse", messages, parsed)
    counted = op.stateful_batch("count", keyed, Counts)
    op.output("out", counted, Void())
    run_main(
        flow,
        epoch_interval=timedelta(seconds=commit_seconds),
        recovery_config=RecoveryConfig(folder),
    )


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
