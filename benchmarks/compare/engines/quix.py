"""Quix Streams: one state store for four topics, RocksDB with a changelog topic.

Values are taken as bytes and parsed by msgspec, which is faster than the framework's own parser.
"""

import json
import sys

import work
from quixstreams import Application, State


def main(
    broker: str,
    topics: list[str],
    events: int,
    group: str,
    folder: str,
    commit_seconds: float,
    guarantee: str,
) -> None:
    app = Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=commit_seconds,
        processing_guarantee=guarantee,
        state_dir=folder,
        loglevel="WARNING",
        consumer_extra_config={"fetch.wait.max.ms": 20},
    )
    frames = [
        app.dataframe(app.topic(name, key_deserializer="bytes", value_deserializer="bytes"))
        for name in topics
    ]
    joined = frames[0]
    for frame in frames[1:]:
        joined = joined.concat(frame)

    def count(value: bytes, state: State) -> None:
        event = work.decode(value)
        known = state.get("counts") or work.new()
        work.count(known, event.kind, work.day_of[event.at[:10]])
        state.set("counts", known)

    joined.update(count, stateful=True)
    app.run(count=events, collect=False)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
