"""docs/mutants.md, which is the catalogue for people to read."""

from collections.abc import Iterator

from tests.mutants.catalogue import CHAPTERS, MUTANTS
from tests.mutants.trial import PROJECT

PAGE = PROJECT / "docs" / "mutants.md"

_BEGINNING = """\
# Mutants

A test that nobody has seen fail proves nothing. A *mutant* is one small change of the source that
would lose, double or misplace something; each is tried on a copy of the project, and **every** test
named beside it must fail, by a claim of its own: a change that makes no program is not caught, it
is broken. Where a test is named for a mutant, it is the one to look at before it is changed.

```sh
make mutants                                # all {number} of them, and a table of what caught them
python -m tests.mutants day-off-by-one      # one of them
```

The exit status is 1 if one survived. `make test` tries those whose tests need no broker, and checks
of all others that they can still be made: the text that a mutant replaces must be in its file
exactly once, so one that has drifted away from the code fails loudly. Of the others those that
need no real Kafka are tried on the embedded broker; without Java the rest is said to be not tried.
They are written in `tests/mutants/of_the_core.py`, `tests/mutants/of_the_worker.py` and
`tests/mutants/of_sources.py`; this page is made from there, by `python -m tests.mutants --page`.
Mutants of the alerts are tried by `tests/alerting/test_mutants.py`.

Most of the core's are also caught by the independent recount (`tests/model/recount.py`), which is
compared with the core on random worlds: cut, mixed, flushed and recovered at random
(`tests/model/test_agreement.py`), and read through one crash after another
(`tests/model/test_crashes.py`).
"""


def written() -> str:
    """The page as it must be."""
    return "\n".join([_BEGINNING.format(number=len(MUTANTS)), *_chapters()])


def _chapters() -> Iterator[str]:
    for chapter in CHAPTERS:
        yield f"## {chapter.title}\n"
        yield "| mutant | in | what would go wrong | caught by |"
        yield "|---|---|---|---|"
        for mutant in chapter.mutants:
            tests = "<br>".join(f"`{test}`" for test in mutant.tests)
            kafka = " (on real Kafka)" if mutant.kafka else ""
            yield f"| {mutant.name} | `{mutant.file}` | {mutant.harm}{kafka} | {tests} |"
        yield ""
