"""The agent that applies likes, replies, follows and shares to the relationships table."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NoReturn

from streams.table import BrokenInvariant, Halt, RelationshipsTable
from streams.transport import Chunk, ChunkSchema
from streams.transport.app import ChunkedApp


def consume_relationships(
    app: ChunkedApp, table: RelationshipsTable, halt: Callable[[Halt], NoReturn]
) -> None:
    """Register the agent: each chunk of the source topics is applied to the table, in order."""
    source = app.topic(*sorted(table.topics), schema=ChunkSchema())
    # Progress is the table's: acks would only pile up.
    source.acks = False

    @app.agent(source, name="relationships", concurrency=1)  # type: ignore[untyped-decorator]
    async def relationships(chunks: AsyncIterator[Chunk]) -> None:
        async for chunk in chunks:
            if not app.consumer.is_current(chunk):
                continue  # read before the latest seek: its records will be read again
            try:
                table.apply(chunk)
            except Exception as error:
                halt(
                    BrokenInvariant(
                        f"applying {chunk.topic}/{chunk.partition} from offset {chunk.start} "
                        f"failed: {error!r}"
                    )
                )
            if table.flush_is_due:
                await table.flush()
            # A queue that is not empty gives nobody else a turn: chunks of many partitions come
            # together, and would be one long halt.
            await asyncio.sleep(0)
