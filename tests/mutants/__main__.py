"""`python -m tests.mutants [NAME ...]`: try them, and show by which tests each is caught."""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutants.catalogue import CHAPTERS, MUTANTS
from tests.mutants.mutant import Mutant
from tests.mutants.page import PAGE, written
from tests.mutants.trial import PROJECT, Copy, End, Verdict

COLOURS = {
    End.CAUGHT: "green",
    End.SURVIVED: "bold red",
    End.BROKE: "bold red",
    End.SKIPPED: "yellow",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Try mutants; return 1 if one was not caught, 2 if none can be judged."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all of them")
    parser.add_argument("--page", action="store_true", help="write docs/mutants.md and do no more")
    options = parser.parse_args(arguments)
    if options.page:
        PAGE.write_text(written(), encoding="utf-8")
        return 0
    if unknown := [name for name in options.names if name not in MUTANTS]:
        parser.error(f"no such mutant: {', '.join(unknown)}; there are {', '.join(MUTANTS)}")
    chosen = [MUTANTS[name] for name in options.names] or list(MUTANTS.values())
    for mutant in chosen:
        mutant.check(PROJECT)  # all of them, before the first is tried
    out = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        return judged(out, Copy(Path(folder) / "project"), chosen)


def judged(out: Console, copy: Copy, chosen: Sequence[Mutant]) -> int:
    """Try these in the copy and print what became of them."""
    out.print(f"The tests without any mutant ({len(chosen)} mutants follow) ...")
    unchanged = copy.unchanged(chosen)
    if unchanged.end not in {End.SURVIVED, End.SKIPPED}:
        out.print(unchanged.said, markup=False)
        out.print("Tests fail without any mutant: they prove nothing. Make them pass first.")
        return 2
    verdicts = list(told(out, copy, chosen))
    ends = Counter(verdict.end for verdict in verdicts)
    out.print(table(verdicts))
    found = ", ".join(f"{n} {end}" for end, n in ends.items())
    out.print(f"Of {len(verdicts)}: {found}, in {sum(v.seconds for v in verdicts):.0f} s.")
    for verdict in verdicts:
        if verdict.mutant and verdict.end is not End.CAUGHT:
            out.print(f"\n{verdict.mutant.name}: {verdict.end}", style=COLOURS[verdict.end])
            for test, end in verdict.by.items():
                out.print(f"  {end}: {test}", markup=False)
            if verdict.end is End.BROKE:
                out.print(verdict.said[-2000:], markup=False)
    return 1 if ends[End.SURVIVED] or ends[End.BROKE] else 0


def told(out: Console, copy: Copy, chosen: Sequence[Mutant]) -> Iterator[Verdict]:
    """Try one after the other, saying which."""
    for mutant in chosen:
        verdict = copy.attempt(mutant)
        out.print(f"{mutant.name}: {verdict.end}, {verdict.seconds:.1f} s")
        yield verdict


def table(verdicts: Sequence[Verdict]) -> Table:
    """Mutant, what it would do, what caught it, how long that took."""
    found = Table("Mutant", "What would go wrong", "Caught by", "s", show_lines=True)
    by_name = {verdict.mutant.name: verdict for verdict in verdicts if verdict.mutant}
    for chapter in CHAPTERS:
        for mutant in chapter.mutants:
            if (verdict := by_name.get(mutant.name)) is None:
                continue
            caught_by = [
                test.partition("::test_")[2].replace("_", " ")
                for test, end in verdict.by.items()
                if end is End.CAUGHT
            ]
            found.add_row(
                f"[{COLOURS[verdict.end]}]{mutant.name}[/]",
                mutant.harm,
                "\n".join(caught_by) or verdict.end,
                f"{verdict.seconds:.1f}",
            )
    return found


if __name__ == "__main__":
    sys.exit(main())
