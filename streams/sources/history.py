"""History: files of several formats, as one stream of events in the order of time.

Files are looked at first, each to its end: whether it is in the order of time, what it holds, and a
digest by which it is known again. Then their events are merged. A file that is in order is read as
it goes; one that is not is sorted on disk. Formats whose reader remembers what came before
(a deletion names only the record) are merged line by line first, and read as one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from streams.sources.activities import Activities, Activity
from streams.sources.canonical import Csv, Jsonl
from streams.sources.files import Lines
from streams.sources.items import Malformed, Reader, Sendable
from streams.sources.jetstream import Jetstream
from streams.sources.order import D, merged, ordered

FORMATS: Final = ("jsonl", "csv", "jetstream", "activitystreams")

_TOLD_EVERY = 4096

OnMalformed = Callable[[Malformed], None]


class NoHistory(ValueError):
    """A file holds not a single event; the message says which, and why that may be."""


class Look(NamedTuple):
    """What a look at a file found.

    Attributes:
        lines: how many of it have a time.
        first_ms: the least of their times; -1: there is none.
        last_ms: the greatest.
        ordered: whether they ascend.
        digest: of its bytes.
    """

    lines: int
    first_ms: int
    last_ms: int
    ordered: bool
    digest: str


class _Line(NamedTuple):
    """A line whose time is known, and where it is."""

    at_ms: int
    text: bytes
    file: str
    number: int


class _Stamp(msgspec.Struct):
    time_us: int


_stamp = msgspec.json.Decoder(_Stamp).decode


class History:
    """Several files as one.

    Args:
        files: each with its format, one of `FORMATS`.
        accounts: whose relationships are watched, for formats that do not say it: see `Jetstream`;
            actors of ActivityStreams with what the URLs of their notes begin with.
        folder: see `ordered`.

    Attributes:
        left_out: what was well-formed and no event of ours, by reason; complete after `events`.
    """

    def __init__(
        self,
        files: Mapping[str, str],
        accounts: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.sources = [Lines(name) for name in files]
        self.left_out: Counter[str] = Counter()
        self._formats = files
        self._accounts = accounts
        self._folder = folder
        self._looks: dict[str, Look] = {}

    def look(self, on_progress: Callable[[int], None] = lambda _: None) -> Mapping[str, Look]:
        """Look at every file.

        Args:
            on_progress: told how many lines that were so far, every now and then.

        Raises:
            NoHistory: one of them has no event at all.
            UnreadableFile: one of them cannot be read.
        """
        for source in self.sources:
            before = sum(look.lines for look in self._looks.values())
            self._looks[source.name] = self._look_at(source, before, on_progress)
        return self._looks

    def events(self, on_malformed: OnMalformed) -> Iterator[Sendable]:
        """Everything, in the order of time; the same each time, for the same files.

        Raises:
            UnreadableFile: a file cannot be read.
            CannotSort: one cannot be sorted.
        """
        looks = self._looks or self.look()
        self.left_out = Counter()
        streams: list[Iterator[Sendable]] = []
        for form in FORMATS:
            names = [name for name, its in self._formats.items() if its == form]
            if not names:
                continue
            if form == "jetstream":
                streams.append(self._recorded(names, looks, on_malformed))
            elif form == "activitystreams":
                streams.append(self._told(names, on_malformed))
            else:
                streams += [
                    self._in_order(
                        self._plain(self._lines(name), form, on_malformed), Sendable, looks[name]
                    )
                    for name in names
                ]
        return merged(streams)

    def digest(self) -> str:
        """What tells this history from others: what is in the files, how read, and for whom."""
        whole = hashlib.blake2b(digest_size=16)
        for name, look in self._looks.items():
            whole.update(f"{self._formats[name]} {look.digest}\n".encode())
        for account, prefix in sorted((self._accounts or {}).items()):
            whole.update(f"{account} {prefix}\n".encode())
        return whole.hexdigest()

    def _lines(self, name: str) -> Lines:
        return next(source for source in self.sources if source.name == name)

    # -- looking

    def _look_at(self, source: Lines, before: int, on_progress: Callable[[int], None]) -> Look:
        form = self._formats[source.name]
        hashed = hashlib.blake2b(digest_size=16)
        wrong: list[Malformed] = []

        def lines() -> Iterator[bytes]:
            for line in source:
                hashed.update(line)
                yield line

        def note(malformed: Malformed) -> None:
            if not wrong:
                wrong.append(malformed)

        times: Iterable[int]
        if form == "jetstream":
            times = _stamps(lines(), note)
        elif form == "activitystreams":
            times = _dated(Activities({}).activities(lines()), note)
        else:
            times = (item.at_ms for item in self._plain(lines(), form, note))
        count, first, last, in_order = 0, -1, -1, True
        for at_ms in times:
            count += 1
            if count % _TOLD_EVERY == 0:
                on_progress(before + count)
            in_order = in_order and at_ms >= last
            last = max(at_ms, last)
            first = at_ms if first < 0 else min(at_ms, first)
        self.left_out = Counter()
        if wrong and not count:
            raise NoHistory(
                f"{source.name} has no event in it, read as {form}: line {wrong[0].line}: "
                f"{wrong[0].reason}; is that its format? --format says another"
            )
        return Look(count, first, last, in_order, hashed.hexdigest())

    # -- reading

    def _in_order(self, items: Iterable[D], of: type[D], look: Look) -> Iterator[D]:
        return iter(items) if look.ordered else ordered(items, of, self._folder)

    def _plain(
        self, lines: Iterable[bytes], form: str, on_malformed: OnMalformed
    ) -> Iterator[Sendable]:
        """A file of ours: every line stands for itself."""
        reader: Reader = Csv() if form == "csv" else Jsonl()
        name = lines.name if isinstance(lines, Lines) else ""
        for item in reader.read(lines):
            if isinstance(item, Malformed):
                on_malformed(item._replace(file=name))
            else:
                yield item
        self.left_out.update(reader.left_out)

    def _recorded(
        self, names: Sequence[str], looks: Mapping[str, Look], on_malformed: OnMalformed
    ) -> Iterator[Sendable]:
        """Jetstream: a deletion in one file may be of a record in another."""
        reader = Jetstream(self._accounts.keys() if self._accounts else None)
        at = _Line(0, b"", "", 0)

        def lines() -> Iterator[bytes]:
            nonlocal at
            for at in merged(
                self._in_order(_timed(self._lines(name)), _Line, looks[name]) for name in names
            ):
                yield at.text

        for item in reader.read(lines()):
            if isinstance(item, Malformed):
                on_malformed(Malformed(at.number, item.reason, at.file))
            else:
                yield item
        self.left_out.update(reader.left_out)

    def _told(self, names: Sequence[str], on_malformed: OnMalformed) -> Iterator[Sendable]:
        """ActivityStreams: exports, held in memory as the documents that they are."""
        reader = Activities(self._accounts or {})
        for name in names:
            for one in reader.activities(self._lines(name)):
                if isinstance(one, Malformed):
                    on_malformed(one._replace(file=name))
                else:
                    reader.add(name, one)
        yield from reader.events(on_malformed)
        self.left_out.update(reader.left_out)


def guess(name: str, first_line: bytes) -> str:
    """The format of a file, by its name and how it begins."""
    if name.endswith((".csv", ".csv.gz")):
        return "csv"
    head = first_line[:4096]
    if b'"time_us"' in first_line and b'"did"' in first_line:
        return "jetstream"
    if b'"@context"' in head or b'"orderedItems"' in head or b'"actor"' in head:
        return "activitystreams"
    return "jsonl"


def _dated(told: Iterable[Activity | Malformed], on_malformed: OnMalformed) -> Iterator[int]:
    for one in told:
        if isinstance(one, Malformed):
            on_malformed(one)
        else:
            yield one.at_ms


def _timed(source: Lines) -> Iterator[_Line]:
    """Each line with its time; one without stays behind the line that it follows."""
    at_ms = 0
    for number, text in enumerate(source, 1):
        with suppress(ValueError, RecursionError):  # its reader says what is wrong with it
            at_ms = _stamp(text).time_us // 1000
        yield _Line(at_ms, text, source.name, number)


def _stamps(lines: Iterable[bytes], on_malformed: OnMalformed) -> Iterator[int]:
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            yield _stamp(text).time_us // 1000
        except (ValueError, RecursionError) as error:
            on_malformed(Malformed(number, f"not a Jetstream line: {error}"))
