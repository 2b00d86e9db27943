"""A snapshot file is read back as it was written, or refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.partition_record import PartitionRecord, Position
from streams.table.snapshot_file import MAGIC, End, Head, Reader, Unusable, Writer, encode

HEAD = Head(
    changelog="closeknit-changelog",
    topic_id="kPq",
    number=3,
    offset=1234,
    taken_ms=1_772_000_000_000,
    record=PartitionRecord(clock=492_000, next={"likes": Position(77, "a")}, settings={"like": 1}),
)
SOME = [{b"brand ada": b"\x10" + bytes(16), b"brand bob": b""}, {b"brand cy": b"\x10"}]


def write(path: Path, maps: list[dict[bytes, bytes]], head: Head = HEAD) -> None:
    part = path.with_suffix(".part")
    writer = Writer(part, head)
    for some in maps:
        writer.add(encode(some))
    end = End(covered=head.offset + 9, relationships=sum(map(len, maps)))
    assert writer.finish(end, path) == path.stat().st_size
    assert not part.exists()


def read(path: Path) -> tuple[Head, list[dict[bytes, bytes]], End]:
    with Reader(path) as reader:
        maps = list(reader.maps())
        return reader.head, maps, reader.end


@given(st.lists(st.dictionaries(st.binary(max_size=9), st.binary(max_size=9), max_size=4)))
def test_what_was_written_is_read_back(tmp_path_factory, maps):
    path = tmp_path_factory.mktemp("file") / "3.snapshot"
    write(path, maps)
    assert read(path) == (HEAD, maps, End(covered=1243, relationships=sum(map(len, maps))))


def test_cut_after_any_byte_it_is_refused(tmp_path):
    """A crash of the machine may leave any part of it."""
    path = tmp_path / "3.snapshot"
    write(path, SOME)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(Unusable):
            read(path)


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_with_any_byte_changed_it_is_refused(tmp_path, flip):
    """One bit, another, all of them: in lengths and checksums, too."""
    path = tmp_path / "3.snapshot"
    write(path, SOME)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ flip,)) + whole[at + 1 :])
        with pytest.raises(Unusable):
            read(path)


def frames_of(whole: bytes) -> list[bytes]:
    at, frames = len(MAGIC), []
    while at < len(whole):
        length = 13 + int.from_bytes(whole[at + 1 : at + 5], "little")
        frames.append(whole[at : at + length])
        at += length
    return frames


@pytest.mark.parametrize(
    ("order", "what"),
    [
        ((0, 2, 1, 3), "two in each other's place"),
        ((0, 1, 1, 2, 3), "one twice"),
        ((0, 2, 3), "one missing"),
        ((0, 1, 2, 3, 3), "something after the end"),
        ((1, 2, 3), "no head"),
        ((0, 1, 2), "no end"),
    ],
)
def test_of_other_frames_than_it_was_written_with_it_is_refused(tmp_path, order, what):
    """Each of them is whole."""
    path = tmp_path / "3.snapshot"
    write(path, SOME)
    frames = frames_of(path.read_bytes())
    path.write_bytes(MAGIC + b"".join(frames[number] for number in order))
    with pytest.raises(Unusable):
        read(path)


def test_of_another_version_it_is_refused_and_that_is_said(tmp_path):
    path = tmp_path / "3.snapshot"
    path.write_bytes(b"closeknit snapshot 2\nwhatever that will be")
    with pytest.raises(Unusable, match="another version"):
        read(path)


def test_until_it_is_finished_the_one_before_stays(tmp_path):
    """And one that is abandoned leaves nothing."""
    path, part = tmp_path / "3.snapshot", tmp_path / "3.part"
    write(path, SOME)
    before = path.read_bytes()
    writer = Writer(part, HEAD)
    writer.add(encode({b"brand dan": b"\x10"}))
    assert path.read_bytes() == before
    writer.abandon()
    assert [found.name for found in tmp_path.iterdir()] == ["3.snapshot"]
