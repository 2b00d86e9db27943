"""Reads the environment and the optional TOML file: the only module that does.

All that is wrong is said at once, each in a sentence that names the setting, where it was set,
its value, and what it should be.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from streams.settings.model import PREFIX, Settings

CONFIG = "CLOSEKNIT_CONFIG"
DEFAULT_FILE = Path("closeknit.toml")

_SECRETS = tuple(
    name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None
)


class InvalidSettings(Exception):
    """The settings cannot be used; `problems` has a sentence for each thing to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Shown(NamedTuple):
    """One setting as `closeknit config` shows it: a secret is masked."""

    name: str
    value: Any
    origin: str
    meaning: str
    secret: bool


def load() -> Settings:
    """Read the settings: an environment variable wins over the file, the file over the default.

    Raises:
        InvalidSettings: with everything that is wrong.
    """
    origins, values, problems = _collect()
    try:
        settings = Settings(**values)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            problems.extend(_sentences(error, origins))
    if problems:
        raise InvalidSettings(problems)
    return settings


def environment_with(file: Path) -> dict[str, str]:
    """Our environment, for a command of ours that is to take its settings from this file alone."""
    kept = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    return {**kept, CONFIG: str(file)}


def show(settings: Settings) -> list[Shown]:
    """Every setting with its value and where that comes from."""
    origins, _, _ = _collect()
    return [
        Shown(
            name,
            _shown_value(getattr(settings, name)),
            origins.get(name, "default"),
            field.description or "",
            name in _SECRETS,
        )
        for name, field in Settings.model_fields.items()
    ]


def _collect() -> tuple[dict[str, str], dict[str, Any], list[str]]:
    """Where each setting is set; the values that are not in the environment; problems so far."""
    environment = {
        name.upper(): value for name, value in os.environ.items() if value and _is_ours(name)
    }
    origins: dict[str, str] = {}
    values: dict[str, Any] = {}
    problems: list[str] = []
    _read_file(environment, origins, values, problems)
    for name in Settings.model_fields:
        if PREFIX + name.upper() in environment:
            origins[name] = PREFIX + name.upper()
            values.pop(name, None)
    for name in _SECRETS:
        _read_secret(name, environment, origins, values, problems)
    problems.extend(_misspelt(environment))
    return origins, values, problems


def _is_ours(variable: str) -> bool:
    return variable.upper().startswith(PREFIX)


def _read_file(
    environment: Mapping[str, str],
    origins: dict[str, str],
    values: dict[str, Any],
    problems: list[str],
) -> None:
    path = Path(environment.get(CONFIG, DEFAULT_FILE))
    if CONFIG not in environment and not path.exists():
        return
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = f"; {CONFIG} must name a file" if CONFIG in environment else ""
        problems.append(f"{path} cannot be read: {error.strerror}{remedy}")
        return
    except ValueError as error:
        problems.append(f"{path} is not TOML: {error}")
        return
    known = [*Settings.model_fields, *(f"{name}_file" for name in _SECRETS)]
    for name, value in table.items():
        if name in known:
            values[name] = value
            origins[name] = f"{name} in {path}"
        else:
            problems.append(f"{name} in {path} is not a setting{_did_you_mean(name, known)}")


def _read_secret(
    name: str,
    environment: Mapping[str, str],
    origins: dict[str, str],
    values: dict[str, Any],
    problems: list[str],
) -> None:
    """Take a secret from the file that `<name>_file` names, if any."""
    pointer = f"{name}_file"
    variable = PREFIX + pointer.upper()
    path = environment.get(variable, values.pop(pointer, None))
    origin = variable if variable in environment else origins.pop(pointer, variable)
    if path is None:
        return
    if name in origins:
        problems.append(f"{origins[name]} and {origin} are both set: remove one")
        return
    try:
        values[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        origins[name] = f"the file in {origin}"
    except (OSError, TypeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        problems.append(f"{origin} = {path!r}: cannot be read: {reason}")


def _misspelt(environment: Mapping[str, str]) -> list[str]:
    """Variables that resemble a setting. Others pass: Kubernetes sets CLOSEKNIT_SERVICE_HOST."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    allowed = {CONFIG, *known, *(f"{PREFIX}{name.upper()}_FILE" for name in _SECRETS)}
    return [
        f"{variable} is not a setting{hint}"
        for variable in sorted(environment.keys() - allowed)
        if (hint := _did_you_mean(variable, known))
    ]


def _did_you_mean(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
    return f"; did you mean {close[0]}?" if close else ""


def _sentences(error: ErrorDetails, origins: Mapping[str, str]) -> list[str]:
    name = str(error["loc"][0])
    where = origins.get(name, PREFIX + name.upper())
    if error["type"] == "problem":
        return [f"{where}: {sentence}" for sentence in error["ctx"]["sentences"]]
    extra = Settings.model_fields[name].json_schema_extra
    must = extra["must"] if isinstance(extra, dict) else "be valid"
    value = "**********" if name in _SECRETS else repr(error["input"])
    return [f"{where} = {value}: must {must}"]


def _shown_value(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return str(value)
    path = getattr(value, "path", value)
    return str(path) if isinstance(path, Path) else path
