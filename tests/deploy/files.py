"""The files under test, read the way that Docker, Compose and Grafana read them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = REPOSITORY / "deploy" / "Dockerfile"
PROMETHEUS = REPOSITORY / "deploy" / "prometheus" / "prometheus.yml"
GRAFANA = REPOSITORY / "grafana"
DASHBOARDS = GRAFANA / "dashboards"

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


class Mount(NamedTuple):
    """One entry of a service's `volumes`: a named volume or a path of the repository."""

    source: str
    target: str
    read_only: bool

    @property
    def path(self) -> Path | None:
        """The path of the repository; None for a named volume."""
        return REPOSITORY / self.source if self.source.startswith(".") else None


def compose(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The compose file, with `${NAME:-default}` filled in from the environment given."""
    text = (REPOSITORY / "docker-compose.yml").read_text()
    given = environment or {}
    filled = _VARIABLE.sub(lambda found: given.get(found[1], found[2]), text)
    document: dict[str, Any] = yaml.safe_load(filled)
    return document


def mounts(service: Mapping[str, Any]) -> list[Mount]:
    found = []
    for entry in service.get("volumes", ()):
        source, target, *mode = entry.split(":")
        found.append(Mount(source, target, mode == ["ro"]))
    return found


def on_this_side(service: Mapping[str, Any], path: str) -> str:
    """A path in the container as a path here, if a mount brings it there; else as it is."""
    for mount in mounts(service):
        if mount.path is not None and path.startswith(mount.target):
            return str(mount.path) + path.removeprefix(mount.target)
    return path


class Instruction(NamedTuple):
    """One line of a Dockerfile, continuations joined."""

    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of its exec form, or of its plain one without flags."""
        if self.text.startswith("["):
            words: list[str] = json.loads(self.text)
            return words
        return [word for word in self.text.split() if not word.startswith("--")]


def stages() -> list[list[Instruction]]:
    """The instructions of the Dockerfile, by stage."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    found: list[list[Instruction]] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, text = line.strip().partition(" ")
            if name == "FROM":
                found.append([])
            found[-1].append(Instruction(name, re.sub(r"\s+", " ", text)))
    return found


def image_environment() -> dict[str, str]:
    """The variables that the final stage sets."""
    return dict(
        word.split("=", 1)
        for instruction in stages()[-1]
        if instruction.name == "ENV"
        for word in instruction.words
    )


def health_check() -> list[str]:
    """The image's health check, in exec form."""
    (check,) = (one for one in stages()[-1] if one.name == "HEALTHCHECK")
    words: list[str] = json.loads(check.text.partition("CMD ")[2])
    return words
