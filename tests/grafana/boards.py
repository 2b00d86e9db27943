"""The dashboards as Grafana reads them, and their queries as Prometheus does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import promql_parser as promql

from grafana.build import DASHBOARDS

Json = dict[str, Any]

CHOSEN: Final = {
    "$account": "peak-sneakers",
    "$group": ".*",
    "$worker": "worker-1:9108|worker-2:9108",
    "$__rate_interval": "4m",
    "$datasource": "prometheus",
}
"""What is chosen at the top, and what Grafana fills in."""


def filled(text: str, **chosen: str) -> str:
    """A query as Grafana sends it."""
    for name, value in {**CHOSEN, **{f"${name}": value for name, value in chosen.items()}}.items():
        text = text.replace(name, value)
    return text


class Query(NamedTuple):
    """One query of a panel."""

    panel: str
    ref: str
    legend: str
    expr: str
    now: bool

    @property
    def labels(self) -> set[str]:
        """The labels that its legend shows."""
        return set(re.findall(r"{{(\w+)}}", self.legend))


class Panel:
    """One panel."""

    def __init__(self, board: str, document: Json) -> None:
        self.board = board
        self.document = document
        self.title: str = document["title"]
        self.type: str = document["type"]

    @property
    def defaults(self) -> Json:
        found: Json = self.document["fieldConfig"]["defaults"]
        return found

    @property
    def overrides(self) -> dict[str, Json]:
        """The properties of each field that has some of its own, by its name."""
        return {
            one["matcher"]["options"]: {prop["id"]: prop["value"] for prop in one["properties"]}
            for one in self.document.get("fieldConfig", {}).get("overrides", ())
        }

    @property
    def queries(self) -> list[Query]:
        return [
            Query(
                self.title,
                target["refId"],
                target["legendFormat"],
                target["expr"],
                target["instant"],
            )
            for target in self.document.get("targets", ())
        ]


BOARDS: Final[Mapping[str, Json]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(DASHBOARDS.glob("*.json"))
}
PANELS: Final = [
    Panel(name, document) for name, board in BOARDS.items() for document in board["panels"]
]
QUERIES: Final = [(panel.board, query) for panel in PANELS for query in panel.queries]


def panel(title: str) -> Panel:
    """A panel of the account dashboards, by its question."""
    return next(panel for panel in PANELS if panel.title == title)


def annotations(board: str) -> dict[str, str]:
    """The queries whose answers are drawn into the charts of a dashboard, by their names."""
    listed = BOARDS[board].get("annotations", {}).get("list", ())
    return {one["name"]: one["expr"] for one in listed}


def choices(board: str) -> dict[str, tuple[str, str]]:
    """The metric and the label of each variable that is asked of Prometheus."""
    return {
        one["name"]: re.fullmatch(r"label_values\((\S+), (\w+)\)", one["query"]["query"]).groups()  # type: ignore[union-attr,misc]
        for one in BOARDS[board]["templating"]["list"]
        if one["type"] == "query"
    }


def every_query() -> Iterator[tuple[str, str]]:
    """All that is asked of Prometheus, with where."""
    for board, query in QUERIES:
        yield f"{board}: {query.panel} {query.ref}", query.expr
    for board in BOARDS:
        for name, expr in annotations(board).items():
            yield f"{board}: {name}", expr
        for name, (metric, _) in choices(board).items():
            yield f"{board}: variable {name}", metric


class Selector(NamedTuple):
    """A metric in a query, and what it demands of labels with `=`."""

    name: str
    labels: dict[str, str]
    others: frozenset[str]


def parse(expr: str) -> promql.Expr:
    return promql.parse(filled(expr))


def selectors(expr: str) -> list[Selector]:
    """Every series that a query reads."""
    found: list[Selector] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql.VectorSelector):
            matchers = node.matchers.matchers
            equal = {m.name: m.value for m in matchers if m.op == promql.MatchOp.Equal}
            others = frozenset(m.name for m in matchers if m.op != promql.MatchOp.Equal)
            found.append(Selector(node.name, equal, others))
        return True

    promql.walk(parse(expr), visit)
    return found
