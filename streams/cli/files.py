"""Files that a command writes: never over another by accident, never half."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import click

from streams.cli.running import Failure
from streams.core.words import visible

STANDARD_OUTPUT = "-"


def check(name: str, force: bool) -> None:
    """End the command before the long work if a file cannot, or shall not, be written."""
    if name == STANDARD_OUTPUT:
        return
    path = Path(name)
    if path.is_file() and not force:
        raise click.UsageError(
            f"{visible(name)} is there already: choose another name, or say --force"
        )
    if not path.parent.is_dir():
        raise click.UsageError(
            f"{visible(name)} cannot be written: there is no folder {visible(str(path.parent))}"
        )


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """Open a file to write, packed if it ends in .gz.

    It takes its name when all is in it, so that its readers find the old one or the whole of the
    new one, even if several write it at once. A link goes on to lead where it led.
    """
    if name == STANDARD_OUTPUT:
        yield click.get_binary_stream("stdout")
        return
    path = Path(name).resolve()
    special = path.exists() and not path.is_file()  # such as /dev/null
    aside = path if special else path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with aside.open("wb") as raw:
            if name.endswith(".gz"):
                with gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield raw
        if not special:
            aside.replace(path)
    except OSError as error:
        raise Failure(f"{visible(name)} cannot be written: {error.strerror or error}") from None
    finally:
        if not special:
            aside.unlink(missing_ok=True)
