"""What can happen to an account: each scenario by name, with the truth about it.

A scenario is an ordinary life (`Habits`) in which, from its turn on, phases follow each other. A
phase multiplies what is ordinary. `docs/scenarios.md` is written from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Habits(NamedTuple):
    """An ordinary life, per inbound interaction (like, share, reply) and as chances from 0 to 1.

    Attributes:
        likes, shares, replies: what the interactions are; they add up to 1.
        follows: follows per interaction.
        talkers: who of the audience also replies.
        answers: the chance that the account answers a reply.
        returns: the chance that somebody who was answered replies again.
        hollow: which part of the new followers never says a thing.
    """

    likes: float = 0.64
    shares: float = 0.08
    replies: float = 0.28
    follows: float = 0.06
    talkers: float = 0.3
    answers: float = 0.5
    returns: float = 0.35
    hollow: float = 0.35


class Phase(NamedTuple):
    """Something that happens for a while, and what it does to ordinary life.

    Attributes:
        what: the label: what truly happens.
        begins: days after the scenario's turn.
        lasts: days; None is to the end of the world.
        diverges: do replies fall while follows rise?
        gradual: the factors are reached day by day, at the end of the phase.
        likes, replies, follows, answers: factors; shares go with likes.
        leaves: which part of its new followers leave again, within some two weeks.
        hollow: as in `Habits`; None is as ever.
        lost: kinds of events that never arrive: the source fails, people go on.
    """

    what: str
    begins: int = 0
    lasts: int | None = None
    diverges: bool = False
    gradual: bool = False
    likes: float = 1.0
    replies: float = 1.0
    follows: float = 1.0
    answers: float = 1.0
    leaves: float = 0.0
    hollow: float | None = None
    lost: frozenset[str] = frozenset()


class Scenario(NamedTuple):
    """A story: its name, what happens in a line and at length, and the numbers behind it.

    Attributes:
        turn: where in the world its phases begin: 0 is the first day, 1 the end.
    """

    name: str
    line: str
    story: str
    habits: Habits = Habits()
    phases: tuple[Phase, ...] = ()
    turn: float = 0.75


_TABLE: Final = (
    Scenario(
        "organic",
        "Steady growth in which nothing happens.",
        "Half of the replies are answered; some who like begin to follow, some who follow begin "
        "to talk; people warm, cool and lapse, and others take their place.",
        phases=(Phase("nothing happens"),),
        turn=0,
    ),
    Scenario(
        "conversation",
        "A small-town account that answers everybody.",
        "Half of all interactions are replies and nearly each is answered, so people come back.",
        Habits(0.45, 0.05, 0.5, 0.04, 0.5, answers=0.95, returns=0.5, hollow=0.2),
        phases=(Phase("nothing happens"),),
        turn=0,
    ),
    Scenario(
        "megaphone",
        "Liked and shared a lot, and never answers.",
        "Few reply, as nobody answers: an audience, not a conversation. It has always been so.",
        Habits(0.74, 0.2, 0.06, 0.08, 0.12, answers=0.0, hollow=0.5),
        phases=(Phase("nothing happens"),),
        turn=0,
    ),
    Scenario(
        "owner-stops-answering",
        "The owner stops answering, and replies dry up.",
        "From one day to the next nobody is answered. Within three weeks people give up and "
        "replies fall by more than half; follows go on as before.",
        Habits(answers=0.8),
        phases=(
            Phase("nobody is answered", lasts=1, answers=0.0),
            Phase("nobody is answered", 1, 20, gradual=True, replies=0.4, answers=0.0),
            Phase("nobody is answered", begins=21, replies=0.4, answers=0.0),
        ),
        turn=0.6,
    ),
    Scenario(
        "begging",
        'A "follow us and win" campaign: followers pour in, conversation dies.',
        "Follows rise to five times as many, and nearly all of them stay hollow; some leave "
        "again. The account has no time to answer, and those who used to talk fall silent.",
        phases=(
            Phase(
                "a begging campaign",
                diverges=True,
                likes=0.8,
                replies=0.35,
                follows=5.0,
                answers=0.0,
                leaves=0.09,
                hollow=0.975,
            ),
        ),
    ),
    Scenario(
        "bought",
        "Followers are bought: a burst of hollow follows, and some leave later.",
        "For three days follows come at thirty times their rate and say nothing, a third of them "
        "leaves within two weeks. Everybody else goes on as before.",
        phases=(Phase("followers are bought", lasts=3, follows=30.0, leaves=0.35, hollow=1.0),),
    ),
    Scenario(
        "viral",
        "One post goes viral: everything rises, some of it stays.",
        "For three days likes, replies and follows multiply; it ebbs away within ten more. Many "
        "of those who came stay and talk.",
        phases=(
            Phase("a post goes viral", lasts=3, likes=7.0, replies=5.0, follows=12.0, answers=0.6),
            Phase(
                "a post goes viral",
                begins=3,
                lasts=10,
                gradual=True,
                likes=1.3,
                replies=1.3,
                follows=1.3,
            ),
            Phase("more talk than before", begins=13, likes=1.3, replies=1.3, follows=1.3),
        ),
    ),
    Scenario(
        "quiet-fortnight",
        "Two quiet weeks: replies and follows both fall.",
        "The account posts little for a fortnight; everything falls to half, and comes back.",
        phases=(Phase("a quiet fortnight", lasts=14, likes=0.5, replies=0.5, follows=0.5),),
        turn=0.8,
    ),
    Scenario(
        "holiday",
        "People are on holiday: both fall, then recover.",
        "Within a week everything falls to two fifths, stays there for ten days and recovers "
        "within another week.",
        phases=(
            Phase("a holiday", lasts=7, gradual=True, likes=0.4, replies=0.4, follows=0.4),
            Phase("a holiday", begins=7, lasts=10, likes=0.4, replies=0.4, follows=0.4),
            Phase("a holiday", begins=17, lasts=7, gradual=True),
        ),
        turn=0.55,
    ),
    Scenario(
        "slow-decline",
        "Replies fade over weeks while follows rise a little.",
        "In six weeks replies fall by two thirds and follows rise by three fifths: never a bad "
        "day, and a different account in the end. Fewer and fewer are answered.",
        phases=(
            Phase(
                "replies fade while follows rise slowly",
                lasts=42,
                diverges=True,
                gradual=True,
                likes=0.9,
                replies=0.35,
                follows=1.6,
                answers=0.3,
                hollow=0.7,
            ),
            Phase(
                "replies fade while follows rise slowly",
                begins=42,
                diverges=True,
                likes=0.9,
                replies=0.35,
                follows=1.6,
                answers=0.3,
                hollow=0.7,
            ),
        ),
        turn=0.4,
    ),
    Scenario(
        "source-outage",
        "The source of replies is dead while follows flow: data, not people.",
        "For five days no reply of either direction arrives, and none is delivered later, in a "
        "week in which follows happen to rise by three fifths. People talk as before.",
        phases=(
            Phase("the source of replies is dead", lasts=5, follows=1.6, lost=frozenset({"reply"})),
        ),
    ),
    Scenario(
        "odd-week",
        "One odd week, after which all is as before.",
        "For a week replies are two and a half times as many and follows less than half: what "
        "follows looks like falling replies and rising follows to whoever compares with it.",
        phases=(Phase("an odd week", lasts=7, likes=1.5, replies=2.5, follows=0.4),),
        turn=0.6,
    ),
    Scenario(
        "both-rise",
        "Honest growth: replies and follows rise together.",
        "Within four weeks everything rises by four fifths, and stays there.",
        phases=(
            Phase("honest growth", lasts=28, gradual=True, likes=1.8, replies=1.8, follows=1.8),
            Phase("honest growth", begins=28, likes=1.8, replies=1.8, follows=1.8),
        ),
        turn=0.5,
    ),
)

SCENARIOS: Final[Mapping[str, Scenario]] = {scenario.name: scenario for scenario in _TABLE}
"""Every scenario by its name."""
