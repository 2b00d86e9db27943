"""Rules and dashboards for a Prometheus and a Grafana that are there already."""

import json
import re
import runpy
import subprocess

import pytest
import yaml

from tests.deploy.files import DASHBOARDS, PROMETHEUS, REPOSITORY
from tests.deploy.programs import tool

FOLDER = REPOSITORY / "deploy" / "kubernetes"
RULES = sorted((PROMETHEUS.parent / "rules").glob("*.yml"))
BOARDS = sorted(DASHBOARDS.glob("*.json"))


def _read(name):
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def test_the_manifests_are_those_that_would_be_built_now():
    """By the commands that build what is in them."""
    for name, text in runpy.run_path(str(FOLDER / "build.py"))["files"]().items():
        (target,) = re.findall(r"^# Written by `make (\w+)`", text)
        assert (FOLDER / name).read_text() == text, f"{name} is out of date: run `make {target}`"
        recipe = (REPOSITORY / "Makefile").read_text().partition(f"\n{target}:")[2]
        assert "deploy/kubernetes/build.py" in recipe.partition("\n\n")[0]


def test_the_prometheus_rule_has_every_group_and_nothing_else():
    """As they are loaded by the stack."""
    (rule,) = _read("prometheus-rule.yaml")
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rule["spec"]["groups"] == [
        group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]
    ]
    assert rule["spec"]["groups"]


@pytest.mark.prometheus
def test_promtool_takes_the_rules_of_the_manifest(tmp_path):
    """The operator hands `spec` on as a rule file."""
    (rule,) = _read("prometheus-rule.yaml")
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump(rule["spec"]))
    command = [tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_dashboard_is_a_config_map_that_grafana_s_sidecar_finds():
    """With the very text that is provisioned, and small enough for `kubectl apply`."""
    maps = _read("dashboards.yaml")
    assert len(maps) == len(BOARDS) > 0
    for found, board in zip(maps, BOARDS, strict=True):
        assert (found["apiVersion"], found["kind"]) == ("v1", "ConfigMap")
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert re.fullmatch(r"[a-z0-9-]{1,63}", found["metadata"]["name"])
        assert found["data"] == {board.name: board.read_text()}
        # It keeps a copy in an annotation, which may have 256 KiB.
        assert len(json.dumps(found)) < 250_000
