"""Cases for `promtool test rules`: written for it, run by it, and its verdict read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from streams.alerting.build import groups
from streams.alerting.rules import Alert, Group, Record, to_yaml
from streams.alerting.thresholds import DEFAULTS
from tests.alerting.world import HOUR, Account, Seen, Worker, on
from tests.conftest import missing

RULES = groups(DEFAULTS)
"""The rules with the thresholds that they have unless told otherwise."""


class Case(NamedTuple):
    """What a world does to one alert."""

    claim: str
    alert: str
    world: Account | Seen
    """An account of which all is known stands for a world where nothing else is the matter."""
    fires: int | None
    """The first minute at which it fires; None: it never does."""
    end: int = 4 * HOUR
    """How long it is watched if it never fires."""
    tick: int = 2 * HOUR
    """Minutes between scrapes and evaluations: `fires` is exact to one. Short ones take time."""
    labels: Mapping[str, str] = {}
    """Of the alert."""
    pins: str = ""
    """The threshold that this case lies close to, as `table.field`."""
    over: int | None = None
    """The first minute at which it fires no more."""

    @property
    def last(self) -> int:
        """The last minute that is looked at."""
        return max(self.end if self.fires is None else self.fires, self.over or 0)


class Trial(NamedTuple):
    """Rules, and the cases that they are tried on."""

    name: str
    rules: Sequence[Group]
    cases: Sequence[Case]


def failures(trials: Sequence[Trial], folder: Path) -> dict[str, dict[str, str]]:
    """By trial, the claims that do not hold, and what promtool says of each."""
    written = []
    for number, trial in enumerate(trials):
        for alert in sorted({case.alert for case in trial.cases}):
            rules = needed(trial.rules, alert)
            for tick in sorted({case.tick for case in trial.cases if case.alert == alert}):
                tests = list(_tests(number, trial.cases, alert, tick))
                written.append(write(folder / f"{number}-{alert}-{tick}", rules, tick, tests))
    return _verdicts(trials, tried(written))


def write(home: Path, rules: Sequence[Group], tick: int, tests: Sequence[Any]) -> Path:
    """Write rules and tests of them into a new folder, evaluated every `tick` minutes."""
    home.mkdir()
    for group in rules:
        (home / f"{group.name}.yml").write_text(to_yaml(group), encoding="utf-8")
    document = {
        "rule_files": [f"{group.name}.yml" for group in rules],
        "group_eval_order": [group.name for group in rules],
        "evaluation_interval": f"{tick}m",
        "tests": tests,
    }
    path = home / "test.json"  # which is YAML too
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def tried(tests: Sequence[Path]) -> str:
    """What promtool finds wrong in these files; it uses one processor, so there are several."""
    processes = min(os.cpu_count() or 1, len(tests))
    shares = [[str(path) for path in tests[first::processes]] for first in range(processes)]
    with ThreadPoolExecutor() as pool:
        return "".join(pool.map(lambda share: run(["test", "rules", *share]), shares))


def needed(rules: Sequence[Group], alert: str) -> list[Group]:
    """What an alert is made of: the others would only take time."""
    every = [rule for group in rules for rule in group.rules]
    names = {rule.record for rule in every if isinstance(rule, Record)}
    wanted: set[str] = set()
    asked = [rule.expr for rule in every if isinstance(rule, Alert) and rule.alert == alert]
    while asked:
        new = {name for name in re.findall(r"[a-z]+:\w+:\w+", asked.pop()) if name in names}
        new -= wanted
        wanted |= new
        asked += [rule.expr for rule in every if isinstance(rule, Record) and rule.record in new]
    kept = [
        group._replace(
            rules=[
                rule
                for rule in group.rules
                if (rule.record in wanted if isinstance(rule, Record) else rule.alert == alert)
            ]
        )
        for group in rules
    ]
    return [group for group in kept if group.rules]


def _verdicts(trials: Sequence[Trial], said: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {trial.name: {} for trial in trials}
    # promtool repeats a query that gave something else: it bears the number of its case. Whatever
    # else it says is about a file that it could not use.
    beginning, *wrong = re.split(r"^    (?=expr: )", said.replace("  FAILED:\n", ""), flags=re.M)
    assert beginning.strip() == "", beginning
    for why in wrong:
        number = re.fullmatch(
            r'expr: .*case!=\\"(\d+)\.(\d+)\\".*, time: .*,\n +exp:.*\n +got:.*\n', why
        )
        assert number, why
        trial = trials[int(number[1])]
        found[trial.name][trial.cases[int(number[2])].claim] = why
    return found


def tool() -> str:
    """Where promtool is."""
    found = shutil.which("promtool")
    if found is None:
        missing("promtool is not installed (Debian: apt-get install prometheus)")
    return found


def run(arguments: Sequence[str]) -> str:
    """What promtool finds wrong; nothing if all is well."""
    done = subprocess.run(
        [tool(), *arguments],
        capture_output=True,
        text=True,
        check=False,
        # It has little to keep, and we start one for each processor.
        env={**os.environ, "GOGC": "400", "GOMAXPROCS": "1"},
    )
    assert (done.returncode == 0) == (done.stderr == ""), done.stdout + done.stderr
    return done.stderr


def _tests(trial: int, cases: Sequence[Case], alert: str, tick: int) -> Iterator[dict[str, Any]]:
    """Test groups: one for each world, and one for all accounts that are alone in theirs."""
    alone: dict[str, Account] = {}
    checks: list[dict[str, Any]] = []
    last = 0
    for number, case in enumerate(cases):
        if (case.alert, case.tick) != (alert, tick):
            continue
        assert case.last % tick == 0 == (case.fires or 0) % tick
        about = f'case!="{trial}.{number}"'
        if isinstance(case.world, Account):
            name = f"account-{number}"
            alone[name] = case.world
            checks += _checks(case, f'account="{name}",{about}')
            last = max(last, case.last)
        else:
            yield group_of(case.world, tick, case.last, _checks(case, about))
    if alone:
        yield group_of(on("a", Worker(accounts=alone)), tick, last, checks)


def group_of(world: Seen, tick: int, last: int, checks: Sequence[Any]) -> dict[str, Any]:
    """A test group: what is scraped until `last`, and what must be so."""
    series = _values(world, range(0, last + tick, tick))
    return {
        "interval": f"{tick}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": checks,
    }


def _checks(case: Case, about: str) -> list[dict[str, Any]]:
    labels = {"alertname": case.alert, "alertstate": "firing", **case.labels}
    alerts = "ALERTS{" + ",".join([*(f'{k}="{v}"' for k, v in labels.items()), about]) + "}"

    def check(expr: str, at: int, value: int) -> dict[str, Any]:
        return {
            "expr": f"count({expr}) or vector(0)",
            "eval_time": f"{at}m",
            "exp_samples": [{"labels": "{}", "value": value}],
        }

    def never(until: int) -> dict[str, Any]:
        return check(f"count_over_time({alerts}[{until + 1}m])", until, 0)

    if case.fires is None:
        return [never(case.end)]
    return [
        check(alerts, case.fires, 1),
        *([never(case.fires - case.tick)] if case.fires >= case.tick else []),
        *(
            [check(alerts, case.over - case.tick, 1), check(alerts, case.over, 0)]
            if case.over is not None
            else []
        ),
    ]


def _values(world: Seen, minutes: range) -> dict[str, str]:
    """Every series in promtool's notation; one that ends is marked stale, as by a scrape."""
    pages = [world(minute) for minute in minutes]
    written = {}
    for series in dict.fromkeys(name for page in pages for name in page):
        words = []
        before = None
        for value in (page.get(series) for page in pages):
            gone = "_" if before is None else "stale"
            words.append(gone if value is None else f"{float(value):.15g}")
            before = value
        written[series] = " ".join(_runs(words))
    return written


def _runs(words: Iterable[str]) -> Iterator[str]:
    for word, same in groupby(words):
        count = len(list(same))
        if count == 1 or word == "stale":
            yield word
        else:
            yield f"{word}x{count - (word != '_')}"
