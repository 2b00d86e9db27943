"""What can be wrong with a page: each check returns the faults that it finds."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import click
from pydantic import SecretStr

from streams.alerting.build import groups
from streams.alerting.rules import Record
from streams.alerting.thresholds import DEFAULTS
from streams.cli import main
from streams.cli.source.mastodon import TOKEN
from streams.core.series import FAMILIES
from streams.metrics.names import METRICS
from streams.settings import Settings
from tests.docs.pages import REPOSITORY, Page
from tests.metrics.of_sources import OF_SOURCES

Check = Callable[[Page], list[str]]

RECORDED = {
    rule.record for group in groups(DEFAULTS) for rule in group.rules if isinstance(rule, Record)
}

WIDTH = 100
_FOLDERS = ("schemas/", "streams/", "tests/", "docs/", "deploy/", "grafana/", ".ci/")


def long_lines(page: Page) -> list[str]:
    """Prose keeps to the width; tables, transcripts and what cannot be broken need not."""
    return [
        line
        for line in page.prose.splitlines()
        if len(line) > WIDTH and not line.startswith("|") and " " in line.strip()
    ]


def dead_links(page: Page) -> list[str]:
    """Every relative link leads to a file, and to a heading in it."""
    dead = []
    for link in page.links():
        path, _, anchor = link.partition("#")
        target = (REPOSITORY / page.path).parent / path if path else REPOSITORY / page.path
        there = target.exists()
        if there and anchor:
            there = anchor in Page("", target.read_text(encoding="utf-8")).anchors()
        if not there:
            dead.append(link)
    return dead


def missing_code(page: Page) -> list[str]:
    """Every file, function, class and test that is named is there."""
    missing = []
    for span in page.spans():
        if not span.startswith(_FOLDERS) or "<" in span or "*" in span:
            continue
        path, _, name = span.partition("::")
        file = REPOSITORY / path
        if not file.exists() or (name and name not in names(file)):
            missing.append(span)
    return missing


@cache
def names(file: Path) -> frozenset[str]:
    """Everything that a module defines: `function`, `Class`, `Class.method`, `CONSTANT`."""

    def within(body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield prefix + name
                case ast.ClassDef(name=name, body=inner):
                    yield prefix + name
                    yield from within(inner, f"{prefix}{name}.")
                case (
                    ast.Assign(targets=[ast.Name(id=name)])
                    | ast.AnnAssign(target=ast.Name(id=name))
                ):
                    yield prefix + name

    return frozenset(within(ast.parse(file.read_text(encoding="utf-8")).body, ""))


def unknown_variables(page: Page) -> list[str]:
    """Every environment variable is a setting, or one of the few beside them."""
    settings = {f"CLOSEKNIT_{name.upper()}" for name in Settings.model_fields}
    secrets = {
        f"CLOSEKNIT_{name.upper()}_FILE"
        for name, field in Settings.model_fields.items()
        if field.annotation == SecretStr | None
    }
    names = ("CHAOS_SEED", "CONFIG", "PURE", "REQUIRE_ALL")
    others = {f"CLOSEKNIT_{name}" for name in names} | {TOKEN}
    known = settings | secrets | others
    return sorted(set(re.findall(r"CLOSEKNIT_[A-Z]\w*", page.text)) - known)


def unknown_metrics(page: Page) -> list[str]:
    """Every metric is in one of the two tables that name them, every recorded series is one."""
    recorded = r"\b[a-z]+:\w+:\w+"
    exported = re.findall(r"closeknit_[a-z_]+", re.sub(recorded, "", page.text))
    return sorted(
        set(exported) - METRICS.keys() - FAMILIES.keys() - OF_SOURCES
        | set(re.findall(recorded, page.text)) - RECORDED
    )


def unknown_commands(page: Page) -> list[str]:
    """Every command line of ours is one that the command would take, as far as its words go."""
    lines = list(page.spans())
    for language in ("sh", "console", "ini", "yaml"):
        for block in page.blocks(language):
            lines += re.split(r"\n|(?<!\w)\|(?!\w)", block.text)
    lines = [re.sub(r"^\s*(\$ |ExecStart=\S*/(?=closeknit ))?", "", line) for line in lines]
    called = [line for line in lines if line.startswith(("closeknit ", "--"))]
    return [line for line in called if not _is_known(line)]


def _is_known(line: str) -> bool:
    words = shlex.split(line, comments=True)
    if words[0].startswith("--"):  # an option by itself: of any command
        return any(words[0] in options for options in _options(main))
    commands: list[click.Command] = [main]
    rest = iter(words[1:])
    for word in rest:
        if word in {">", "|", "<"}:
            break
        if word.startswith("-") and word != "-":
            options = [option for command in commands for option in command.get_params(_CONTEXT)]
            named = [option for option in options if word in option.opts]
            if not named:
                return False
            if not getattr(named[0], "is_flag", False):
                next(rest, None)  # its value
        elif isinstance(group := commands[-1], click.Group):
            for choice in word.split("|"):  # `topics create|check`
                command = group.get_command(_CONTEXT, choice)
                if command is None:
                    return False
                commands.append(command)
                if "|" in word:
                    commands.pop()
    return True


_CONTEXT = click.Context(main)


def _options(command: click.Command) -> Iterator[list[str]]:
    for parameter in command.get_params(_CONTEXT):
        yield [*parameter.opts, *parameter.secondary_opts]
    if isinstance(command, click.Group):
        for name in command.list_commands(_CONTEXT):
            inner = command.get_command(_CONTEXT, name)
            assert inner is not None
            yield from _options(inner)


def unknown_targets(page: Page) -> list[str]:
    """Every `make` target is in the Makefile."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    called = {span for span in page.spans() if re.fullmatch(r"make [a-z]+", span)}
    return sorted(span for span in called if span.removeprefix("make ") not in targets)


CHECKS: tuple[Check, ...] = (
    long_lines,
    dead_links,
    missing_code,
    unknown_variables,
    unknown_metrics,
    unknown_commands,
    unknown_targets,
)
