"""The compose file starts what it says, as far as that can be known without a Docker engine."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from streams.cli.main import main
from streams.settings import load
from tests.conftest import missing
from tests.deploy.files import (
    DASHBOARDS,
    GRAFANA,
    PROMETHEUS,
    REPOSITORY,
    compose,
    image_environment,
    mounts,
    on_this_side,
)

COMPOSE = compose()
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
CALLED = {name: service for name, service in OURS.items() if "entrypoint" not in service}
WORKERS = {name: service for name, service in CALLED.items() if service["command"] == ["worker"]}
ONCE = {name for name, service in SERVICES.items() if service["restart"] == "no"}
SOURCES = {name: one for name, one in CALLED.items() if one["command"][0] == "source"}
PROFILED = {name for name, service in SERVICES.items() if "profiles" in service}
DEMO = PROFILED - SOURCES.keys()

each_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize("name", OURS)


def parse(arguments: list[str]) -> click.Context:
    """Parse a command line of ours to its end, and run nothing."""
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group):
        name, *arguments = arguments
        command = command.get_command(context, name) or pytest.fail(f"no command {name!r}")
        context = command.make_context(name, list(arguments), parent=context)
    return context


@each_service
def test_each_image_is_pinned_to_one_release(name):
    """`latest` would be another system tomorrow."""
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])


@each_of_ours
def test_our_image_bears_the_version_of_the_project(name):
    """And every service of ours is the same image."""
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert SERVICES[name]["image"] == f"closeknit:{version}"
    assert (REPOSITORY / SERVICES[name]["build"]["dockerfile"]).is_file()


@each_service
def test_each_published_port_is_open_to_this_machine_only(name):
    """None of these asks for a password."""
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


@each_service
def test_what_stays_is_restarted_and_watched_and_what_ends_is_neither(name):
    """What is ours brings the health check of its image; what ends answers no HTTP."""
    service = SERVICES[name]
    if name in ONCE | DEMO:
        assert service["healthcheck"] == {"disable": True}
        assert service["restart"] in {"no", "on-failure"}
        return
    # Also after a restart of Docker, which `on-failure` would not see.
    assert service["restart"] == "unless-stopped"
    if name in OURS:
        assert "healthcheck" not in service
    else:
        assert service["healthcheck"]["test"][0] == "CMD"  # exec form: no shell in between


@each_service
def test_each_service_waits_for_what_can_come_true(name):
    """Healthy needs a health check, completed needs an end."""
    for needed, wait in SERVICES[name].get("depends_on", {}).items():
        completes = wait["condition"] == "service_completed_successfully"
        assert wait["condition"] == "service_healthy" or completes
        assert completes == (needed in ONCE)
        # Compose refuses a file in which somebody waits for what is not there.
        assert needed not in PROFILED or name in DEMO


def test_each_volume_is_declared_and_used_and_each_file_is_there():
    """Files of the repository are mounted read-only."""
    every = [mount for service in SERVICES.values() for mount in mounts(service)]
    assert {mount.source for mount in every if mount.path is None} == COMPOSE["volumes"].keys()
    for mount in every:
        assert mount.path is None or (mount.path.exists() and mount.read_only)


@each_service
def test_no_service_is_given_a_secret(name):
    """This file is public; a password belongs into a file that CLOSEKNIT_…_FILE names."""
    for variable in SERVICES[name].get("environment", {}):
        named = re.search(r"PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|_KEY", variable)
        assert not named or variable.endswith("_FILE")


@each_service
def test_each_can_do_no_more_than_it_must(name):
    """A user without rights and no way to get any, a read-only root, a limit to its memory."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("user") or name in OURS  # whose user is in the image
    assert service.get("user") not in {"root", "0"}
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    if name != "kafka":  # the file says why
        assert service["read_only"]
        assert service["tmpfs"] == ["/tmp:mode=1777"]


@pytest.mark.parametrize("name", CALLED)
def test_each_command_is_one_of_our_command_line(name):
    """Parsed by the command line itself, down to the files that it names."""
    service = SERVICES[name]
    parse([on_this_side(service, word) for word in service["command"]])


@pytest.mark.parametrize(
    "wrong",
    [
        ["wroker"],  # no such command
        ["worker", "--forever"],  # no such option
        ["topics", "make"],  # no such command of a group
        ["replay", "--speed", "fast", __file__],  # no such value
        ["replay", "/nowhere/absent.jsonl"],  # no such file
    ],
)
def test_the_test_above_would_notice_a_wrong_command(wrong):
    """It parses all the way down."""
    with pytest.raises((click.UsageError, pytest.fail.Exception)):
        parse(wrong)


@each_of_ours
def test_each_environment_makes_settings(name, monkeypatch, tmp_path):
    """With the variables of the image below those of the service; a misspelt one is refused."""
    monkeypatch.chdir(tmp_path)
    ours = image_environment() | SERVICES[name]["environment"]
    for variable, value in ours.items():
        if variable.endswith("_FILE"):
            assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]
            (tmp_path / "secret").write_text("sixteen or more characters")
            monkeypatch.setenv(variable, str(tmp_path / "secret"))
        elif variable.startswith("CLOSEKNIT_"):
            monkeypatch.setenv(variable, value)
    settings = load()
    known = {f"CLOSEKNIT_{field.upper()}" for field in type(settings).model_fields}
    given = {name.removesuffix("_FILE") for name in ours if name.startswith("CLOSEKNIT_")}
    assert given <= known
    assert settings.clock == "wall"
    assert settings.broker in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert settings.http_host == "0.0.0.0"


