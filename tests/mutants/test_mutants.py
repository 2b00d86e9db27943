"""Every mutant can be made, and those that need no broker are caught here and now."""

from pathlib import Path

import pytest

from tests.docs.checks import names
from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Drifted, Mutant
from tests.mutants.page import PAGE, written
from tests.mutants.trial import PROJECT, Copy, End

BROKER = ("tests/table/", "tests/engine/", "tests/faults/")
"""Tests of these folders take longer; `make mutants` has the time."""

ALONE = [
    mutant
    for mutant in MUTANTS.values()
    if not any(test.startswith(BROKER) for test in mutant.tests)
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("mutants") / "project")


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_a_mutant_can_still_be_made_and_its_tests_are_there(mutant: Mutant) -> None:
    """Where the source or a test has changed its words, the mutant must follow."""
    mutant.check(PROJECT)
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert name in names(PROJECT / path), test
    assert mutant.tests


@pytest.mark.parametrize("mutant", ALONE, ids=[mutant.name for mutant in ALONE])
def test_a_mutant_is_caught_by_every_test_that_is_there_for_it(copy: Copy, mutant: Mutant) -> None:
    """The tests themselves pass without it: they are run beside this one."""
    verdict = copy.attempt(mutant)
    assert verdict.by == dict.fromkeys(mutant.tests, End.CAUGHT), verdict.said[-3000:]


def test_the_page_lists_them_all() -> None:
    """`python -m tests.mutants --page` writes it."""
    assert PAGE.read_text(encoding="utf-8") == written()


# -- the trial itself, on a project that is three files


def small(tmp_path: Path) -> Copy:
    """A project that says how many things are left, and tests that it does."""
    project = tmp_path / "original"
    for name, text in {
        "streams/__init__.py": "",
        "streams/shelf.py": "def left(had: int, sold: int) -> int:\n    return had - sold\n",
        "schemas/__init__.py": "",
        "pyproject.toml": "",
        "tests/__init__.py": "",
        "tests/test_shelf.py": (
            "import pytest\n\nfrom streams.shelf import left\n\n\n"
            "@pytest.mark.parametrize('sold', [0, 1])\n"
            "def test_what_is_sold_is_gone(sold):\n    assert left(3, sold) == 3 - sold\n\n\n"
            "def test_nothing_at_all():\n    left(3, 1)\n\n\n"
            "@pytest.mark.skip(reason='needs a shop')\n"
            "def test_in_a_shop():\n    assert left(3, 1) == 2\n"
        ),
        "tests/mutants/__init__.py": "",
    }.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    for name in ("trial.py", "mutant.py", "verdict.py"):
        (project / "tests/mutants" / name).write_text(Path(__file__).with_name(name).read_text())
    return Copy(tmp_path / "copy", project)


def shelf(new: str, *tests: str) -> Mutant:
    tests = tuple(f"tests/test_shelf.py::test_{test}" for test in tests)
    return Mutant("wrong", "streams/shelf.py", "had - sold", new, "sold twice", tests)


SOLD, NOTHING, SHOP = "what_is_sold_is_gone", "nothing_at_all", "in_a_shop"


@pytest.mark.parametrize(
    ("new", "tests", "end"),
    [
        ("had", [SOLD], End.CAUGHT),  # though it passes with nothing sold
        ("had", [SOLD, NOTHING], End.SURVIVED),  # every test must catch it; one claims nothing
        ("had - souled", [SOLD], End.BROKE),  # no such name: nothing is proven
        ("had - sold\nimport souled", [SOLD], End.BROKE),  # not even imported
        ("had", ["nobody_wrote"], End.BROKE),  # no such test
        ("had", [SHOP], End.SKIPPED),  # what it needs is not here
    ],
)
def test_a_mutant_is_caught_by_a_claim_that_fails_and_by_nothing_else(
    tmp_path: Path, new: str, tests: list[str], end: End
) -> None:
    copy = small(tmp_path)
    assert copy.attempt(shelf(new, *tests)).end is end


def test_a_copy_is_as_it_was_after_each_mutant(tmp_path: Path) -> None:
    copy, mutant = small(tmp_path), shelf("had", SOLD)
    assert copy.attempt(mutant).end is End.CAUGHT
    assert copy.unchanged([mutant]).end is End.SURVIVED


@pytest.mark.parametrize("old", ["had + sold", "sold"])
def test_a_mutant_whose_text_is_not_there_exactly_once_is_refused(tmp_path: Path, old: str) -> None:
    """Gone, or no longer characteristic: either way nobody knows what it would prove."""
    mutant = shelf("had", SOLD)._replace(old=old)
    with pytest.raises(Drifted, match=r"mutant wrong: streams/shelf\.py has \d times"):
        small(tmp_path).attempt(mutant)
