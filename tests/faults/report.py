"""What a fault suite, or a soak, has to show for itself: added up, printed, written to a file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PROPERTY = "faults"
FILE = Path(__file__).parents[2] / ".cache" / "faults.json"


class Tally:
    """Counts of one trial, or of many.

    Attributes:
        events: records that lay in the source topics.
        letters, resent: those that were refused, and those that had to be moved.
        faults: what was done, by kind.
        exits: how workers ended that nobody told to, by status; 75 is one that was shut out.
        restarts: how often a worker was started in the place of another.
        replayed: records read more than once, as far as those that read them lived to tell.
        audits: how often everything was compared.
        mismatches: what differed from the recount, or was lost, or there twice.
    """

    def __init__(self) -> None:
        self.events = self.letters = self.resent = 0
        self.restarts = self.replayed = self.audits = 0
        self.faults: Counter[str] = Counter()
        self.exits: Counter[int] = Counter()
        self.mismatches: list[str] = []

    def document(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {
            "events": self.events,
            "dead_letters": self.letters,
            "resent": self.resent,
            "faults": dict(sorted(self.faults.items())),
            "restarts": self.restarts,
            "exits": {str(status): n for status, n in sorted(self.exits.items())},
            "replayed": self.replayed,
            "audits": self.audits,
            "mismatches": len(self.mismatches),
        }


def total(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Add documents up."""
    whole: dict[str, Any] = Tally().document()
    for document in documents:
        for name, found in document.items():
            if isinstance(found, Mapping):
                whole[name] = dict(sorted((Counter(whole[name]) + Counter(found)).items()))
            else:
                whole[name] += found
    return whole


def lines(whole: Mapping[str, Any]) -> list[str]:
    """The report, for people."""
    faults = whole["faults"]
    exits = ", ".join(f"{n} with {status}" for status, n in whole["exits"].items())
    return [
        f"{whole['events']:,} records under {sum(faults.values()):,} faults:",
        *(f"{n:7,}  {kind}" for kind, n in sorted(faults.items(), key=lambda item: -item[1])),
        f"{whole['restarts']:,} restarts of workers; of themselves ended {exits or 'none'}",
        f"{whole['exits'].get('75', 0):,} were shut out (75); "
        f"{whole['replayed']:,} records were read again",
        f"{whole['dead_letters']:,} dead letters and {whole['resent']:,} re-sent records, "
        "each exactly once",
        f"{whole['mismatches']:,} mismatches in {whole['audits']:,} audits of relationships, "
        "census and dead letters",
    ]


def write(whole: Mapping[str, Any], file: Path = FILE) -> None:
    """Keep it as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(whole, indent=2) + "\n")
