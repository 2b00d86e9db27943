"""What we write in earnest, not as examples: it keeps to its schema."""

import itertools
from types import SimpleNamespace

import orjson
import pytest

from schemas.events import Reason
from streams.changelog import Changelog
from streams.core.admission import Rules
from streams.core.partition import Partition
from streams.dead_letters import Address, DeadLetter
from streams.export import census, relationships
from tests.model.worlds import random_moves, tell, value_of
from tests.schemas.documents import validator


def tables_of(seed: int) -> tuple[Changelog, int]:
    """A world, played to its end: the values and the clock."""
    partition = Partition(0, Rules(partitions=1))
    for kind, events in itertools.groupby(tell(random_moves(seed)), lambda event: event["kind"]):
        records = [
            SimpleNamespace(key=None, value=value_of(event), timestamp=-1, headers=[], offset=0)
            for event in events
        ]
        partition.apply("like" if kind == "tick" else kind, records, now_ms=0)
    return Changelog(dict(partition.settle()), {}), partition.clock


@pytest.mark.parametrize("seed", range(24))
def test_an_export_keeps_to_its_schema(seed: int) -> None:
    """Relationships of all sorts and the census of all of them, now and a while later."""
    changelog, clock = tables_of(seed)
    for ahead in (0, 24, 672, 1344):
        for document in relationships(changelog, clock + ahead):
            validator("relationship").validate(orjson.loads(orjson.dumps(document)))
        for document in census(changelog, clock + ahead):
            validator("census").validate(orjson.loads(orjson.dumps(document)))


def test_the_worlds_above_show_every_stage() -> None:
    """Otherwise they would show little."""
    stages = {
        document["stage"]
        for changelog, clock in map(tables_of, range(24))
        for document in relationships(changelog, clock)
    }
    assert stages == {"connection", "conversation", "fan", "lapsed", "passive", "none"}


@pytest.mark.parametrize("value", [None, b"", b"{}", "naïve".encode(), b"\xff\x00"])
@pytest.mark.parametrize("timestamp", [-1, 0, 1_783_175_887_396, 2**62])
def test_a_dead_letter_keeps_to_its_schema(value: bytes | None, timestamp: int) -> None:
    """Whatever was refused, and whenever its producer says it was."""
    letter = DeadLetter(
        address=Address("closeknit-dead-letters", 3, 17),
        reason=Reason.NOT_JSON,
        detail="the value is not JSON",
        origin=Address("likes", 3, 1042),
        refused_at=1_783_175_888_002,
        timestamp=timestamp,
        key=value,
        value=value,
        headers=[("trace", b"1"), ("trace", b"\xff")],
    )
    validator("dead-letter").validate(orjson.loads(orjson.dumps(letter.document())))
