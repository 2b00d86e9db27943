"""Canonical events in files: what is sent, and what is reported as malformed."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import decode
from streams.sources import Csv, Jetstream, Jsonl, Lines, Malformed, Sendable, UnreadableFile

LIKE = b'{"kind":"like","id":"1","account":"acme","member":"ada","at":"2026-07-04T14:38:07.396Z"}'
LIKE_MS = 1783175887396


def items(source: Jsonl | Csv | Jetstream, text: bytes) -> list[Sendable | Malformed]:
    return list(source.read(text.splitlines(keepends=True)))


def test_a_json_line_is_sent_byte_for_byte_under_the_canonical_key() -> None:
    """Unknown fields survive: what was recorded is what arrives."""
    value = LIKE[:-1] + b', "extra": [1, 2]}'
    assert items(Jsonl(), b"  " + value + b" \r\n") == [
        Sendable("like", b"acme ada", LIKE_MS, value)
    ]


def test_a_tick_has_no_key() -> None:
    """It belongs to every partition."""
    value = b'{"kind":"tick","at":"2026-07-04T14:00:00Z"}'
    assert items(Jsonl(), value) == [Sendable("tick", b"", 1783173600000, value)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "not_json"),
        (b"\xff\xfe", "not_json"),  # no UTF-8
        (b"[]", "wrong_type"),
        (LIKE.replace(b'"id":"1",', b""), "missing_field"),
        (LIKE.replace(b"like", b"poke"), "unknown_kind"),
        (LIKE.replace(b"ada", b"a da"), "invalid_member"),
        (LIKE.replace(b"ada", b"acme"), "self_interaction"),
        (LIKE.replace(b"Z", b""), "invalid_time"),  # no offset
        (LIKE.replace(b"{", b"{" + b" " * 1_000_000), "too_large"),  # for any broker
    ],
)
def test_what_the_engine_would_refuse_is_malformed_with_line_number_and_reason(
    line: bytes, reason: str
) -> None:
    """The lines around it are sent."""
    before, found, after = items(Jsonl(), b"\n".join([LIKE, line, LIKE]))
    assert isinstance(before, Sendable)
    assert isinstance(after, Sendable)
    assert isinstance(found, Malformed)
    assert found.line == 2
    assert found.reason.startswith(f"{reason}: ")


def test_blank_lines_and_a_byte_order_mark_are_skipped_but_counted() -> None:
    """Line numbers stay those of an editor."""
    found = items(Jsonl(), b"\xef\xbb\xbf" + LIKE + b"\n\n  \nbad\n")
    assert [type(item) for item in found] == [Sendable, Malformed]
    assert isinstance(found[1], Malformed)
    assert found[1].line == 4


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_at_all_make_a_reader_fail(lines: list[bytes]) -> None:
    """Every line is an event, malformed, or left out."""
    for source in (Jsonl(), Csv(), Jetstream(None)):
        assert len(list(source.read(lines))) <= len(lines)


def test_csv_names_its_columns_in_any_order_and_leaves_empty_cells_out() -> None:
    """Defaults hold where a cell is empty; unknown columns are ignored."""
    text = (
        b"member,account,id,at,kind,op,seeded,note\n"
        b"ada,acme,1,2026-07-04T14:38:07.396Z,like,,,hello\n"
        b'ada,acme,"2,5",2026-07-04T14:38:07.396Z,follow,remove,true,\n'
    )
    like, follow = items(Csv(), text)
    assert isinstance(like, Sendable)
    assert isinstance(follow, Sendable)
    assert like[:3] == ("like", b"acme ada", LIKE_MS)
    assert decode(like.value) == decode(LIKE)
    event = decode(follow.value)
    assert (event.op, event.id, event.seeded) == ("remove", "2,5", True)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"like,1,acme", "3 cells under 6 columns"),
        (b"like,1,acme,,2026-07-04T14:00:00Z,", "missing_field"),  # empty is absent
        (b"like,1,acme,ada,yesterday,", "invalid_time"),
        (b"like,1,acme,ada,2026-07-04T14:00:00Z,yes", "seeded is 'yes'"),
        (b"like,1,acme,ad\xff,2026-07-04T14:00:00Z,", "not UTF-8"),
    ],
)
def test_a_csv_row_that_is_no_event_is_malformed(row: bytes, reason: str) -> None:
    """Its line number is that of the file, header included."""
    text = b"kind,id,account,member,at,seeded\n" + row + b"\n"
    (found,) = items(Csv(), text)
    assert isinstance(found, Malformed)
    assert found.line == 2
    assert found.reason.startswith(reason)


def test_a_csv_file_without_the_needed_columns_is_one_malformed_line() -> None:
    """Not one for each row."""
    (found,) = items(Csv(), b"kind;at\nlike;2026\nlike;2026\n")
    assert isinstance(found, Malformed)
    assert found.line == 1
    assert "no column at and no column kind" in found.reason
    assert "nothing of this file was read" in found.reason


def test_a_csv_file_with_a_column_twice_is_one_malformed_line() -> None:
    """Which of the two should count?"""
    rows = [b"kind,id,account,member,at,kind", b"like,1,acme,ada,2026-07-04T14:00:00Z,reply"]
    (found,) = Csv().read(rows)
    assert isinstance(found, Malformed)
    assert "the column 'kind' twice" in found.reason


def test_an_unknown_column_is_ignored_and_said() -> None:
    """It may be a misspelt `direction`, without which everything is inbound."""
    source = Csv()
    rows = [b"kind,id,account,member,at,directon", b"like,1,acme,ada,2026-07-04T14:00:00Z,outbound"]
    (found,) = source.read(rows)
    assert isinstance(found, Sendable)
    assert source.left_out == {"ignored: column 'directon'": 1}


def test_gzipped_files_are_unpacked(tmp_path: Path) -> None:
    """By their name."""
    packed = tmp_path / "events.jsonl.gz"
    packed.write_bytes(gzip.compress(LIKE + b"\n" + LIKE))
    lines = Lines(str(packed))
    assert list(lines) == [LIKE + b"\n", LIKE]
    assert lines.read == lines.size == packed.stat().st_size


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """A cut gzip file must not look like a short one."""
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(LIKE * 100)[:-20])
    with pytest.raises(UnreadableFile, match=r"cut\.gz cannot be read"):
        list(Lines(str(cut)))
    with pytest.raises(UnreadableFile, match="absent cannot be read: No such file"):
        list(Lines(str(tmp_path / "absent")))
