"""Stock Faust: an agent and a table, as its documentation has it.

The table is kept in memory, the fastest of its stores. Logging, which Faust leaves at DEBUG under
its own level, is off.
"""

import json
import logging
import os
import signal
import sys

import faust
import work


def main(
    broker: str,
    topics: list[str],
    events: int,
    group: str,
    folder: str,
    commit_seconds: float,
    partitions: int,
) -> None:
    app = faust.App(
        group,
        broker=f"kafka://{broker}",
        store="memory://",
        datadir=folder,
        topic_partitions=partitions,
        topic_replication_factor=1,
        broker_commit_interval=commit_seconds,
        stream_buffer_maxsize=32_768,
        web_enabled=False,
    )
    counts = app.Table("counts", partitions=partitions)
    seen = 0

    @app.agent(app.topic(*topics, key_serializer="raw", value_serializer="raw"))
    async def count(stream: faust.StreamT[bytes]) -> None:
        nonlocal seen
        async for key, value in stream.items():
            event = work.decode(value)
            name = key.decode()
            state = counts.get(name) or work.new()
            work.count(state, event.kind, work.day_of[event.at[:10]])
            counts[name] = state
            seen += 1
            if seen == events:
                os.kill(os.getpid(), signal.SIGTERM)

    worker = faust.Worker(app, loglevel="error")
    logging.disable(logging.WARNING)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
