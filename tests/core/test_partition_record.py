"""The partition record: read back as written, or refused in plain words."""

import pytest

from streams.core.formats import UnknownFormat
from streams.core.packing import FORMAT
from streams.core.partition_record import KEY, PartitionRecord, Position

RECORD = PartitionRecord(
    clock=495_230,
    next={"likes": Position(7, "aUuid"), "replies": Position(0)},
    settings={"partitions": 12.0, "half_life_days": 14.0},
)


def test_it_is_json_that_reads_back_the_same() -> None:
    """Any Kafka tool can show it."""
    assert RECORD.encode().startswith(b'{"format":%d,"clock":495230,' % FORMAT)
    assert PartitionRecord.decode(RECORD.encode()) == RECORD


def test_no_relationship_can_have_its_key() -> None:
    """Ids hold no control characters."""
    assert KEY[0] < 0x20


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            b'{"format":99,"what":"ever"}',
            "in format 99, this version knows 1: run the version",
        ),
        (b'{"format":1}', "cannot be read"),  # nothing else in it
        (b'{"format":1,"clock":-2,"next":{},"settings":{}}', "cannot be read"),
        (b'{"format":1,"clock":5,"next":{"likes":{"offset":-1}},"settings":{}}', "cannot be read"),
        (b"{}", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_a_record_that_cannot_be_trusted_is_refused(value: bytes, message: str) -> None:
    """Guessing at positions would lose events or count them twice."""
    with pytest.raises(UnknownFormat, match=message):
        PartitionRecord.decode(value)
