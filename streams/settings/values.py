"""Value types of settings that pydantic does not have, each with a plain-word refusal."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from streams.settings.lists import Accounts, Ignored, InvalidList, read_accounts, read_ignored

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|)\s*")
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_TOPIC_CHARACTERS = re.compile(r"[A-Za-z0-9._-]*")


def problem(*sentences: str) -> PydanticCustomError:
    """A refusal whose sentences reach the person as they are, one line each."""
    return PydanticCustomError("problem", "{sentences}", {"sentences": list(sentences)})


def duration(text: str) -> float:
    """Read a duration as seconds: `90`, `90s`, `1.5h`, `500ms`.

    Raises:
        ValueError: it is none.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration")
    return float(match[1]) * _UNITS[match[2]]


def _seconds(value: Any) -> Any:
    """Read `90`, `90s`, `1.5h`, `500ms` as seconds."""
    if not isinstance(value, str):
        return value
    try:
        return duration(value)
    except ValueError:
        return value


def _addresses(value: str) -> str:
    servers = [server.strip() for server in value.split(",")]
    for server in servers:
        match = _ADDRESS.fullmatch(server)
        if match is None or not 1 <= int(match[1]) <= 65535:
            raise ValueError
    return ",".join(servers)


def _topic_part(value: str) -> str:
    if not _TOPIC_CHARACTERS.fullmatch(value) or value in {".", ".."} or len(value) > 200:
        raise ValueError
    return value


def _not_empty(value: str) -> str:
    if not value:
        raise ValueError
    return value


def _readable(path: Path) -> Path:
    try:
        path.open("rb").close()
    except OSError as error:
        raise problem(f"{path} cannot be read: {error.strerror}") from None
    return path


def _authorities(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=_readable(path))
    except ssl.SSLError as error:
        raise problem(f"{path} holds no certificate in PEM format: {error}") from None
    return path


def _accounts(value: Any) -> Any:
    return _listed(read_accounts, value)


def _ignored(value: Any) -> Any:
    return _listed(read_ignored, value)


def _listed(read: Any, value: Any) -> Any:
    if not isinstance(value, str | Path):
        return value
    try:
        return read(Path(value))
    except InvalidList as invalid:
        raise problem(*invalid.problems) from None


Seconds = Annotated[float, BeforeValidator(_seconds)]
Addresses = Annotated[str, AfterValidator(_addresses)]
TopicPart = Annotated[str, AfterValidator(_topic_part)]
TopicName = Annotated[TopicPart, AfterValidator(_not_empty)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
AuthoritiesFile = Annotated[Path, AfterValidator(_authorities)]
AccountsFile = Annotated[Accounts, NoDecode, BeforeValidator(_accounts)]
IgnoreFile = Annotated[Ignored, NoDecode, BeforeValidator(_ignored)]
