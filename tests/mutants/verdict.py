"""A pytest plugin: writes down how each test function ended, and of what it failed.

A test is there with all its parameters; once one of them has failed, the others are passed by.
"""

import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

_ENOUGH = "another parameter of this test has failed already"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--verdict", type=Path, required=True, help="where to write it, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    # A counterexample is enough, it need not be the smallest one: shrinking takes most of the time.
    settings.register_profile(
        "verdict", settings.default, phases=[Phase.explicit, Phase.generate], database=None
    )
    settings.load_profile("verdict")
    config.pluginmanager.register(_Verdict(config.getoption("--verdict")))


class _Verdict:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._ends: dict[str, dict[str, Any]] = {}

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if self._ends.get(function(item.nodeid), {}).get("end") == "failed":
            pytest.skip(_ENOUGH)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        known = self._ends.get(function(item.nodeid))
        if report.failed and call.excinfo is not None:
            # An error around a test is nothing that the test claims.
            raised = sorted({name for leaf in leaves(call.excinfo.value) for name in names(leaf)})
            end = "failed" if report.when == "call" else "error"
            self._ends[function(item.nodeid)] = {"end": end, "raised": raised}
        elif report.skipped and known is None:
            self._ends[function(item.nodeid)] = {"end": "skipped", "raised": []}
        elif report.passed and report.when == "call" and (known or {}).get("end") != "failed":
            self._ends[function(item.nodeid)] = {"end": "passed", "raised": []}
        return report

    def pytest_sessionfinish(self) -> None:
        self._file.write_text(json.dumps(self._ends), encoding="utf-8")


def function(nodeid: str) -> str:
    """A test without its parameters."""
    return nodeid.partition("[")[0]


def leaves(error: BaseException) -> Iterator[BaseException]:
    """An error, or what is in a group of errors."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def names(error: BaseException) -> set[str]:
    """What an error is: the names of its classes. That of a time-out is pytest's word for any."""
    found = {cls.__name__ for cls in type(error).__mro__}
    return found | {"TimeoutError"} if str(error).startswith("Timeout") else found
