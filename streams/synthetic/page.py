"""The tables of `docs/scenarios.md`, written from those in the code.

Run `python -m streams.synthetic.page docs/scenarios.md` to write them again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill
from typing import Final

from streams.synthetic.defects import MALFORMATIONS
from streams.synthetic.scenarios import SCENARIOS, Phase, Scenario

_WIDTH: Final = 100
_BEGIN, _END = "<!-- {} -->\n", "<!-- end of {} -->\n"


def renewed(page: str) -> str:
    """The page with its tables as the code has them; all else as it is."""
    for name, table in (("scenarios", _scenarios()), ("malformations", _malformations())):
        begin, end = _BEGIN.format(name), _END.format(name)
        before, _, rest = page.partition(begin)
        after = rest.partition(end)[2]
        page = f"{before}{begin}{table}{end}{after}"
    return page


def _scenarios() -> str:
    return "\n".join(_section(scenario) for scenario in SCENARIOS.values())


def _section(scenario: Scenario) -> str:
    habits = scenario.habits
    ordinary = (
        f"Ordinarily: of 100 interactions {habits.likes * 100:g} likes, {habits.shares * 100:g} "
        f"shares, {habits.replies * 100:g} replies; {habits.answers:.0%} of the replies are "
        f"answered; {habits.follows * 100:g} follows, {habits.hollow:.0%} of which stay hollow."
    )
    return (
        f"### {scenario.name}\n\n"
        + "\n\n".join(
            fill(text, _WIDTH) for text in (f"{scenario.line} {scenario.story}", ordinary)
        )
        + f"\n\n{_table(scenario)}"
    )


def _table(scenario: Scenario) -> str:
    rows = [
        "| label | days after the turn | likes, shares | replies | follows | answers | besides "
        "| diverges |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for phase in scenario.phases:
        factors = (phase.likes, phase.replies, phase.follows, phase.answers)
        cells = [
            phase.what,
            _days(scenario, phase),
            *(f"×{factor:g}" for factor in factors),  # noqa: RUF001  a times sign
            "; ".join(_besides(phase)),
            "yes" if phase.diverges else "no",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _days(scenario: Scenario, phase: Phase) -> str:
    if not scenario.turn:
        return "always"
    if phase.lasts is None:
        return f"from {phase.begins} on"
    last = phase.begins + phase.lasts - 1
    return f"{phase.begins} to {last}" if last > phase.begins else f"{last}"


def _besides(phase: Phase) -> Iterator[str]:
    if phase.gradual:
        yield "reached day by day"
    if phase.hollow is not None:
        yield f"{phase.hollow:.1%} of new followers stay hollow".replace(".0%", "%")
    if phase.leaves:
        yield f"{phase.leaves:.0%} of them leave within two weeks"
    if phase.lost:
        yield f"no {' or '.join(sorted(phase.lost))} arrives"


def _malformations() -> str:
    rows = ["| a producer that | dead letter |", "|---|---|"]
    rows += [f"| {way.what} | `{way.reason}` |" for way in MALFORMATIONS]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")
