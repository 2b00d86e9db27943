"""The pages that people read, taken apart far enough to be checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parents[2]

PAGES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "deploy/README.md",
    "docs/alert-quality.md",
    "docs/alerts.md",
    "docs/architecture.md",
    "docs/backfill.md",
    "docs/dead-letters.md",
    "docs/glossary.md",
    "docs/invariants.md",
    "docs/mappings.md",
    "docs/mutants.md",
    "docs/operations.md",
    "docs/people.md",
    "docs/performance.md",
    "docs/reliability.md",
    "docs/report.md",
    "docs/scenarios.md",
    "docs/sources.md",
    "docs/webhooks.md",
    "schemas/README.md",
)

_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>.*?) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block; `mark` is the comment on the line above it, for the tests."""

    language: str
    mark: str
    text: str


class Page(NamedTuple):
    """A page: its path in the repository, and its text."""

    path: str
    text: str

    @classmethod
    def read(cls, path: str) -> Page:
        """Read it from the repository."""
        return cls(path, (REPOSITORY / path).read_text(encoding="utf-8"))

    @property
    def prose(self) -> str:
        """Everything but the fenced blocks."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str, mark: str | None = None) -> list[Block]:
        """The fenced blocks in a language, or those of them with a mark."""
        found = (
            Block(m["language"], m["mark"] or "", m["text"]) for m in _FENCE.finditer(self.text)
        )
        return [
            block for block in found if block.language == language and mark in {None, block.mark}
        ]

    def spans(self) -> Iterator[str]:
        """What stands in backticks, on one line."""
        for span in _SPAN.findall(self.prose):
            yield " ".join(span.split())

    def links(self) -> list[str]:
        """Where its links lead, other sites left out."""
        return [link for link in _LINK.findall(self.prose) if not link.startswith("http")]

    def sections(self, level: int) -> dict[str, str]:
        """Text by heading of this level."""
        parts = re.split(rf"^{'#' * level} (.+)$", self.prose, flags=re.M)
        return dict(zip(parts[1::2], parts[2::2], strict=True))

    def anchors(self) -> set[str]:
        """What a link to this page may name after its `#`."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.M)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def rows(self) -> list[list[str]]:
        """The cells of every table row."""
        lines = [line for line in self.prose.splitlines() if line.startswith("| ")]
        return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
