"""The rules are what the source says, and Prometheus takes them."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
import yaml

from streams.alerting.build import files, groups
from streams.alerting.findings import FINDINGS
from streams.alerting.rules import Alert, Group, Record, to_yaml
from streams.alerting.thresholds import DEFAULTS, InvalidThresholds, Settings, read
from streams.core.series import FAMILIES, SERIES
from streams.metrics.names import METRICS
from tests.alerting.promtool import group_of, run, tool, tried, write
from tests.alerting.world import HOUR, Account, Seen, Worker, on
from tests.deploy.files import PROMETHEUS, REPOSITORY
from tests.metrics.of_sources import OF_SOURCES

FOLDER = REPOSITORY / "deploy" / "prometheus"
THRESHOLDS = FOLDER / "alerts.toml"
RULES = [rule for group in groups(DEFAULTS) for rule in group.rules]
ALERTS = [rule for rule in RULES if isinstance(rule, Alert)]
RECORDS = [rule for rule in RULES if isinstance(rule, Record)]
RECORDED = {rule.record for rule in RECORDS}

NAMED_IN_THE_ISSUE = {
    "RepliesFallWhileFollowsRise",
    "RepliesFallWhileFollowsRiseSlowly",
    "NewFollowersStayHollow",
    "FollowBurstWithoutEngagement",
    "PeopleWaitForAnswers",
    "EngagementDataStale",
    "WorkerDown",
    "WorkerRestarts",
    "PipelineStalled",
    "LagGrowing",
    "FreshnessBurnRate",
    "DeadLetterRatio",
    "FlushFailing",
    "AccountsOverLimit",
    "UnevenCatchUp",
    "SourceSilent",
    "SourceLostTime",
}


# -- the files


def test_the_committed_rules_are_those_that_the_source_makes():
    """If not: `make rules`."""
    committed = {path.name: path.read_text() for path in (FOLDER / "rules").iterdir()}
    assert committed == files(read(THRESHOLDS.read_text()))


def test_the_command_writes_them(tmp_path):
    """What `make rules` runs."""
    command = [sys.executable, "-m", "streams.alerting", str(THRESHOLDS), str(tmp_path / "new")]
    subprocess.run(command, check=True, cwd=REPOSITORY, capture_output=True)
    written = {path.name: path.read_text() for path in (tmp_path / "new").iterdir()}
    assert written == files(read(THRESHOLDS.read_text()))


def test_the_command_refuses_what_it_does_not_know(tmp_path):
    """With the name of the file, the place in it, and a status of 2."""
    (tmp_path / "alerts.toml").write_text("[trust]\nmost_lags = 3\n")
    command = [sys.executable, "-m", "streams.alerting", "alerts.toml", "new"]
    environment = {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        command, check=False, cwd=tmp_path, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2
    assert done.stderr.startswith("alerts.toml: ")
    assert "most_lags" in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("group", groups(DEFAULTS), ids=lambda group: group.name)
def test_the_yaml_that_we_write_says_what_the_source_says(group: Group):
    """As read by a parser of YAML; it is written without one."""
    assert yaml.safe_load(to_yaml(group)) == {"groups": [group.document()]}


@pytest.mark.parametrize(
    "text",
    [
        '"quoted"',
        "a: b",
        "yes",
        "0",
        "1h",
        "# no comment",
        "{{ x }}",
        "'",
        "- a",
        "",
        "é ☃",
        "a\\b",
    ],
)
@pytest.mark.parametrize("longer", ["", " and so on" * 20])
def test_any_text_is_written_so_that_it_is_read_as_it_was(text, longer):
    """Words that YAML takes for something else, too."""
    alert = ALERTS[0]._replace(summary=f"{text}{longer}", labels={"of": text})
    group = Group("some", [alert])
    assert yaml.safe_load(to_yaml(group)) == {"groups": [group.document()]}


@pytest.mark.prometheus
def test_promtool_has_nothing_to_say_about_the_rules():
    """No error, and no lint."""
    paths = sorted(map(str, (FOLDER / "rules").iterdir()))
    assert run(["check", "rules", "--lint=all", "--lint-fatal", *paths]) == ""


@pytest.mark.prometheus
def test_the_configuration_finds_the_rules():
    """The one that is shipped, with the path that it gives."""
    said = subprocess.run(
        [tool(), "check", "config", str(PROMETHEUS)], capture_output=True, text=True, check=True
    ).stdout
    found = sum(int(n) for n in re.findall(r"SUCCESS: (\d+) rules found", said))
    assert found == len(RULES)


# -- names

_METRIC = re.compile(r"(?<![\w:])closeknit_\w+")
_SERIES = re.compile(r"\b(?:account|topic|closeknit):\w+:\w+")


def queries(rule: Record | Alert) -> list[str]:
    """What a rule asks Prometheus, in its words too."""
    words = [] if isinstance(rule, Record) else [rule.summary, rule.description]
    return [rule.expr, *chain.from_iterable(re.findall(r"`([^`]*)`", text) for text in words)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0])
def test_each_metric_of_a_rule_is_exported_or_recorded(rule):
    """A misspelt one would be silent for ever."""
    for query in queries(rule):
        assert set(_METRIC.findall(query)) <= METRICS.keys() | FAMILIES.keys() | OF_SOURCES
        assert set(_SERIES.findall(query)) <= RECORDED


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule[0])
def test_each_label_of_a_census_gauge_in_a_rule_has_such_values(rule):
    """A misspelt window would be silent for ever, too."""
    for query in queries(rule):
        for family, inner in re.findall(r"account:(closeknit_\w+):sum\{([^}]*)\}", query):
            labels = [dict(series.labels) for series in SERIES if series.name == family]
            if not labels:
                continue
            for name, how, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', inner):
                known = {one[name] for one in labels}
                assert set(value.split("|") if how == "=~" else [value]) <= known


def test_a_recorded_series_is_recorded_before_it_is_read():
    """The rules of a group are evaluated in their order; else it would be a minute old."""
    (recording,) = (group for group in groups(DEFAULTS) if group.name == "closeknit-recording")
    there: set[str] = set()
    for rule in recording.rules:
        assert set(_SERIES.findall(rule.expr)) <= there, rule
        there.add(rule.record)


def test_every_family_of_the_census_is_recorded_with_all_its_labels():
    """Summed over workers; a chart can be drawn of each."""
    by = {rule.record: rule.expr for rule in RECORDS}
    for family in FAMILIES:
        labels = next(series.labels for series in SERIES if series.name == family)
        names = ", ".join(["account", *(name for name, _ in labels)])
        assert by[f"account:{family}:sum"].startswith(f"sum by ({names}) ({family})")


def test_alerts_about_accounts_read_recorded_series_only():
    """So that none forgets the gate."""
    for alert in ALERTS:
        if alert.about == "account":
            assert not any(_METRIC.findall(query) for query in queries(alert))


# -- alerts


def test_there_is_every_alert_and_each_says_all_that_it_should():
    """Severity, summary, description with a number, links to a runbook and a dashboard."""
    assert {alert.alert for alert in ALERTS} == NAMED_IN_THE_ISSUE
    assert FINDINGS.keys() == {alert.alert for alert in ALERTS if alert.about == "account"}
    for alert in ALERTS:
        assert alert.severity in {"page", "ticket"}
        assert len(alert.summary.split()) >= 4
        assert "{{" in alert.description or alert.alert == "AccountsOverLimit"
        assert alert.runbook_url == f"docs/alerts.md#{alert.alert.lower()}"
        assert alert.dashboard_url.startswith("http://localhost:3000/d/closeknit-")


def test_no_two_alerts_can_be_mistaken_for_each_other():
    """The same name only with other labels."""
    identities = [(alert.alert, tuple(sorted(alert.labels.items()))) for alert in ALERTS]
    assert len(set(identities)) == len(identities)


def test_the_links_begin_as_the_settings_say():
    """For people who read the pages elsewhere."""
    links = '[links]\nrunbooks = "https://wiki/alerts"\ndashboards = "https://grafana"\n'
    for rule in chain.from_iterable(group.rules for group in groups(read(links))):
        if isinstance(rule, Alert):
            assert rule.runbook_url == f"https://wiki/alerts#{rule.alert.lower()}"
            assert rule.dashboard_url.startswith("https://grafana/d/closeknit-")


# -- thresholds


def test_the_shipped_thresholds_are_the_defaults_and_all_of_them():
    """So the file is the list of what there is to choose."""
    text = THRESHOLDS.read_text()
    assert read(text) == read("") == DEFAULTS
    written = {(table, name) for table, name in _written(text)}
    fields = {("", "job")}
    for table in "links", "trust", "pipeline":
        fields |= {(table, name) for name in getattr(DEFAULTS, table).__struct_fields__}
    for name in DEFAULTS.thresholds.__struct_fields__:
        table = getattr(DEFAULTS.thresholds, name)
        fields |= {(f"thresholds.{name}", field) for field in table.__struct_fields__}
    assert written == fields


def _written(text: str):
    table = ""
    for line in text.splitlines():
        if found := re.match(r"\[(.*)\]", line):
            table = found[1]
        elif found := re.match(r"(\w+) = ", line):
            yield table, found[1]


def test_an_account_may_have_thresholds_of_its_own():
    """What its table does not name is as for all others."""
    settings = read(
        """
        [thresholds.burst]
        least_follows = 50
        [accounts."a.b".burst]
        engaged_below = 0.2
        [accounts."a.b".waiting]
        least_answered = 7
        [accounts."a.b".replies_fall_slowly]
        roots = 4
        """
    )
    (account,) = settings.accounts.values()
    assert account.burst.engaged_below == 0.2
    assert account.burst.least_follows == 50
    assert account.waiting.least_answered == 7
    assert account.waiting.answered_below == DEFAULTS.thresholds.waiting.answered_below
    assert account.replies_fall_slowly.roots == 4
    assert account.replies_fall_slowly.follows_above == 1.15
    assert settings.thresholds.burst.engaged_below == DEFAULTS.thresholds.burst.engaged_below


def test_what_a_table_leaves_out_has_the_default_of_that_table():
    """The week's and the month's differ, though they have the same fields."""
    limits = read("[thresholds.replies_fall_slowly]\nroots = 4\n").thresholds.replies_fall_slowly
    assert (limits.roots, limits.follows_above) == (4, 1.15)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("burst = ", "TOML"),
        ("[brust]", "brust"),  # a table that there is not
        ("[thresholds.burst]\nleast = 3", "least"),  # nor this name
        ("[thresholds.burst]\nengaged_below = 10", "engaged_below"),  # per cent
        ("[thresholds.replies_fall]\nfollows_above = 0.3", "follows_above"),  # "by 30 %"
        ("[thresholds.replies_fall]\nroots = -1", "roots"),
        ("[thresholds.waiting]\nleast_answered = 2.5", "least_answered"),  # people are whole
        ('[trust]\nhold = "6 hours"', "hold"),
        ("[trust]\nhistory_weeks = 5", "history_weeks"),  # the tables know four
        ("[pipeline]\nfresh_objective = 99", "fresh_objective"),
        ("[accounts.acme]\nleast_follows = 3", "least_follows"),  # a table is left out
        ("[accounts.acme.burst]\nleast = 3", "least"),
        ("accounts = 3", "accounts"),
        ("[accounts]\nacme = 3", "accounts"),
        ("[accounts._other.burst]\nleast_follows = 3", "_other"),
        ('job = "a\\"} or vector(1)"', "job"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(text, where):
    """The message says where."""
    with pytest.raises(InvalidThresholds, match=where):
        read(text)


# -- what promtool says of worlds that need more than an alert that fires or not


def verdict(tmp_path: Path, world: Seen, checks: list, settings: Settings = DEFAULTS) -> str:
    """Try queries on seven hours of a world."""
    tests = [group_of(world, HOUR, 7 * HOUR, checks)]
    return tried([write(tmp_path / f"{len(checks)}", groups(settings), HOUR, tests)])


def count_of(expr: str, value: int):
    samples = [{"labels": "{}", "value": value}]
    return {
        "expr": f"count({expr}) or vector(0)",
        "eval_time": "7h",
        "exp_samples": samples,
    }


OF_ACCOUNTS = '{__name__=~"account:.*",__name__!="account:closeknit_account_info:max"}'


@pytest.mark.prometheus
@pytest.mark.parametrize(
    ("partitions", "complete"),
    [([0, 1], True), ([0], False), ([], False), ([0, 1, 1], False), ([0, 0], False)],
)
def test_nothing_of_an_account_is_recorded_unless_all_is_counted_once(
    partitions, complete, tmp_path
):
    """Neither what is summed, nor what follows from it."""
    workers = [
        on(str(n), Worker(partitions=[number], accounts={"acme": Account()}))
        for n, number in enumerate(partitions)
    ]
    idle = on("idle", Worker(partitions=[], accounts={"acme": Account()}))

    def world(minute):
        found = idle(minute)
        for worker in workers:
            found |= worker(minute)
        return found

    expr = f"count by (__name__) ({OF_ACCOUNTS})"
    derived = {rule.record for rule in RECORDS if rule.record.startswith("account:")}
    unused = {"closeknit_unfollows", "closeknit_active_members", "closeknit_repliers_answered"}
    unused |= {"closeknit_reciprocal_members", "closeknit_committed_members"}
    unused |= {"closeknit_members_by_activity", "closeknit_relationships"}
    unused = {f"account:{family}:sum" for family in unused}
    unused |= {"account:closeknit_account_info:max", "account:closeknit_finding:value"}
    checks = [count_of(expr, len(derived - unused) if complete else 0)]
    assert verdict(tmp_path, world, checks) == ""


@pytest.mark.prometheus
def test_an_account_goes_by_its_own_thresholds_and_the_others_by_theirs(tmp_path):
    """An id is no pattern, and "a.b" not "axb"."""
    settings = read('[accounts."a.b".replies_fall]\nleast_replies = 500\n')
    diverges = Account(replies=10, follows=300)
    world = on("a", Worker(accounts=dict.fromkeys(["a.b", "axb", "acme"], diverges)))
    firing = 'ALERTS{alertname="RepliesFallWhileFollowsRise",alertstate="firing"'
    checks = [
        count_of(firing + ',account="a.b"}', 0),
        count_of(firing + ',account="axb"}', 1),
        count_of(firing + ',account="acme"}', 1),
    ]
    assert verdict(tmp_path, world, checks, settings) == ""
    settings = read('[accounts."a.b".replies_fall]\nleast_replies = 30\n')
    assert verdict(tmp_path, world, [count_of(firing + "}", 3)], settings) == ""


@pytest.mark.prometheus
def test_what_is_usual_of_an_account_ends_where_its_own_thresholds_are(tmp_path):
    """So the band in its chart is the one that its alert goes by."""
    settings = read("[accounts.rough.replies_fall]\nreplies_below = 0.5\nfollows_above = 2\n")
    weeks = (400, 300, 200, 100)
    account = Account(replies_before=weeks, follows_before=weeks)
    world = on("a", Worker(accounts={"rough": account, "acme": account}))

    def end(metric: str, end: str, account: str, value: float):
        series = f'account:closeknit_{metric}:usual_{end}{{account="{account}",window="7d"}}'
        return count_of(f"round({series}, 0.01) == {value}", 1)

    # Of the second lowest, 200, and the second highest, 300; two roots of these are 28 and 35.
    checks = [
        end(metric, side, account, value)
        for metric in ("replies", "follows")
        for account, least, most in (("rough", 100, 600), ("acme", 160, 390))
        for side, value in (("least", least), ("most", most))
    ]
    assert verdict(tmp_path, world, checks, settings) == ""
