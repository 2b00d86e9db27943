"""The demo world: the numbers that the demo tells, as the census has them."""

from __future__ import annotations

from collections import Counter

import pytest

from streams.core.partition import Outcome
from streams.synthetic import DEMO, Delivery, deliveries, labels
from tests.synthetic.census import Core, Midnight


@pytest.fixture(scope="module")
def sent() -> list[Delivery]:
    """All of it, in order."""
    return list(deliveries(DEMO, 4))


@pytest.fixture(scope="module")
def core(sent: list[Delivery]) -> Core:
    """A worker that has read it."""
    core = Core()
    core.read(sent)
    core.tick(DEMO.end - 1)
    return core


@pytest.fixture(scope="module")
def end(core: Core) -> dict[str, Midnight]:
    """The accounts when the world ends."""
    return {cast.id: core.midnight(cast.id) for cast in DEMO.accounts}


def test_it_is_ten_weeks_of_four_accounts_and_not_too_much_for_a_minute(
    sent: list[Delivery],
) -> None:
    assert (DEMO.days, len(DEMO.accounts)) == (70, 4)
    assert 30_000 < len(sent) < 60_000


def test_the_campaign_brings_nearly_two_thousand_follows_and_no_talk(
    sent: list[Delivery],
) -> None:
    """In its last two and a half weeks; more than a hundred leave, a few dozen ever engage."""
    (campaign,) = (label for label in labels(DEMO) if label.diverges)
    assert campaign.account == "peak-sneakers"
    events = [one.event for one in sent if not one.defect]
    mine = [one for one in events if one.account == campaign.account and not one.seeded]
    came = {
        e.member for e in mine if e.kind == "follow" and e.op == "add" and e.at >= campaign.since
    }
    left = {e.member for e in mine if e.kind == "follow" and e.op == "remove"} & came
    before = {e.member for e in mine if e.at < campaign.since}
    spoke = {e.member for e in mine if e.kind != "follow"} & (came - before)
    assert 1_800 < len(came) < 2_000
    assert 100 < len(left) < 160
    assert 24 <= len(spoke) <= 60
    assert DEMO.days - DEMO.turn(DEMO.accounts[2]) == 18


def test_meanwhile_replies_fall_by_more_than_half_and_partners_go_unanswered(
    end: dict[str, Midnight],
) -> None:
    peak = end["peak-sneakers"]
    before = peak.total(
        "interactions_previous", kind="reply", direction="inbound", window="7d", ago="28d"
    )
    assert peak.replies < before / 2
    assert peak.total("interactions", kind="reply", direction="outbound", window="7d") == 0
    assert peak.total("awaiting_reply") > 100
    assert peak.replies_fall
    assert peak.follows_rise


def test_the_small_account_that_answers_has_more_connections(end: dict[str, Midnight]) -> None:
    harbour, peak = end["harbour-coffee"], end["peak-sneakers"]
    assert harbour.total("followers") < peak.total("followers") / 4
    assert harbour.total("relationships", stage="connection") > 1.2 * peak.total(
        "relationships", stage="connection"
    )
    answered = harbour.total("repliers_answered", window="28d")
    assert answered > 0.9 * harbour.total("repliers", window="28d")


def test_the_owner_of_the_bookshop_has_fallen_silent(end: dict[str, Midnight]) -> None:
    books = end["inkwell-books"]
    assert books.total("interactions", direction="outbound", kind="reply", window="7d") == 0
    assert books.total("awaiting_reply") > 60
    assert books.replies_fall
    assert not books.follows_rise


def test_the_viral_post_is_honest_growth(end: dict[str, Midnight]) -> None:
    bikes, peak = end["summit-bikes"], end["peak-sneakers"]

    def engaged(account: Midnight) -> float:
        new = account.total("followers_by_tenure", tenure="7-28d")
        return account.total("followers_by_tenure", tenure="7-28d", engaged="yes") / new

    assert engaged(bikes) > 0.5
    assert engaged(peak) < 0.15
    assert not bikes.replies_fall


def test_a_dozen_or_two_of_each_defect_are_seen(sent: list[Delivery], core: Core) -> None:
    """Enough for every row of a table, too few to matter."""
    found = Counter(one.defect for one in sent if one.defect)
    assert set(found) == set(DEMO.defects._fields)
    assert all(5 <= n <= 30 for n in found.values())
    assert core.outcomes[Outcome.INVALID] == found["malformed"] == len(core.refused)
    assert core.outcomes[Outcome.DUPLICATE] == found["duplicates"]
    assert len({refused.reason for refused in core.refused}) >= 7
