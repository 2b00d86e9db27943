"""Mapping files on the command line: read, or everything that is wrong with them said."""

from __future__ import annotations

from pathlib import Path

import click

from streams.sources.mapping import Mapped
from streams.sources.mapping_file import InvalidMapping, read_mapping


class WrongMapping(click.ClickException):
    """It cannot be used: every problem on a line of its own."""

    exit_code = 2

    def format_message(self) -> str:
        """Return the problems under a heading."""
        lines = self.message.splitlines()
        return "the mapping cannot be used:\n" + "\n".join(f"  {line}" for line in lines)


class MappingFile(click.ParamType):
    """The name of a mapping file."""

    name = "file"

    def convert(
        self, value: str | Mapped, param: click.Parameter | None, ctx: click.Context | None
    ) -> Mapped:
        """Read it, or end the command."""
        if not isinstance(value, str):
            return value
        try:
            return read_mapping(Path(value).read_text(encoding="utf-8"), value)
        except OSError as error:
            self.fail(f"{value} cannot be read: {error.strerror}", param, ctx)
        except UnicodeDecodeError:
            self.fail(f"{value} is not UTF-8 text", param, ctx)
        except InvalidMapping as invalid:
            raise WrongMapping(str(invalid)) from None
