"""Whether the source topics are still those that the offsets are of.

A topic that is deleted and created anew has the same name, and its offsets begin again; a Kafka
client that goes by names reads on in it as if nothing had happened. So before every commit, and
after everything in it was read, the topics' ids are asked for. Ids never come back: if they are now
what they were, all that was read belongs to the topics that the partition record names.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

from streams.core.partition_record import Position
from streams.table.halt import SourceReplaced

Ask = Callable[[Collection[str]], Awaitable[Mapping[str, str | None]]]
"""Asks the cluster for topic ids; None for a topic that does not exist, or has none."""


class Sources:
    """Compares topic ids with those in positions.

    One question is under way at a time. Partitions that flush meanwhile share the next one: it is
    asked after they have taken what they write.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._asking = asyncio.Lock()
        self._next: asyncio.Task[Mapping[str, str | None]] | None = None

    async def confirm(self, positions: Mapping[str, Position]) -> None:
        """Return if everything read so far was read from the topics of these positions.

        Raises:
            SourceReplaced: a topic is gone, or another one has its name.
        """
        known = {name: p.topic_id for name, p in positions.items() if p.topic_id is not None}
        if not known:
            return  # no ids here: the broker has none
        if self._next is None:
            self._next = asyncio.ensure_future(self._asked(sorted(positions)))
        ids = await asyncio.shield(self._next)
        if replaced := [name for name, topic_id in known.items() if ids[name] != topic_id]:
            raise SourceReplaced(
                "; ".join(_what_happened(name, known[name], ids[name]) for name in replaced)
            )

    async def _asked(self, names: Collection[str]) -> Mapping[str, str | None]:
        async with self._asking:
            await asyncio.sleep(0)  # all that flush now have taken what they write
            self._next = None
            return await self._ask(names)


def _what_happened(name: str, before: str | None, now: str | None) -> str:
    if now is None:
        return (
            f"the source topic {name} (id {before}) was deleted. What was flushed stays in the "
            "tables. Create it again (closeknit topics create), then start the worker"
        )
    return (
        f"the source topic {name} was deleted and created anew while it was read (id {before} "
        f"became {now}). Nothing of the new one was written down: start the worker again, and it "
        "reads it from its start; what was flushed of the old one stays in the tables"
    )
