"""What a mutant is, and how it is made."""

from pathlib import Path
from typing import NamedTuple


class Drifted(Exception):
    """The source has changed under a mutant: its text is not there exactly once."""


class Mutant(NamedTuple):
    """One text of one file replaced by another.

    Attributes:
        name: what to call it on the command line.
        file: relative to the project.
        old: occurs exactly once in the file; short and characteristic, so that it drifts seldom.
        new: takes its place.
        harm: what would go wrong, for people to see.
        tests: the tests that must notice, each of them by a claim of its own that fails.
        kafka: whether only real Apache Kafka shows it.
    """

    name: str
    file: str
    old: str
    new: str
    harm: str
    tests: tuple[str, ...]
    kafka: bool = False

    def of(self, source: str) -> str:
        """The source of its file with this change.

        Raises:
            Drifted: the text is not there exactly once.
        """
        found = source.count(self.old)
        if found != 1:
            raise Drifted(
                f"mutant {self.name}: {self.file} has {found} times the text {self.old!r}, not "
                "once. The source has changed: write the mutant anew, where the same thing can "
                "still go wrong"
            )
        return source.replace(self.old, self.new)

    def check(self, project: Path) -> None:
        """Make sure that it can be made, and gives a program.

        Raises:
            Drifted: see `of`.
            SyntaxError: the changed source is no Python.
        """
        compile(self.of((project / self.file).read_text(encoding="utf-8")), self.file, "exec")


class Chapter(NamedTuple):
    """Mutants of one kind."""

    title: str
    mutants: tuple[Mutant, ...]
