"""The StatefulSet runs workers that keep their names and snapshots."""

import yaml

from streams.settings import load
from tests.deploy.files import REPOSITORY, compose, image_environment

SERVICE, WORKERS = yaml.safe_load_all(
    (REPOSITORY / "deploy" / "kubernetes" / "workers.yaml").read_text()
)
POD = WORKERS["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]


def test_it_is_the_worker_of_the_compose_file():
    """The same image, command, and time to stop."""
    worker = compose()["services"]["worker-1"]
    assert CONTAINER["image"] == worker["image"]
    assert CONTAINER["args"] == worker["command"]
    assert f"{POD['spec']['terminationGracePeriodSeconds']}s" == worker["stop_grace_period"]


def test_each_pod_is_a_member_by_its_own_name_with_settings_that_are_known(monkeypatch, tmp_path):
    """A name for all of them would make them throw each other out for ever."""
    named = {variable["name"]: variable for variable in CONTAINER["env"]}
    source = named["CLOSEKNIT_GROUP_INSTANCE_ID"]["valueFrom"]
    assert source == {"fieldRef": {"fieldPath": "metadata.name"}}
    monkeypatch.chdir(tmp_path)
    for name, variable in named.items():
        monkeypatch.setenv(name, variable.get("value", "closeknit-0"))
    settings = load()
    assert settings.group_instance_id == "closeknit-0"
    assert {name.removeprefix("CLOSEKNIT_").lower() for name in named} <= settings.model_fields_set


def test_each_pod_keeps_its_data_directory_in_a_volume_of_its_own():
    """And can write nowhere else but there and in /tmp."""
    (claim,) = WORKERS["spec"]["volumeClaimTemplates"]
    mounted = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    assert mounted[claim["metadata"]["name"]] == image_environment()["CLOSEKNIT_DATA_DIR"]
    assert set(mounted.values()) == {image_environment()["CLOSEKNIT_DATA_DIR"], "/tmp"}
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"]


def test_probes_and_service_ask_where_the_worker_answers():
    port = int(image_environment()["CLOSEKNIT_HTTP_PORT"])
    (metrics,) = CONTAINER["ports"]
    assert metrics["containerPort"] == port == SERVICE["spec"]["ports"][0]["port"]
    assert CONTAINER["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert CONTAINER["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}


def test_the_parts_find_each_other():
    """By labels and names."""
    labels = POD["metadata"]["labels"]
    assert WORKERS["spec"]["selector"]["matchLabels"] == labels == SERVICE["spec"]["selector"]
    assert WORKERS["spec"]["serviceName"] == SERVICE["metadata"]["name"]
    assert WORKERS["spec"]["replicas"] == 2
