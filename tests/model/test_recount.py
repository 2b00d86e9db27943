"""The recount itself, on cases small enough to work out by hand.

A story is written as `what direction when`, in order of arrival; `-` takes back, `#` names an id:

    day  D-29  |  D-28               ...      | yesterday |  today, D
    ago       683h 682h   672h 671h  ...     24h         11h 10h ... 0h = NOW, 10:00 to 10:59
                          out | in the horizon ->

Everything happens at half past the hour, so `671h` is 2026-02-01T11:30Z.
"""

import re
from collections import Counter
from typing import Any

import pytest

from tests.model import collegemsg
from tests.model.recount import SERIES, Document, Recount, hour, milliseconds, series
from tests.model.worlds import HOUR_MS, written

NOW = hour(milliseconds("2026-03-01T10:00:00Z"))
CLAUSE = re.compile(r"(-?)(like|reply|share|follow|seeded) (in|out) (\d+)h(?: #(\w+))?")


def ago(hours: int, minutes: int = 30) -> str:
    return written((NOW - hours) * HOUR_MS + minutes * 60_000)


def tick(hours: int = 0) -> Document:
    return {"kind": "tick", "at": ago(hours)}


def events(story: str) -> list[Document]:
    """The events of a story; each interaction without a name gets one of its own."""
    told = []
    for number, clause in enumerate(filter(None, story.split(", "))):
        match = CLAUSE.fullmatch(clause)
        assert match, f"cannot read {clause!r}"
        minus, kind, way, hours, name = match.groups()
        event = {
            "kind": "follow" if kind == "seeded" else kind,
            "op": "remove" if minus else "add",
            "id": name or f"unnamed-{number}",
            "account": "brand",
            "member": "ann",
            "direction": f"{way}bound",
            "at": ago(int(hours)),
            "seeded": kind == "seeded",
        }
        told.append(event)
    return told


def after(story: str) -> Recount:
    """A recount that has read a story and then heard the time."""
    return Recount().read_all([*events(story), tick()])


def relationship(story: str) -> Document:
    (only,) = after(story).relationships()
    return only


def counted(story: str, metric: str) -> dict[str, int]:
    """The series of one metric that are not zero, by their labels."""
    (account,) = after(story).census()
    name = re.compile(rf"closeknit_{metric}(?:{{(.*)}})?")
    return {
        match[1] or "": n
        for key, n in account["series"].items()
        if n and (match := name.fullmatch(key))
    }


@pytest.mark.parametrize(
    ("stage", "story", "because"),
    [
        ("connection", "reply in 671h, reply out 0h", "both in the horizon, on two days"),
        ("lapsed", "reply in 672h, reply out 0h", "the inbound reply has left the horizon"),
        ("connection", "reply in 0h, reply out 671h", "our reply is just in the horizon"),
        ("conversation", "reply in 0h, reply out 672h", "our reply has left the horizon"),
        ("connection", "reply in 0h, reply out 11h", "today and the last hour of yesterday"),
        ("conversation", "reply in 0h, reply out 10h", "both today: one day is not two"),
        ("connection", "reply out 0h, reply in 0h, reply in 11h", "either direction makes a day"),
        ("connection", "reply out 0h, reply in 0h, reply out 682h", "D-28 counts, its hour or not"),
        ("conversation", "reply out 0h, reply in 0h, reply out 683h", "D-29 counts no more"),
        ("conversation", "reply out 0h, reply in 0h, like in 50h", "likes make no reply days"),
        ("conversation", "reply in 671h, like in 0h", "an inbound reply is enough"),
        ("fan", "reply in 672h, like in 671h", "the reply is too old, the like is not"),
        ("fan", "share in 671h, reply out 0h", "a share is engagement; our reply alone is not"),
        ("lapsed", "like in 672h", "engaged once, not in the horizon"),
        ("lapsed", "follow in 0h, share in 672h", "a follower who has engaged is not passive"),
        ("lapsed", "like in 9999h", "too old for any window, and still once"),
        ("passive", "follow in 9999h", "follows, has never engaged"),
        ("passive", "seeded in 0h, like out 0h", "what we do is not their engagement"),
        ("passive", "follow in 5h, like in 4h #a, -like in 3h #a", "as if it had never been"),
        ("none", "like out 0h, reply out 0h, share out 0h", "nothing inbound, no follow"),
        ("none", "follow out 0h", "following them makes them no follower"),
        ("none", "follow in 5h #f, -follow in 4h #f", "a follower no more"),
        ("none", "like in 4h #a, -like in 3h #a", "an emptied relationship is kept"),
    ],
)
def test_the_stage_is_that_of_the_first_rule_that_holds(
    stage: str, story: str, because: str
) -> None:
    assert relationship(story)["stage"] == stage, because
    expected = {} if stage == "none" else {stage: 1}
    labels = counted(story, "relationships").items()
    assert {re.findall('stage="(.*?)"', key)[0]: n for key, n in labels} == expected


