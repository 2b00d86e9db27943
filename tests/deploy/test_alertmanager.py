"""An alert that fires reaches people, on the way that is shipped: rules, routes, webhook."""

import json
import re
import subprocess
import time

import pytest
import yaml

from streams.alerting.build import groups
from streams.alerting.rules import Alert
from streams.alerting.thresholds import DEFAULTS
from tests.alerting.world import Account, Worker
from tests.deploy.files import PROMETHEUS, REPOSITORY
from tests.deploy.programs import SERVICES, alertmanager, prometheus, served, tool
from tests.engine.system import await_that

pytestmark = pytest.mark.prometheus

CONFIGURATION = REPOSITORY / "deploy" / "alertmanager" / "alertmanager.yml"
ALERTS = [rule for group in groups(DEFAULTS) for rule in group.rules if isinstance(rule, Alert)]

# Growth that a person would call hollow, this week and this month.
BEGGING = Account(
    replies=30,
    follows=900,
    replies_28d=130,
    follows_28d=3000,
)


def _check(*arguments):
    done = subprocess.run([tool("amtool"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_amtool_takes_the_configuration():
    """As it is shipped."""
    assert "1 receivers" in _check("check-config", str(CONFIGURATION))


def test_the_examples_for_slack_and_mail_need_only_their_marks_taken_away(tmp_path):
    """And every secret of theirs is in a file."""
    text = re.sub(r"^    #(?=  |[a-z])", "    ", CONFIGURATION.read_text(), flags=re.M)
    with_examples = tmp_path / "alertmanager.yml"
    with_examples.write_text(text)
    _check("check-config", str(with_examples))
    (people,) = yaml.safe_load(text)["receivers"]
    ((slack,), (mail,)) = people["slack_configs"], people["email_configs"]
    secrets = {slack["api_url_file"], mail["auth_password_file"]}
    assert {path.rpartition("/")[0] for path in secrets} == {"/etc/alertmanager/secrets"}
    assert "deploy/alertmanager/secrets/" in (REPOSITORY / ".gitignore").read_text().splitlines()


def test_each_alert_is_told_to_people():
    """Whatever its labels."""
    for alert in ALERTS:
        labels = alert.document()["labels"] | {"alertname": alert.alert}
        words = [f"{name}={value}" for name, value in labels.items()]
        said = _check("config", "routes", "test", f"--config.file={CONFIGURATION}", *words)
        assert said.strip() == "people", alert.alert


def test_an_alert_is_repeated_before_alertmanager_forgets_that_it_was_told():
    """It remembers for five days unless told otherwise."""
    route = yaml.safe_load(CONFIGURATION.read_text())["route"]
    waits = [one["repeat_interval"] for one in (route, *route["routes"])]
    hours = {"h": 1, "d": 24}
    assert all(int(wait[:-1]) * hours[wait[-1]] < 120 for wait in waits)


@pytest.mark.parametrize(
    "webhook",
    [
        "",  # alerts are only shown
        "http://127.0.0.1:1/hook",
        "http://127.0.0.1:1/hook?a=b|c&d=e",  # what a sed script would take for its own
    ],
    ids=["none", "plain", "special characters"],
)
def test_it_is_started_with_the_webhook_of_the_setting(webhook, tmp_path):
    """And its health check finds it healthy."""
    with alertmanager(tmp_path, webhook) as running:
        status = running.get("/api/v2/status")
        (people,) = yaml.safe_load(status["config"]["original"])["receivers"]
        found = [one["url"] for one in people.get("webhook_configs", ())]
        assert found == ([webhook] if webhook else [])
        _form, _amtool, where, *words = SERVICES["alertmanager"]["healthcheck"]["test"]
        assert where == "--alertmanager.url=http://127.0.0.1:9093"
        _check(f"--alertmanager.url={running.url}", *words)


def test_replies_that_fall_while_follows_rise_reach_the_webhook(tmp_path):
    """From two workers' pages, by the shipped rules, in words with the account's numbers."""
    told = []

    def receive(body):
        told.extend(json.loads(body)["alerts"])

    def page(*numbers):
        def text(_body):
            accounts = {"peak-sneakers": BEGGING, "harbour-coffee": Account()}
            worker = Worker(partitions=numbers, accounts=accounts if 0 in numbers else {})
            samples = worker(int(time.time()) // 60).items()
            return "".join(f"{series} {float(value)}\n" for series, value in samples)

        return text

    with (
        served(receive) as webhook,
        served(page(0)) as one,
        served(page(1)) as other,
        alertmanager(tmp_path, f"http://{webhook}/hook") as alerts,
        prometheus(tmp_path, [one, other], alerts.url.removeprefix("http://")) as running,
    ):
        loaded = running.get("/api/v1/rules")["data"]["groups"]
        assert {group["name"] for group in loaded} == {group.name for group in groups(DEFAULTS)}
        await_that(lambda: told, "the webhook is told", patience=30)

        def inhibited():
            return [
                alert["labels"]["account"]
                for alert in alerts.get("/api/v2/alerts")
                if alert["labels"]["alertname"] == "RepliesFallWhileFollowsRiseSlowly"
                and alert["status"]["inhibitedBy"]
            ]

        # The month says the same, and is held back.
        assert await_that(inhibited, "the slower alert is held back") == ["peak-sneakers"]
    (first, *_) = [a for a in told if a["labels"]["alertname"] == "RepliesFallWhileFollowsRise"]
    assert first["status"] == "firing"
    assert first["labels"]["account"] == "peak-sneakers"
    assert first["labels"]["severity"] == "page"
    words = first["annotations"]
    assert "peak-sneakers" in words["summary"]
    assert " 30 replies" in words["description"]
    assert " 900 people" in words["description"]
    assert {a["labels"].get("account") for a in told} == {"peak-sneakers"}


def test_the_rules_that_are_loaded_are_those_that_were_tested():
    """The files that Prometheus reads are all there is in the folder that it is told of."""
    (pattern,) = yaml.safe_load(PROMETHEUS.read_text())["rule_files"]
    names = {path.name for path in PROMETHEUS.parent.glob(pattern)}
    assert names == {path.name for path in (PROMETHEUS.parent / "rules").iterdir()}
    assert names
