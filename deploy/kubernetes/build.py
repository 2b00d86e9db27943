"""Writes the rules and dashboards as a cluster takes them, after `make rules` or `make dashboards`.

The rules become one PrometheusRule, for the Prometheus Operator; each dashboard becomes a ConfigMap
with the label that Grafana's sidecar looks for. The text of both is that of the built files, moved
to the right.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import indent

_DEPLOY = Path(__file__).parents[1]
_RULES = _DEPLOY / "prometheus" / "rules"
_DASHBOARDS = _DEPLOY.parent / "grafana" / "dashboards"

_HEAD = "# Written by `make {target}` from what that has built in {source}.\n"

_RULE = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: closeknit
  labels:
    app.kubernetes.io/name: closeknit
spec:
  groups:
"""

_CONFIG_MAP = """\
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: closeknit-dashboard-{name}
  labels:
    app.kubernetes.io/name: closeknit
    grafana_dashboard: "1"
  annotations:
    grafana_folder: Closeknit
data:
  {name}.json: |
"""


def files() -> dict[str, str]:
    """The text of each manifest, by the name of its file."""
    return {
        "prometheus-rule.yaml": _HEAD.format(target="rules", source="deploy/prometheus/rules")
        + _RULE
        + "".join(_groups()),
        "dashboards.yaml": _HEAD.format(target="dashboards", source="grafana/dashboards")
        + "".join(_config_maps()),
    }


def _groups() -> Iterator[str]:
    for path in sorted(_RULES.glob("*.yml")):
        _, _, groups = path.read_text(encoding="utf-8").partition("groups:\n")
        yield indent(groups, "  ")


def _config_maps() -> Iterator[str]:
    for path in sorted(_DASHBOARDS.glob("*.json")):
        text = path.read_text(encoding="utf-8")
        yield _CONFIG_MAP.format(name=path.stem) + indent(text, "    ")


def main() -> None:
    """Write them beside this file."""
    for name, text in files().items():
        (Path(__file__).parent / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
