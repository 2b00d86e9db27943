"""A mutant is tried: the project is copied, changed in one place, and the tests are run there."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib.util import cache_from_source
from pathlib import Path
from typing import NamedTuple

from tests.mutants.mutant import Mutant

PROJECT = Path(__file__).parents[2]
COPIED = ("schemas", "streams", "tests", "pyproject.toml")
LINKED = (".cache",)  # Kafka's jars
PATIENCE = 900.0

CRASHES = frozenset(
    {
        "AttributeError",
        "ImportError",
        "NameError",
        "SyntaxError",
        "TypeError",
        "TimeoutError",
    }
)
"""What says of a change only that it makes no program; a test that fails so claims nothing."""


class End(StrEnum):
    """How a test, or all tests of a mutant, ended."""

    CAUGHT = "caught"  # a claim failed
    SURVIVED = "survived"  # nothing failed
    BROKE = "broke"  # something fell over that is no claim of the test
    SKIPPED = "not tried"  # what it needs is not on this machine


class Verdict(NamedTuple):
    """What became of a mutant: of several tests, the worst counts."""

    mutant: Mutant | None
    end: End
    by: dict[str, End]
    seconds: float
    said: str


_WORST = (End.BROKE, End.SURVIVED, End.SKIPPED, End.CAUGHT)


class Copy:
    """A copy of the project in which one mutant after the other can be tried."""

    def __init__(self, folder: Path, project: Path = PROJECT) -> None:
        self.folder = folder
        for name in COPIED:
            if (project / name).is_dir():
                shutil.copytree(project / name, folder / name)
            else:
                shutil.copy2(project / name, folder / name)
        for name in LINKED:
            (folder / name).symlink_to(project / name)
        if (data := project.resolve().parent / "shared").is_dir():
            (folder.parent / "shared").symlink_to(data)

    def unchanged(self, mutants: Iterable[Mutant]) -> Verdict:
        """Run the tests of all these mutants without any change: they must pass."""
        tests: dict[bool, set[str]] = {}
        for mutant in mutants:
            tests.setdefault(mutant.kafka, set()).update(mutant.tests)
        runs = [self._run(None, sorted(some), kafka=kafka) for kafka, some in tests.items()]
        return min(runs, key=lambda run: _WORST.index(run.end))

    def attempt(self, mutant: Mutant) -> Verdict:
        """Run the tests of a mutant with its change.

        Raises:
            Drifted: its text is not there exactly once.
        """
        with self._changed(mutant):
            return self._run(mutant, mutant.tests, kafka=mutant.kafka)

    @contextmanager
    def _changed(self, mutant: Mutant) -> Iterator[None]:
        file = self.folder / mutant.file
        source = file.read_text(encoding="utf-8")
        for text in (mutant.of(source), source):
            Path(cache_from_source(str(file))).unlink(missing_ok=True)
            file.write_text(text, encoding="utf-8")
            if text is not source:
                yield

    def _run(self, mutant: Mutant | None, tests: Iterable[str], *, kafka: bool) -> Verdict:
        tests = list(tests)
        file = self.folder / "verdict.json"
        file.unlink(missing_ok=True)
        began = time.monotonic()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", *tests),
                *("-q", "--tb=native", "-p", "tests.mutants.verdict", f"--verdict={file}"),
                *(f"-pno:{plugin}" for plugin in ("cacheprovider", "schemathesis", "xdist")),
                "--hypothesis-seed=0",
                *(() if kafka else ("-m", "not kafka")),
            ],
            cwd=self.folder,
            env={**_environment(), "PYTHONPATH": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        ends = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        by = {test: _end(ends.get(test), unchanged=mutant is None) for test in tests}
        worst = next(end for end in _WORST if end in by.values())
        return Verdict(mutant, worst, by, time.monotonic() - began, done.stdout)


def _end(found: dict[str, object] | None, *, unchanged: bool) -> End:
    match found:
        case {"end": "passed"}:
            return End.SURVIVED
        case {"end": "skipped"}:
            return End.SKIPPED
        case {"end": "failed", "raised": list(raised)} if not (unchanged or CRASHES & {*raised}):
            return End.CAUGHT
    return End.BROKE


def _environment() -> dict[str, str]:
    """Ours, without what a pytest that runs us has put there."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