@pytest.mark.parametrize(
    ("windows", "hours"),
    [
        ("1d 7d 28d", (0, 1, 23)),
        ("7d 28d", (24, 167)),
        ("28d 7d@7d", (168, 335)),
        ("28d 7d@14d", (336, 503)),
        ("28d 7d@21d", (504, 671)),
        ("7d@28d 28d@28d", (672, 839)),
        ("28d@28d", (840, 1343)),
        ("", (1344, 9999)),
    ],
)
def test_an_event_counts_in_these_windows_at_either_edge(
    windows: str, hours: tuple[int, int]
) -> None:
    now = {window for window in windows.split() if "@" not in window}
    earlier = dict.fromkeys(window for window in windows.split() if "@" in window)
    for h in hours:
        assert counted(f"like out {h}h", "interactions") == {
            f'direction="outbound",kind="like",window="{w}"': 1 for w in now
        }
        assert counted(f"share in {h}h", "interactions_previous") == {
            'ago="{1}",direction="inbound",kind="share",window="{0}"'.format(*w.split("@")): 1
            for w in earlier
        }
        assert counted(f"follow in {h}h", "follows") == {f'window="{w}"': 1 for w in now}
        assert counted(f"follow in {h}h", "follows_previous") == {
            'ago="{1}",window="{0}"'.format(*w.split("@")): 1 for w in earlier
        }
        ended = f"follow in 9999h #f, -follow in {h}h #f"
        assert counted(ended, "unfollows") == {f'window="{w}"': 1 for w in now}
        active = {f'following="no",window="{w}"': 1 for w in now}
        assert counted(f"reply in {h}h, reply in {h}h", "active_members") == active
        assert counted(f"reply in {h}h, reply in {h}h", "repliers") == active
        assert counted(f"like in {h}h", "repliers") == {}


@pytest.mark.parametrize(
    ("story", "awaiting", "age", "answered"),
    [
        ("reply in 0h", True, "0-1d", []),
        ("reply in 23h", True, "0-1d", []),
        ("reply in 24h", True, "1-3d", []),
        ("reply in 71h", True, "1-3d", []),
        ("reply in 72h", True, "3-7d", []),
        ("reply in 167h", True, "3-7d", []),
        ("reply in 168h", True, "7-28d", []),
        ("reply in 671h", True, "7-28d", []),
        ("reply in 672h", False, None, []),  # nobody waits for ever
        ("reply in 672h, reply out 0h", False, None, []),  # not a replier any more
        ("reply out 5h, reply in 4h", True, "0-1d", []),
        ("reply in 5h, reply out 4h", False, None, ["1d", "28d", "7d"]),
        ("reply in 30h, reply out 4h", False, None, ["28d", "7d"]),
        ("reply in 5h, reply out 5h", False, None, ["1d", "28d", "7d"]),  # the same ms: not later
        ("reply in 5h, like out 4h", True, "0-1d", []),  # a like is no answer
        ("reply in 9h, reply out 8h #a, -reply out 7h #a", True, "0-1d", []),
    ],
)
def test_a_replier_awaits_us_or_is_answered(
    story: str, awaiting: bool, age: str | None, answered: list[str]
) -> None:
    assert relationship(story)["awaiting"] is awaiting
    assert counted(story, "awaiting_reply") == ({f'age="{age}"': 1} if age else {})
    assert sorted(counted(story, "repliers_answered")) == [f'window="{w}"' for w in answered]


