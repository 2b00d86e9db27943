"""Our own events in files: one JSON object per line, or CSV with a header row."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator

import orjson

from schemas.events import Event, InvalidEvent, decode
from streams.sources.items import Malformed, Sendable, sendable

_BOM = b"\xef\xbb\xbf"


class Jsonl:
    """Canonical events, one per line, sent byte for byte as they are; blank lines are skipped."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()

    def read(self, lines: Iterable[bytes]) -> Iterator[Sendable | Malformed]:
        """Read one file."""
        for number, line in enumerate(lines, 1):
            value = line.strip()
            if number == 1:
                value = value.removeprefix(_BOM)
            if not value:
                continue
            try:
                yield sendable(decode(value), value)
            except InvalidEvent as invalid:
                yield Malformed(number, str(invalid))


class Csv:
    """CSV whose header names event fields; empty cells and unknown columns are left out.

    An unknown column may be a misspelt one, so `left_out` counts it, once for each file.
    """

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()

    def read(self, lines: Iterable[bytes]) -> Iterator[Sendable | Malformed]:
        """Read one file; with a header that cannot be used it is one malformed line."""
        # Bytes that are not UTF-8 pass as surrogates, which no JSON encoder takes.
        rows = csv.reader(line.decode("utf-8", "surrogateescape") for line in lines)
        columns: list[str] | None = None
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                yield Malformed(rows.line_num, f"not CSV: {error}")
                continue
            if columns is None:
                columns = [name.strip().removeprefix("\ufeff") for name in row]
                if wrong := _wrong_header(columns):
                    yield Malformed(rows.line_num, f"{wrong}; nothing of this file was read")
                    return
                self.left_out.update(
                    f"ignored: column {name!r}"
                    for name in columns
                    if name not in Event.__struct_fields__
                )
            elif row:
                try:
                    yield _from_row(columns, row)
                except ValueError as error:
                    yield Malformed(rows.line_num, str(error))


def _wrong_header(columns: list[str]) -> str | None:
    if missing := {"kind", "at"} - set(columns):
        return (
            f"the header has no column {' and no column '.join(sorted(missing))}: it is "
            f"{','.join(columns)[:80]!r}; separate with commas, and name columns as the event "
            f"fields: {','.join(Event.__struct_fields__)}"
        )
    if twice := [name for name, n in Counter(columns).items() if n > 1]:
        return f"the header has the column {twice[0]!r} twice"
    return None


def _from_row(columns: list[str], row: list[str]) -> Sendable:
    if len(row) != len(columns):
        raise ValueError(f"{len(row)} cells under {len(columns)} columns")
    cells: dict[str, str | bool] = {
        name: cell
        for name, cell in zip(columns, row, strict=True)
        if cell and name in Event.__struct_fields__
    }
    seeded = cells.get("seeded")
    if seeded is not None:
        if seeded not in {"true", "false"}:
            raise ValueError(f"seeded is {seeded!r}; it must be true, false or empty")
        cells["seeded"] = seeded == "true"
    try:
        value = orjson.dumps(cells)
    except orjson.JSONEncodeError:
        raise ValueError("not UTF-8 text") from None
    return sendable(decode(value), value)
