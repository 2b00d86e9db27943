"""The page about scenarios says what the code does."""

from pathlib import Path

from streams.synthetic import SCENARIOS
from streams.synthetic.page import renewed

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"


def test_the_tables_on_the_page_are_those_of_the_code() -> None:
    """If not: python -m streams.synthetic.page docs/scenarios.md."""
    page = PAGE.read_text(encoding="utf-8")
    assert renewed(page) == page
    for name in SCENARIOS:
        assert f"\n### {name}\n" in page