@pytest.mark.parametrize(
    ("story", "reciprocal"),
    [
        ("reply in 671h, reply out 671h", True),  # one day is enough
        ("reply in 672h, reply out 671h", False),
        ("reply in 671h, reply out 672h", False),
        ("reply in 0h, like out 0h", False),
    ],
)
def test_reciprocal_is_a_reply_in_each_direction_in_the_horizon(
    story: str, reciprocal: bool
) -> None:
    assert counted(story, "reciprocal_members") == ({'following="no"': 1} if reciprocal else {})


@pytest.mark.parametrize(
    ("tenure", "hours"),
    [("0-7d", (0, 167)), ("7-28d", (168, 671)), ("28-90d", (672, 2159)), ("90d+", (2160, 9999))],
)
def test_tenure_is_in_whole_hours_and_its_upper_bound_exclusive(
    tenure: str, hours: tuple[int, int]
) -> None:
    for h in hours:
        hollow = {f'engaged="no",tenure="{tenure}"': 1}
        engaged = {f'engaged="yes",tenure="{tenure}"': 1}
        assert counted(f"follow in {h}h", "followers_by_tenure") == hollow
        assert counted(f"follow in {h}h, like in 9999h", "followers_by_tenure") == engaged
    seeded = {'engaged="no",tenure="unknown"': 1}
    assert counted(f"seeded in {hours[0]}h", "followers_by_tenure") == seeded


@pytest.mark.parametrize(
    ("story", "followed", "starts", "ends", "because"),
    [
        ("follow in 9h", 9, 1, 0, "the first open id starts it"),
        ("follow in 9h #f, follow in 8h #f", 9, 1, 0, "an open id is a duplicate"),
        ("follow in 9h #f, follow in 8h #g", 9, 1, 0, "a further id starts nothing"),
        ("follow in 9h #f, follow in 8h #g, -follow in 7h #f", 9, 1, 0, "one id is still open"),
        ("follow in 9h #f, -follow in 7h #f", None, 1, 1, "the last id ends it"),
        ("follow in 9h #f, -follow in 7h #g", 9, 1, 0, "no such id"),
        ("follow in 9h #f, -follow in 7h #f, follow in 5h #f", 5, 2, 1, "re-following starts anew"),
        ("follow in 5h #f, -follow in 7h #f", None, 1, 1, "by order of arrival, not of time"),
        ("seeded in 9h", "unknown", 0, 0, "seeded: a follower, no start"),
        ("seeded in 9h #f, follow in 8h #g", "unknown", 0, 0, "a follower already"),
        ("seeded in 9h #f, -follow in 8h #f", None, 0, 1, "a seeded follow ends like any other"),
        ("follow in 9h #f, seeded in 8h #g", 9, 1, 0, "seeded later takes nothing away"),
        ("follow out 9h #f, -follow out 8h #f", None, 0, 0, "outbound: nobody's follower"),
        ("follow in 9h #f, -follow out 8h #f", 9, 1, 0, "each direction has its own ids"),
    ],
)
def test_a_follow_is_open_while_one_of_its_ids_is(
    story: str, followed: int | str | None, starts: int, ends: int, because: str
) -> None:
    document = relationship(story)
    assert document["following"] is (followed is not None), because
    at = ago(followed) if isinstance(followed, int) else None
    assert document["followed_at"] == at, because
    assert counted(story, "follows").get('window="1d"', 0) == starts, because
    assert counted(story, "unfollows").get('window="1d"', 0) == ends, because
    assert counted(story, "followers") == ({} if followed is None else {"": 1}), because


