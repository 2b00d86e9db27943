"""What is told about the pipeline, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.alerting.promtool import Case
from tests.alerting.world import (
    DAY,
    HOUR,
    Account,
    Samples,
    Seen,
    Worker,
    nobody,
    on,
    one,
    then,
    together,
)

pytestmark = pytest.mark.prometheus

STALE, DOWN, RESTARTS = "EngagementDataStale", "WorkerDown", "WorkerRestarts"
FLUSH, STALLED, GROWING = "FlushFailing", "PipelineStalled", "LagGrowing"
UNEVEN, BURN, LETTERS = "UnevenCatchUp", "FreshnessBurnRate", "DeadLetterRatio"
OVER, HUSH, LOST = "AccountsOverLimit", "SourceSilent", "SourceLostTime"

STEADY = Account()
WELL = one(STEADY)
HALF = on("a", Worker(partitions=[0]))


def case(
    claim: str, alert: str, world: Seen, fires: int | None, pins: str = "", **more: object
) -> Case:
    """A case that is looked at each minute, for an hour."""
    settings = {"end": HOUR, "tick": 1, **more}
    pins = f"pipeline.{pins}" if pins else ""
    return Case(claim, alert, world, fires, pins=pins, **settings)  # type: ignore[arg-type]


# -- whether the numbers can be believed


def silent(seconds: float, usual_week: float) -> Seen:
    """The last reply is so old, and stays so."""
    account = replace(STEADY, replies_before=(usual_week,) * 4)

    def seen(minute: int) -> Samples:
        last = {"replies": minute * 60 - seconds}
        return Worker(accounts={"acme": account}, last_event=last)(minute)

    return on("a", seen)


def of_silence(claim: str, world: Seen, fires: int | None, pins: str = "") -> Case:
    labels = {"reason": "silent", "topic": "replies"}
    pins = f"trust.{pins}" if pins else ""
    return Case(claim, STALE, world, fires, end=2 * HOUR, tick=30, labels=labels, pins=pins)


TEN_GAPS = 10 * 7 * 86_400 / 35

BELIEVED = [
    case("all is well: numbers", STALE, WELL, None, tick=30),
    case("a partition is missing for a quarter of an hour", STALE, HALF, 15),
    case("nobody is there at all", STALE, nobody, 15),
    case(
        "a partition is counted twice",
        STALE,
        together(WELL, on("b", Worker(partitions=[0]))),
        15,
        labels={"reason": "incomplete"},
    ),
    case(
        "a worker that starts with other settings is not believed",
        STALE,
        together(on("a", Worker(partitions=[0], of=1)), on("b", Worker(partitions=[], of=2))),
        15,
        labels={"reason": "incomplete"},
    ),
    case(
        "a partition that moves within minutes",
        STALE,
        then(WELL, (5, HALF), (15, WELL)),
        None,
        end=30,
    ),
    Case(
        "a topic is ten minutes behind",
        STALE,
        one(STEADY, lag={"likes": 600}),
        None,
        end=3 * HOUR,
        tick=30,
        pins="trust.most_lag",
    ),
    Case(
        "a topic is more than ten minutes behind for an hour",
        STALE,
        one(STEADY, lag={"likes": 601}),
        HOUR,
        tick=30,
        labels={"reason": "behind", "topic": "likes"},
        pins="trust.most_lag",
    ),
    of_silence("a busy topic is silent for a day", silent(86_400, 1000), None, pins="silent_hours"),
    of_silence(
        "a busy topic is silent for more than a day",
        silent(86_401, 1000),
        HOUR,
        pins="silent_hours",
    ),
    of_silence(
        "a slow topic is silent for ten gaps", silent(TEN_GAPS, 35), None, pins="silent_gaps"
    ),
    of_silence(
        "a slow topic is silent for more than ten gaps",
        silent(TEN_GAPS + 1, 35),
        HOUR,
        pins="silent_gaps",
    ),
    of_silence(
        "a topic of 19 a week may be silent for long", silent(1e6, 19), None, pins="silent_least"
    ),
    of_silence("a topic of 20 a week may not", silent(1e6, 20), HOUR, pins="silent_least"),
    of_silence(
        "a worker forgets the last event in a restart, Prometheus does not",
        then(silent(3600, 1000), (30, one(STEADY, never=["replies"]))),
        None,
    ),
    of_silence(
        "a topic of which no event is known, and many are usual",
        one(STEADY, never=["replies"]),
        HOUR,
    ),
    case("all is well: accounts", OVER, WELL, None, tick=15),
    case("more accounts than the limit", OVER, one(STEADY, over_limit=True), 15),
]

# -- freshness: a clear hour (or six, ...), then no fresh numbers


def burning(claim: str, window: str, tick: int, clear: int, fires: int, pins: str = "") -> Case:
    world = then(WELL, (clear, HALF))
    return Case(claim, BURN, world, fires, tick=tick, labels={"window": window}, pins=pins)


FRESH = [
    # Of 61 minutes, 9 are more than 14.4 %; held for 2.
    burning("nothing is fresh for 9 minutes", "1h", 1, 60, 70, "pipeline.fresh_objective"),
    # Of 73 times five minutes, 5 are more than 6 %; held for 15 minutes.
    burning("nothing is fresh for 25 minutes", "6h", 5, 6 * HOUR, 6 * HOUR + 35),
    # Of 73 times twenty minutes, 3 are more than 3 %; held for an hour.
    burning("nothing is fresh for an hour", "1d", 20, DAY, DAY + 100),
    # Of 145 half hours, 2 are more than 1 %; held for three hours.
    burning("nothing is fresh for more than half an hour", "3d", 30, 3 * DAY, 3 * DAY + 210),
    Case(
        "what is over is over, though the hour is spoiled",
        BURN,
        then(WELL, (60, HALF), (75, WELL)),
        70,
        tick=1,
        labels={"window": "1h"},
        over=80,
    ),
    case("all is well: freshness", BURN, WELL, None),
    case("five minutes behind is fresh", BURN, one(STEADY, lag={"likes": 300}), None, "fresh_lag"),
    case(
        "more than five minutes behind is not",
        BURN,
        one(STEADY, lag={"likes": 301}),
        2,
        "fresh_lag",
        labels={"window": "1h"},
    ),
]

# -- workers


def process(up: int = 1, started: Callable[[int], float] = lambda _: 0) -> Seen:
    def seen(minute: int) -> Samples:
        return {"up": up, "process_start_time_seconds": started(minute)}

    return on("a", seen)


def committing(events: Callable[[int], float], flushed: Callable[[int], float | None]) -> Seen:
    """Records applied so far, and when the last flush was, in minutes."""

    def seen(minute: int) -> Samples:
        found = {'closeknit_events_total{topic="likes",outcome="applied"}': events(minute)}
        last = flushed(minute)
        if last is not None:
            found["closeknit_last_flush_timestamp_seconds"] = last * 60
        return found

    return on("a", seen)


WORKERS = [
    case("all is well: up", DOWN, process(), None, tick=15),
    case("a worker does not answer", DOWN, process(up=0), 5, labels={"instance": "a"}),
    case(
        "one of two workers does not answer",
        DOWN,
        together(process(), on("b", lambda _: {"up": 0})),
        5,
    ),
    case("no worker is known", DOWN, nobody, 5),
    case(
        "another job is down",
        DOWN,
        together(process(), lambda _: {'up{job="x"}': 0}),
        None,
        tick=15,
    ),
    case(
        "a worker is started twice more",
        RESTARTS,
        process(started=lambda m: min(m, 2)),
        None,
        "restarts",
        end=20,
    ),
    case(
        "a worker is started three times more",
        RESTARTS,
        process(started=lambda m: min(m, 3)),
        3,
        "restarts",
    ),
    case(
        "three starts in three quarters of an hour",
        RESTARTS,
        process(started=lambda m: m // 15),
        None,
    ),
    case("all is well: flushes", FLUSH, committing(lambda m: 10 * m, lambda m: m), None),
    case(
        "nobody speaks, so nothing is flushed", FLUSH, committing(lambda _: 10, lambda _: 0), None
    ),
    case(
        "somebody speaks for the first time in half an hour",
        FLUSH,
        committing(lambda m: 10 + (m >= 30), lambda m: 30 * (m >= 30)),
        None,
    ),
    # The last commit is five minutes old, and that for five minutes.
    case(
        "records are applied and nothing is committed",
        FLUSH,
        committing(lambda m: 10 * m, lambda _: 0),
        10,
    ),
    case(
        "a worker that fails, ends and starts again commits nothing either",
        FLUSH,
        committing(lambda m: m % 2, lambda _: None),
        6,
    ),
]

# -- reading


def reading(events: Callable[[int], float], waiting: float) -> Seen:
    def seen(minute: int) -> Samples:
        return {
            'closeknit_events_total{topic="likes",outcome="applied"}': events(minute),
            'closeknit_consumer_lag_records{topic="likes",partition="0"}': waiting,
        }

    return on("a", seen)


def behind(likes: Callable[[int], float], others: float = 0) -> Seen:
    def seen(minute: int) -> Samples:
        lag = {"likes": likes(minute), "replies": others, "follows": others, "shares": others}
        return Worker(lag=lag)(minute)

    return on("a", seen)


READING = [
    case("all is well: reading", STALLED, reading(lambda m: m, 5), None),
    case("nothing waits to be read", STALLED, reading(lambda _: 7, 0), None),
    # Nothing was read in 10 minutes, and that for 5.
    case(
        "from minute 20 nothing is read, and something waits",
        STALLED,
        reading(lambda m: min(m, 20), 5),
        35,
    ),
    case("all is well: lag", GROWING, WELL, None),
    case("a lag that is long and shrinks", GROWING, behind(lambda m: 9000 - 60 * m), None),
    case(
        "a lag that grows by a minute in a quarter of an hour",
        GROWING,
        behind(lambda m: 4 * m + 400),
        None,
        "lag_growth",
    ),
    # What it was a quarter of an hour ago is known from minute 15 on.
    case(
        "a lag that grows by more than a minute in a quarter of an hour",
        GROWING,
        behind(lambda m: 4.05 * m + 400),
        30,
        "lag_growth",
    ),
    # It passes five minutes in minute 60.
    case("a lag that grows, and is short", GROWING, behind(lambda m: 5 * m), None, "lag_above"),
    case(
        "a lag that grows, and is five minutes long",
        GROWING,
        behind(lambda m: 5 * m),
        61 + 15,
        "lag_above",
    ),
    case("all is well: evenly", UNEVEN, WELL, None, tick=15),
    case("all topics are behind alike", UNEVEN, behind(lambda _: 9000, 9000), None, tick=15),
    case("an hour between topics", UNEVEN, behind(lambda _: 3600), None, "uneven_lag", tick=15),
    case(
        "more than an hour between topics",
        UNEVEN,
        behind(lambda _: 3601),
        15,
        "uneven_lag",
        tick=15,
    ),
]

# -- what is refused


def refusing(refused: Callable[[int], float], others: Callable[[int], float]) -> Seen:
    """Records of a topic so far: refused, and applied."""

    def seen(minute: int) -> Samples:
        return {
            'closeknit_events_total{topic="likes",outcome="invalid"}': refused(minute),
            'closeknit_events_total{topic="likes",outcome="applied"}': others(minute),
            'closeknit_events_total{topic="likes",outcome="replayed"}': 1e6 * minute,
        }

    return on("a", seen)


REFUSED = [
    case("all is well: records", LETTERS, refusing(lambda _: 0, lambda m: 100 * m), None, tick=5),
    case(
        "less than one in a hundred",
        LETTERS,
        refusing(lambda m: 2 * m, lambda m: 199 * m),
        None,
        "dead_letters_above",
        end=2 * HOUR,
        tick=5,
    ),
    case(
        "more than one in a hundred",
        LETTERS,
        refusing(lambda m: 2 * m, lambda m: 197 * m),
        10,
        "dead_letters_above",
        tick=5,
    ),
    # All at once in minute 30; held for 5.
    case(
        "nine in an hour, of few",
        LETTERS,
        refusing(lambda m: 9 * (m >= 65), lambda m: m),
        None,
        "least_dead_letters",
        end=2 * HOUR,
        tick=5,
    ),
    case(
        "ten in an hour, of few",
        LETTERS,
        refusing(lambda m: 10 * (m >= 65), lambda m: m),
        70,
        "least_dead_letters",
        tick=5,
    ),
]

# -- live sources


def source(heard: Callable[[int], float], lost: Callable[[int], float] = lambda _: 0) -> Seen:
    """When it heard of its platform, in minutes, and the seconds that it has lost so far."""

    def seen(minute: int) -> Samples:
        return {
            'closeknit_source_heartbeat_timestamp_seconds{source="bluesky"}': heard(minute) * 60,
            'closeknit_source_lost_seconds_total{source="bluesky"}': lost(minute),
        }

    return on("s", seen)


def losing(lost: Callable[[int], float]) -> Seen:
    return source(lambda m: m, lost)


NO_SOURCE = on("s", lambda _: {})

SOURCES = [
    case("all is well: heartbeats", HUSH, source(lambda m: m), None),
    case("there is no source", HUSH, WELL, None),
    case("a heartbeat two minutes ago", HUSH, source(lambda m: m - 2), None, "source_silent"),
    case(
        "a heartbeat a little more than two minutes ago",
        HUSH,
        source(lambda m: m - 2.1),
        2,
        "source_silent",
    ),
    # Three minutes old in minute 23; held for two.
    case(
        "a source hears nothing any more",
        HUSH,
        source(lambda m: min(m, 20)),
        25,
        labels={"source": "bluesky"},
    ),
    case("a source that is not running", HUSH, then(source(lambda _: 0), (1, NO_SOURCE)), None),
    case("a source that has never heard anything", HUSH, source(lambda _: 0), 5),
    case(
        "a source that hears again",
        HUSH,
        source(lambda m: min(m, 20) if m < 30 else m),
        25,
        over=30,
    ),
    case("all is well: no time is lost", LOST, losing(lambda _: 0), None),
    case("a source loses time while it runs", LOST, losing(lambda m: 60 * (m >= 90)), 90),
    case(
        "a source has lost time when it is seen first",
        LOST,
        then(NO_SOURCE, (30, losing(lambda _: 3600))),
        30,
        over=90,
    ),
]

CASES = [*BELIEVED, *FRESH, *WORKERS, *READING, *REFUSED, *SOURCES]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_the_pipeline(case: Case, verdicts: dict[str, str]) -> None:
    """Silent until the very evaluation at which it should fire, or to the end."""
    assert verdicts.get(case.claim, "") == ""
