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
    """CSV whose header names event fields; empty cells and unknown columns are left out."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()

    def read(self, lines: Iterable[bytes]) -> Iterator[Sendable | Malformed]:
        """Read one file; a header without `kind` and `at` makes it one malformed line."""
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
                if missing := {"kind", "at"} - set(columns):
                    yield Malformed(
                        rows.line_num,
                        f"the header has no column {' and no column '.join(sorted(missing))}; "
                        f"name them as the event fields: {','.join(Event.__struct_fields__)}",
                    )
                    return
            elif row:
                try:
                    yield _from_row(columns, row)
                except ValueError as error:
                    yield Malformed(rows.line_num, str(error))


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
