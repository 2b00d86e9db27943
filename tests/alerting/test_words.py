"""What a person reads when an alert fires: in words, with the numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote_plus

import pytest

from streams.alerting.rules import Alert
from tests.alerting import stories
from tests.alerting import test_pipeline as pipeline
from tests.alerting.promtool import RULES, group_of, needed, tried, write
from tests.alerting.world import HOUR, Account, Seen, nobody, on, one, then, together

pytestmark = pytest.mark.prometheus


class Words(NamedTuple):
    """A world, and what is said of it at a minute."""

    alert: str
    world: Seen
    minute: int
    tick: int
    labels: dict[str, str]
    """Those beside the alert's own."""
    summary: str
    description: str
    own: Mapping[str, str] = {}
    """The alert's own, where several alerts share a name."""


def of_account(alert: str, account: Account, summary: str, description: str) -> Words:
    return Words(
        alert,
        one(account, name='Grüße "&" co'),
        stories.HELD,
        HOUR,
        {"account": 'Grüße "&" co'},
        f'Grüße "&" co: {summary}',
        description,
    )


def refusals(minute: int) -> dict[str, float]:
    found = pipeline.refusing(lambda m: 2 * m, lambda m: 98 * m)(minute)
    of = 'closeknit_dead_letters_total{instance="a",job="closeknit",reason='
    return {**found, of + '"not_json"}': minute, of + '"empty"}': minute / 2, of + '"late"}': 0}


SILENT = "Until that is mended, account alerts are silent"
LAG = {"likes": 9000, "replies": 60, "follows": 30, "shares": 0}

