"""The headers of a dead letter: why it could not be applied, and where it came from.

Key and value of a dead letter are those of the refused record, byte for byte, so that nothing is
lost and nothing grows; what we have to say about it goes before its own headers.
"""

from collections.abc import Sequence

from schemas.events import Reason

Headers = Sequence[tuple[str, bytes]]

REASON = "closeknit-reason"
DETAIL = "closeknit-detail"
TOPIC = "closeknit-topic"
PARTITION = "closeknit-partition"
OFFSET = "closeknit-offset"
TIMESTAMP = "closeknit-timestamp"


def dead_letter_headers(
    reason: Reason,
    detail: str,
    topic: str,
    partition: int,
    offset: int,
    timestamp: int,
    own: Headers,
) -> list[tuple[str, bytes]]:
    """Return the headers of a dead letter: ours, then the record's own unchanged.

    Args:
        reason: why it was refused.
        detail: the same for a person, in a sentence.
        topic: where it was read, with `partition` and `offset`.
        partition: see `topic`.
        offset: see `topic`.
        timestamp: the record's Kafka timestamp, ms since the epoch.
        own: the headers that it came with.
    """
    return [
        (REASON, reason.encode()),
        (DETAIL, detail.encode("utf-8", "replace")),
        (TOPIC, topic.encode()),
        (PARTITION, b"%d" % partition),
        (OFFSET, b"%d" % offset),
        (TIMESTAMP, b"%d" % timestamp),
        *own,
    ]
