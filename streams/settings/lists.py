"""The two files that settings may name: accounts with a name of their own, members to ignore."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from schemas.events import check_identity

_HEADER = ("id", "name", "group")


class Account(NamedTuple):
    """One of our accounts: the id used in events, and how people call it and sort it."""

    id: str
    name: str
    group: str


@dataclass(frozen=True)
class Accounts:
    """The accounts file: those that have series of their own. Without a file, all accounts have."""

    path: Path | None = None
    entries: tuple[Account, ...] = ()


@dataclass(frozen=True)
class Ignored:
    """The ignore file: members whose events are dropped (own staff, bots)."""

    path: Path | None = None
    members: frozenset[str] = field(default_factory=frozenset)


class InvalidList(ValueError):
    """A file that cannot be used; `problems` has one sentence for each faulty line."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_accounts(path: Path) -> Accounts:
    """Read a CSV file with the columns id, name and group (any order; the last two may be absent).

    A missing name is the id, a missing group is empty.

    Raises:
        InvalidList: unreadable, no `id` column, a bad or repeated id, a row of another width.
    """
    rows = csv.reader(io.StringIO(_text(path)), strict=True)
    problems: list[str] = []
    accounts: dict[str, Account] = {}
    try:
        columns = [name.strip() for name in next(rows, [])]
        unknown = [name for name in columns if name not in _HEADER]
        if "id" not in columns or unknown or len(set(columns)) < len(columns):
            raise InvalidList(
                f"{path} line 1: the header must name the columns id, name, group; "
                f"it is {','.join(columns) or 'empty'}"
            )
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(columns):
                problems.append(
                    f"{path} line {rows.line_num}: {len(row)} cells under {len(columns)} columns; "
                    "put a cell that holds a comma in quotes"
                )
                continue
            cells = dict(zip(columns, (cell.strip() for cell in row), strict=True))
            id = cells["id"]
            if wrong := _wrong_id(id):
                problems.append(f"{path} line {rows.line_num}: {wrong}")
            elif id in accounts:
                problems.append(f"{path} line {rows.line_num}: the account {id} is there twice")
            else:
                accounts[id] = Account(id, cells.get("name") or id, cells.get("group", ""))
    except csv.Error as error:
        problems.append(f"{path} line {rows.line_num}: not CSV: {error}")
    if problems:
        raise InvalidList(*problems)
    return Accounts(path, tuple(accounts.values()))


def read_ignored(path: Path) -> Ignored:
    """Read a file with one member id per line; blank lines and `#` comments are skipped.

    Raises:
        InvalidList: unreadable, or a line that can be no member id.
    """
    members: set[str] = set()
    problems: list[str] = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        member = line.strip()
        if not member or member.startswith("#"):
            continue
        if wrong := _wrong_id(member):
            problems.append(f"{path} line {number}: {wrong}")
        members.add(member)
    if problems:
        raise InvalidList(*problems)
    return Ignored(path, frozenset(members))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidList(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InvalidList(f"{path} is not UTF-8 text (byte {error.start})") from None


def _wrong_id(id: str) -> str | None:
    # The other end only has to be valid and different.
    found = check_identity(id, "-" if id != "-" else "+")
    return found[1].replace("account", "the id", 1) if found else None
