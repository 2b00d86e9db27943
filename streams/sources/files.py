"""The lines of a file, gzipped or not, or of standard input."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from typing import IO

STANDARD_INPUT = "-"


class UnreadableFileError(Exception):
    """A file that ends badly or cannot be opened; the message names it."""


def read_lines(name: str) -> Iterator[bytes]:
    """Yield the lines of a file as bytes; `-` is standard input, `.gz` is decompressed.

    Raises:
        UnreadableFileError: it cannot be opened, or its compressed data is damaged or cut short.
    """
    if name == STANDARD_INPUT:
        yield from sys.stdin.buffer
        return
    try:
        with closing(_open(name)) as file:
            yield from file
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnreadableFileError(f"{name} cannot be read: {reason}") from None


def _open(name: str) -> IO[bytes]:
    return gzip.open(name) if name.endswith(".gz") else open(name, "rb")  # type: ignore[return-value]  # noqa: PTH123
