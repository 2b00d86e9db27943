"""`python -m grafana`: write the dashboards."""

from grafana.build import DASHBOARDS, built

for name, text in built().items():
    (DASHBOARDS / name).write_text(text, encoding="utf-8")