def test_workers_have_names_and_snapshots_of_their_own():
    """Two members of one name would throw each other out for ever; both outlive a restart."""
    names = [worker["environment"]["CLOSEKNIT_GROUP_INSTANCE_ID"] for worker in WORKERS.values()]
    assert len(set(names)) == len(WORKERS) == 2
    kept = [mount for worker in WORKERS.values() for mount in mounts(worker)]
    assert len({mount.source for mount in kept}) == len(WORKERS)
    assert {mount.target for mount in kept} == {image_environment()["CLOSEKNIT_DATA_DIR"]}


def test_prometheus_scrapes_every_worker_and_keeps_a_quarter():
    """A worker that is not scraped is missing from every sum."""
    (group,) = scrape_job("closeknit")["static_configs"]
    port = image_environment()["CLOSEKNIT_HTTP_PORT"]
    assert group["targets"] == [f"{worker}:{port}" for worker in WORKERS]
    prometheus = SERVICES["prometheus"]
    assert "--storage.tsdb.retention.time=90d" in prometheus["command"]
    (flag,) = (word for word in prometheus["command"] if word.startswith("--config.file="))
    assert on_this_side(prometheus, flag.partition("=")[2]) == str(PROMETHEUS)


def scrape_job(name):
    jobs = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    return next(job for job in jobs if job["job_name"] == name)


def test_prometheus_scrapes_every_source_where_the_image_asks_for_its_health():
    """By their names, so that one that is not there is no target, and no alert."""
    (found,) = scrape_job("closeknit-sources")["dns_sd_configs"]
    assert found["names"] == [*SOURCES]
    port = image_environment()["CLOSEKNIT_HTTP_PORT"]
    assert found["port"] == int(port)
    for source in SOURCES.values():
        assert source["environment"]["CLOSEKNIT_SOURCE_HTTP_PORT"] == port


def test_the_gateway_is_reached_at_the_port_that_it_listens_on_and_has_its_token():
    """From this machine, as everything here is."""
    gateway = SERVICES["webhooks"]
    port = gateway["command"][-1].rpartition(":")[2]
    assert gateway["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert gateway["secrets"] == [*COMPOSE["secrets"]]


def test_grafana_finds_prometheus_and_the_dashboards():
    """Provisioned read-only, and shown to whoever opens it."""
    grafana = SERVICES["grafana"]
    (source,) = _provisioned("datasources")["datasources"]
    host, port = source["url"].removeprefix("http://").split(":")
    assert any(published.endswith(f":{port}") for published in SERVICES[host]["ports"])
    assert not source["editable"]
    (provider,) = _provisioned("dashboards")["providers"]
    assert not provider["allowUiUpdates"]
    assert on_this_side(grafana, provider["options"]["path"]) == str(DASHBOARDS)
    environment = grafana["environment"]
    home = on_this_side(grafana, environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert Path(home).parent == DASHBOARDS
    assert Path(home).is_file()
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def _provisioned(kind):
    (file,) = (GRAFANA / "provisioning" / kind).glob("*.yaml")
    return yaml.safe_load(file.read_text())


def test_prometheus_knows_alertmanager():
    """At the port that it has there."""
    (manager,) = yaml.safe_load(PROMETHEUS.read_text())["alerting"]["alertmanagers"]
    (group,) = manager["static_configs"]
    (address,) = group["targets"]
    host, port = address.split(":")
    assert SERVICES[host]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_demo_and_the_sources_are_profiles_and_everything_else_is_always_there():
    """Their services only add to what runs for real."""
    assert SOURCES.keys() <= PROFILED
    assert {name for name in SERVICES if name.startswith("demo-")} == DEMO
    assert all(SERVICES[name]["profiles"] == ["demo"] for name in DEMO)
    # A script that were the first process of its container would hear no signal.
    assert all(SERVICES[name]["init"] for name in DEMO)


def test_the_demo_writes_a_past_where_prometheus_keeps_its_own():
    """The same volume, and the very release that will read it."""
    past, prometheus = SERVICES["demo-past"], SERVICES["prometheus"]
    assert past["image"] == prometheus["image"]
    assert past["user"] == prometheus["user"]
    (storage,) = (m for m in mounts(prometheus) if m.source == "prometheus")
    assert storage in mounts(past)
    assert f"--storage.tsdb.path={storage.target}" in prometheus["command"]
    assert past["command"][1] == storage.target


@pytest.mark.parametrize("profile", [[], ["--profile", "demo"]], ids=["default", "demo"])
def test_compose_itself_takes_the_file(profile):
    """Its checks are not ours to repeat."""
    found = shutil.which("docker-compose")
    if found is None:
        missing("docker-compose is not installed (Debian: apt-get install docker-compose)")
    command = [found, "--file", str(REPOSITORY / "docker-compose.yml"), *profile, "config", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
