"""The lines of a file, gzipped or not, or of standard input."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

STANDARD_INPUT = "-"


class UnreadableFile(Exception):
    """A file that cannot be opened, or whose compressed data is damaged; the message names it."""


class Lines:
    """The lines of a file as bytes: `-` is standard input, a name ending in `.gz` is unpacked.

    Attributes:
        name: as given.
        size: bytes on disk; None for standard input and whatever has no size.
        read: bytes of these read so far, roughly: what progress is measured by.

    Raises:
        UnreadableFile: while iterated.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        path = Path(name)
        self.size = path.stat().st_size if name != STANDARD_INPUT and path.is_file() else None
        self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        if self.name == STANDARD_INPUT:
            yield from sys.stdin.buffer
            return
        try:
            with Path(self.name).open("rb") as packed:
                lines = gzip.GzipFile(fileobj=packed) if self.name.endswith(".gz") else packed
                for number, line in enumerate(lines):
                    yield line
                    if number % 1024 == 0:
                        self.read = packed.tell()
                self.read = packed.tell()
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            raise UnreadableFile(f"{self.name} cannot be read: {reason}") from None