def test_beyond_64_open_ids_the_oldest_is_forgotten() -> None:
    names = [f"f{n}" for n in range(65)]
    follows = ", ".join(f"follow in 9h #{name}" for name in names)
    recount = Recount().read_all(events(follows))
    (forgotten,) = events("-follow in 8h #f0")
    assert recount.read(forgotten) == "unresolved"
    closing = [events(f"-follow in 8h #{name}")[0] for name in names[1:]]
    assert {recount.read(event) for event in closing[:-1]} == {"applied"}
    assert recount.relationships()[0]["following"] is True
    assert recount.read(closing[-1]) == "applied"
    assert recount.relationships()[0]["following"] is False


def test_beyond_64_interactions_the_earliest_to_arrive_is_counted_for_ever() -> None:
    """It can no longer be taken back, and comes in again as a new one."""
    recount = Recount().read_all(events(", ".join(f"like in {90 - n}h #{n}" for n in range(65))))

    def outcome(clause: str) -> str:
        return recount.read(events(clause)[0])

    def total() -> Any:
        return recount.relationships()[0]["inbound"]["like"]["total"]

    assert (outcome("-like in 9h #0"), total()) == ("unresolved", 65)
    assert (outcome("like in 9h #1"), total()) == ("duplicate", 65)
    assert (outcome("like in 9h #0"), total()) == ("applied", 66)  # and pushes #1 out
    assert (outcome("-like in 9h #1"), total()) == ("unresolved", 66)
    assert (outcome("-like in 9h #64"), total()) == ("applied", 65)
    assert (outcome("like in 9h #new"), total()) == ("applied", 66)  # pushes nobody out
    assert (outcome("like in 9h #2"), total()) == ("duplicate", 66)
    assert (outcome("share in 9h #2"), total()) == ("applied", 66)  # each kind has its log
    assert recount.relationships()[0]["first_inbound_at"] == ago(90)


@pytest.mark.parametrize(
    ("story", "outcomes"),
    [
        ("like in 9h #a, like in 8h #a", "applied duplicate"),
        ("like in 9h #a, like out 8h #a, share in 8h #a", "applied applied applied"),
        ("like in 9h #a, -like in 8h #a, like in 7h #a", "applied applied applied"),
        ("like in 9h #a, -like out 8h #a, -like in 8h #b", "applied unresolved unresolved"),
        ("-like in 9h #a, like in 9h #a", "unresolved applied"),  # too early is lost
        ("like in 0h, like in 1344h, like in 1345h", "applied applied late"),
        ("like in 1345h #a, like in 0h, like in 1345h #a", "applied applied duplicate"),
        ("like in 1345h #a, like in 0h, -like in 1345h #a", "applied applied late"),
        ("like in 0h, follow in 1345h, -follow in 1345h #x", "applied late unresolved"),
    ],
)
def test_each_event_has_the_first_outcome_that_fits(story: str, outcomes: str) -> None:
    recount = Recount()
    assert [recount.read(event) for event in events(story)] == outcomes.split()
    assert recount.outcomes == Counter(outcomes.split())


def test_an_unresolved_removal_creates_no_relationship_and_makes_no_account_known() -> None:
    recount = after("-reply in 3h #a, -follow in 2h #b")
    assert (recount.relationships(), recount.census()) == ([], [])


def test_first_and_last_times_are_those_of_interactions_that_were_not_taken_back() -> None:
    document = relationship(
        "follow in 99h, like in 50h, reply in 60h #a, share in 40h #b, follow in 1h, "
        "reply out 30h, like out 20h #c, -reply in 39h #a, -share in 38h #b, -like out 2h #c"
    )
    names = ("first_inbound_at", "last_inbound_at", "first_outbound_at", "last_outbound_at")
    assert [document[name] for name in names] == [ago(50), ago(50), ago(30), ago(30)]


def test_a_relationships_own_counts_are_by_utc_days_today_included() -> None:
    """10h ago is today's first hour; 154h ago the first of the seventh day, 658h of the 28th."""
    hours = (0, 10, 11, 154, 155, 658, 659)
    document = relationship(", ".join(f"reply out {h}h" for h in hours))
    assert document["outbound"]["reply"] == {"1": 2, "7": 4, "28": 6, "total": 7}
    assert document["inbound"]["reply"] == {"1": 0, "7": 0, "28": 0, "total": 0}