TABLE = [
    of_account(
        stories.FALL,
        stories.week(60, 100, 200, 90),
        "replies fall while follows rise",
        "In the last 7 days 60 replies came in; a usual week brought 100. 200 people began to "
        "follow; a usual week brought 90. The account grows, and fewer people talk with it.",
    ),
    Words(
        stories.FALL,
        then(one(stories.week(60, 100, 200, 90)), (2 * HOUR + 10, nobody)),
        2 * HOUR + 10,
        10,
        {"account": "acme"},
        "acme: replies fall while follows rise",  # still, in a gap, with what was known last
        "In the last 7 days 60 replies came in; a usual week brought 100. 200 people began to "
        "follow; a usual week brought 90. The account grows, and fewer people talk with it.",
    ),
    of_account(
        stories.SLOW,
        stories.month(200, 400, 900, 410),
        "for a month, replies fall while follows rise",
        "In the last 28 days 200 replies came in; the 28 days before brought 400. 900 people began "
        "to follow; the 28 days before brought 410. The account grows, and fewer people talk with "
        "it.",
    ),
    of_account(
        stories.HOLLOW,
        stories.newcomers(5, 200, before=(60, 200)),
        "new followers stay hollow",
        "Of those who followed one to four weeks ago, 2.5% ever liked, shared or replied; of those "
        "who came up to two months before them, 30% did.",
    ),
    of_account(
        stories.BURST,
        stories.burst(500, 100, 3, 480),
        "many follow at once, and do nothing else",
        "500 people began to follow within a day; a usual week brings 100. Of the followers who "
        "came in the last 7 days, 0.625% ever liked, shared or replied.",
    ),
    of_account(
        stories.WAIT,
        stories.answered(10, 100),
        "fewer people than usual are answered",
        "Of those whose last reply is one to seven days old, 90 wait for an answer and 10 have "
        "one; as many as usual would be 50. 5 have waited for more than three days.",
    ),
    Words(
        "EngagementDataStale",
        pipeline.HALF,
        15,
        1,
        {},
        "Not every partition is counted once",
        f"Partitions that are counted: 1, of 2. {SILENT}, and charts have a gap.",
        {"reason": "incomplete"},
    ),
    Words(
        "EngagementDataStale",
        nobody,
        15,
        1,
        {},
        "Not every partition is counted once",
        f"Partitions that are counted: 0, of an unknown number. {SILENT}, and charts have a gap.",
        {"reason": "incomplete"},
    ),
    Words(
        "EngagementDataStale",
        one(Account(), lag={"likes": 5000}),
        60,
        30,
        {"topic": "likes"},
        "The numbers are behind: likes",
        f"What was written to the topic likes in the last 1h 23m 20s is not yet counted. {SILENT}.",
        {"reason": "behind"},
    ),
    Words(
        "EngagementDataStale",
        pipeline.silent(90_000, 1000),
        60,
        30,
        {"topic": "replies"},
        "Nothing comes from the topic replies",
        "The last event of the topic replies is 1d 1h 0m 0s old, where a usual week brings 1000: "
        f"the source is cut off, or everybody fell silent at once. {SILENT}.",
        {"reason": "silent"},
    ),
    Words(
        "EngagementDataStale",
        one(Account(), never=["replies"]),
        60,
        30,
        {"topic": "replies"},
        "Nothing comes from the topic replies",
        "The last event of the topic replies is more than a week old, where a usual week brings "
        f"100: the source is cut off, or everybody fell silent at once. {SILENT}.",
        {"reason": "silent"},
    ),
    Words(
        "AccountsOverLimit",
        one(Account(), over_limit=True),
        15,
        1,
        {},
        "There are more accounts than the limit allows",
        "Accounts beyond CLOSEKNIT_MAX_ACCOUNTS share the series of _other, and workers may differ "
        "in which. Account alerts are silent until the limit is raised or the accounts are listed.",
    ),
    Words(
        "FreshnessBurnRate",
        pipeline.HALF,
        2,
        1,
        {},
        "The numbers were not fresh for too much of the last 1h",
        "For 100% of the last 1h the numbers were incomplete or more than 300 s behind; 1% is "
        "allowed in the long run, and 14.4% over 1h.",
        {"window": "1h"},
    ),
    Words(
        "WorkerDown",
        together(pipeline.process(), on("b", lambda _: {"up": 0})),
        5,
        1,
        {"instance": "b", "job": "closeknit"},
        "A worker does not answer: b",
        "Prometheus cannot read /metrics of b. Workers that answer: 1. Where others have taken "
        "over its partitions, only capacity is missing.",
    ),
    Words(
        "WorkerDown",
        nobody,
        5,
        1,
        {"job": "closeknit"},
        "A worker does not answer: all of them",
        "Prometheus cannot read /metrics of any worker. Workers that answer: 0. Where others have "
        "taken over its partitions, only capacity is missing.",
    ),
    Words(
        "WorkerRestarts",
        pipeline.process(started=lambda m: m),
        4,
        1,
        {"instance": "a", "job": "closeknit"},
        "A worker starts again and again: a",
        "a started 4 times in 15 minutes. The last line of its log and its exit code say why.",
    ),
    Words(
        "FlushFailing",
        pipeline.committing(lambda m: 10 * m, lambda _: 0),
        10,
        1,
        {"instance": "a"},
        "a applies records and commits nothing",
        "a applied 50 records in 5 minutes, and its last commit is older than that. Nothing is "
        "lost: what is not committed will be read again. A worker whose flush fails ends with code "
        "76 and recovers.",
    ),
    Words(
        "PipelineStalled",
        pipeline.reading(lambda _: 7, 5200),
        15,
        1,
        {"topic": "likes"},
        "Nobody reads the topic likes",
        "5.2k records of the topic likes wait, and for 10 minutes none was read.",
    ),
    Words(
        "LagGrowing",
        pipeline.behind(lambda m: 40 * m),
        60,
        1,
        {"topic": "likes"},
        "The workers fall behind: likes",
        "The topic likes is read 40m 0s late, and later than 15 minutes ago: more comes in than "
        "the workers apply.",
    ),
    Words(
        "UnevenCatchUp",
        one(Account(), lag=LAG),
        15,
        1,
        {},
        "Some topics are read far ahead of others",
        "One topic is 2h 30m 0s further behind than another: likes 2h 30m 0s; replies 1m 0s; "
        "follows 30s; shares 0s; charts that set one against the other mislead until that is over. "
        "Account alerts are silent.",
    ),
    Words(
        "DeadLetterRatio",
        refusals,
        60,
        1,
        {"topic": "likes"},
        "Too many records are refused: likes",
        "2% of the records of the topic likes in the last hour became dead letters. In all topics, "
        "the commonest reasons were: not_json 60; empty 30; each is kept.",
    ),
    Words(
        "SourceSilent",
        pipeline.source(lambda _: 30),
        60,
        1,
        {"source": "bluesky"},
        "The source bluesky hears nothing from its platform",
        "The process of the source bluesky runs, and its platform has given no sign of life for "
        "30m 0s. It goes on trying, and will read on where it was for as long as the platform "
        "still has that.",
    ),
    Words(
        "SourceLostTime",
        pipeline.losing(lambda _: 7200),
        10,
        1,
        {"source": "bluesky"},
        "Events of the source bluesky are lost",
        "Of 2h 0m 0s the platform of the source bluesky no longer tells what happened in it: we "
        "were away for too long. Counts miss what came and went in that time.",
    ),
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What promtool finds otherwise, by number."""
    folder = tmp_path_factory.mktemp("words")
    paths = []
    for number, words in enumerate(TABLE):
        group = group_of(words.world, words.tick, words.minute, [])
        group |= {"name": f"number {number}", "alert_rule_test": [expected(words)]}
        rules = needed(RULES, words.alert)
        paths.append(write(folder / str(number), rules, words.tick, [group]))
    beginning, *found = re.split(r"^    name: number (\d+),$", tried(paths), flags=re.M)
    assert beginning.strip() in {"", "FAILED:"}  # else there is a file that it cannot use
    said = [text.replace("  FAILED:\n", "") for text in found[1::2]]
    return dict(zip(found[::2], said, strict=True))


def shipped(words: Words) -> Alert:
    (alert,) = (
        rule
        for group in RULES
        for rule in group.rules
        if isinstance(rule, Alert)
        if rule.alert == words.alert and words.own.items() <= rule.labels.items()
        if words.own or not rule.labels
    )
    return alert


def expected(words: Words) -> dict[str, object]:
    alert = shipped(words)
    account = (
        f"?var-account={quote_plus(words.labels['account'])}" if "account" in words.labels else ""
    )
    return {
        "alertname": words.alert,
        "eval_time": f"{words.minute}m",
        "exp_alerts": [
            {
                "exp_labels": {
                    "severity": alert.severity,
                    "about": alert.about,
                    **words.labels,
                    **words.own,
                },
                "exp_annotations": {
                    "summary": words.summary,
                    "description": words.description,
                    "runbook_url": alert.runbook_url,
                    "dashboard_url": alert.dashboard_url.partition("?")[0] + account,
                },
            }
        ],
    }


@pytest.mark.parametrize("number", range(len(TABLE)), ids=lambda n: f"{n}-{TABLE[n].alert}")
def test_an_alert_says_what_is_the_matter_with_its_numbers(number, said):
    """As Prometheus fills it in, word by word."""
    assert said.get(str(number), "") == ""


def test_every_alert_is_in_the_table():
    assert {words.alert for words in TABLE} == {
        rule.alert for group in RULES for rule in group.rules if isinstance(rule, Alert)
    }
