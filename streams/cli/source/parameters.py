"""What several `closeknit source` commands ask for."""

from __future__ import annotations

import re
from ipaddress import ip_address

import click

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,248}")  # as long as a topic's, its default


class SourceName(click.ParamType):
    """The name of a source, which is in keys, labels and transactional ids."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what is none."""
        if not _NAME.fullmatch(value):
            self.fail("a name has letters, digits, dots, hyphens and underscores", param, ctx)
        return value


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