def test_active_days_are_days_whose_last_hour_is_in_the_horizon() -> None:
    """D-28 counts until the clock reaches 23:00: 29 days, or 28."""
    recount = after(", ".join(f"like in {24 * n}h, like out {24 * n + 1}h" for n in range(40)))
    assert recount.relationships()[0]["active_days"] == 29
    assert recount.relationships(NOW + 12)[0]["active_days"] == 29
    assert recount.relationships(NOW + 13)[0]["active_days"] == 28
    assert recount.relationships(NOW + 14)[0]["active_days"] == 28


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 15, 16, 28])
def test_activity_and_commitment_count_distinct_days(n: int) -> None:
    likes = ", ".join(f"like in {24 * d}h, share in {24 * d}h" for d in range(n))
    at_least = {f'at_least_days="{k}"': 1 for k in (2, 4, 8, 16) if n >= k}
    assert counted(likes, "members_by_activity") == at_least
    assert counted(likes, "committed_members") == {}  # no reply
    replied = f"{likes}, reply in {24 * (n - 1)}h"
    assert counted(replied, "committed_members") == ({'following="no"': 1} if n >= 4 else {})
    assert counted(f"{likes}, reply in 672h", "committed_members") == {}  # the reply is too old


@pytest.mark.parametrize(
    ("story", "strength"),
    [
        ("like in 0h", 1.0),
        ("share out 0h", 2.0),
        ("reply in 10h", 4.0),  # midnight, and still today
        ("reply in 11h", 4.0 * 2 ** (-1 / 14)),  # yesterday
        ("like in 336h, share out 672h, reply in 1008h", 0.5 + 0.5 + 0.5),  # 14, 28, 42 days
        ("like in 9h #a, -like in 9h #a", 0.0),
        ("follow in 0h", 0.0),
    ],
)
def test_strength_halves_every_fourteen_days(story: str, strength: float) -> None:
    assert relationship(story)["strength"] == pytest.approx(strength, rel=1e-12)


def test_the_clock_is_the_highest_hour_of_any_valid_record_of_its_partition() -> None:
    recount = Recount(ignored_members={"staff"})
    told = events("like in 9h #a, like in 8h #a, -like in 7h #b, like in 20h")
    assert [(recount.read(event, 3), NOW - recount.clocks[3]) for event in told] == [
        ("applied", 9),
        ("duplicate", 8),
        ("unresolved", 7),
        ("applied", 7),
    ]
    assert recount.read(told[0] | {"member": "staff", "at": ago(6)}, 3) == "ignored"
    assert recount.read(tick(5), 4) == "tick"
    assert recount.clocks == {3: NOW - 6, 4: NOW - 5}
    (only,) = recount.relationships()
    assert only["as_of"] == ago(5, minutes=0)
    assert [census["as_of"] for census in recount.census()] == [ago(5, minutes=0)]


def test_a_time_is_truncated_to_milliseconds_and_never_rounded() -> None:
    times = ("2026-03-01T10:59:59.9999Z", "2026-03-01t07:29:59.999999-03:30")
    assert {hour(milliseconds(text)) for text in times} == {NOW}
    assert milliseconds("1970-01-01T00:00:00.0019Z") == 1


def test_a_known_account_has_every_combination() -> None:
    (census,) = after("like out 9999h").census()
    assert census["series"] == dict.fromkeys(SERIES, 0)
    assert len(SERIES) == len(set(SERIES)) == 107
    assert 'closeknit_relationships{following="yes",stage="fan"}' in SERIES


@collegemsg.needs_recording
def test_collegemsg_has_the_published_numbers() -> None:
    recount = Recount().read_all(collegemsg.events())
    relationships = recount.relationships()
    assert len(relationships) == 27_676
    assert Counter(document["stage"] for document in relationships) == {
        "connection": 206,
        "conversation": 278,
        "lapsed": 19_812,
        "none": 7_380,
    }
    assert sum(document["awaiting"] for document in relationships) == 332
    reciprocal = series("reciprocal_members", following="no")
    assert sum(account["series"][reciprocal] for account in recount.census()) == 304
    assert recount.outcomes == {"applied": 119_670}
