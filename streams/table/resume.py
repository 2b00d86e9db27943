"""Where to read on in a source partition, decided from what the changelog and the broker say."""

from typing import NamedTuple

from streams.core.partition_record import Position
from streams.table.halt import BrokenInvariant


class Log(NamedTuple):
    """A source partition as the broker has it now: `end` is that of committed records."""

    topic_id: str | None
    earliest: int
    end: int


class Resumption(NamedTuple):
    """The next offset to read, and what a person should know about it (empty: nothing)."""

    offset: int
    warning: str = ""


def resume(name: str, stored: Position | None, log: Log) -> Resumption:
    """Decide where to read on.

    Args:
        name: the source partition, for messages.
        stored: its position in the partition record, if it was ever read.
        log: what the broker has.

    Raises:
        BrokenInvariant: the same topic now ends before what was already applied.
    """
    if stored is None:
        return Resumption(log.earliest)
    known = stored.topic_id is not None and log.topic_id is not None
    if known and stored.topic_id != log.topic_id:
        return Resumption(
            log.earliest,
            f"{name} was deleted and created anew (topic id {stored.topic_id} became "
            f"{log.topic_id}): reading the new one from its start; what was applied stays",
        )
    if stored.offset > log.end:
        if known:
            raise BrokenInvariant(
                f"{name} ends at offset {log.end}, but records up to {stored.offset} were already "
                "applied: the broker lost records (unclean leader election, restored disk?). "
                "Restore the topic, or rebuild from what it still has with: closeknit reset"
            )
        return Resumption(
            log.earliest,
            f"{name} ends at offset {log.end}, before {stored.offset} where we stopped, so it was "
            "deleted and created anew: reading it from its start; what was applied stays",
        )
    if stored.offset < log.earliest:
        return Resumption(
            log.earliest,
            f"{name} starts at offset {log.earliest}, after {stored.offset} where we stopped: "
            f"up to {log.earliest - stored.offset} records were deleted by retention before they "
            "were read; give the topic a longer retention.ms than any outage you expect",
        )
    return Resumption(stored.offset)
