"""What a release has written, every later one reads: frozen changelogs, and what they mean."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from streams.changelog import Changelog
from streams.core.formats import FORMATS, in_memory, stored
from streams.core.partition_record import PartitionRecord
from streams.export import census, relationships

FOLDER = Path(__file__).parent


def golden(number: int) -> dict[str, Any]:
    """A partition as it was written in a format; the meaning is the independent recount's.

    Never write one anew: the changelogs that it stands for are out there.
    """
    found: dict[str, Any] = json.loads((FOLDER / f"format_{number}.json").read_text())
    return found


def changelog(written: dict[str, Any]) -> Changelog:
    values = {key.encode(): bytes.fromhex(value) for key, value in written["values"].items()}
    record = PartitionRecord.decode(written["record"].encode())
    return Changelog({key: in_memory(value) for key, value in values.items()}, {0: record})


@pytest.mark.parametrize("number", FORMATS)
def test_what_was_written_in_a_format_is_read_for_ever(number: int) -> None:
    """Every field of every relationship, every series, and where to read on."""
    written = golden(number)
    found = changelog(written)
    assert found.records[0].format == number
    assert found.records[0].next["likes"].offset == written["likes_read_on_at"]
    for got, want in zip(relationships(found, found.clock), written["relationships"], strict=True):
        assert {**got, "strength": None} == {**want, "strength": None}
        assert math.isclose(got["strength"], want["strength"], rel_tol=1e-9, abs_tol=1e-9)
    assert list(census(found, found.clock)) == written["census"]


@pytest.mark.parametrize("number", FORMATS)
def test_what_is_written_in_a_format_is_what_the_releases_before_wrote(number: int) -> None:
    """They have to read it too, byte for byte."""
    written = golden(number)
    found = changelog(written)
    again = stored(sorted(found.values.items()), number)
    assert {key.decode(): value.hex() for key, value in again} == written["values"]


def test_the_frozen_values_hold_all_that_a_value_can_hold() -> None:
    """Otherwise they would promise little: each part is in some value, and absent in others."""
    heads = {int(value[:2], 16) & 15 for value in golden(1)["values"].values()}
    for part in (1, 2, 4, 8):
        assert {bool(head & part) for head in heads} == {True, False}
    stages = {one["stage"] for one in golden(1)["relationships"]}
    assert stages == {"connection", "conversation", "fan", "lapsed", "passive", "none"}
