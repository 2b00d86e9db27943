"""*Engagement over growth*: is the audience of one account connecting, or merely growing?"""

from typing import Final

from grafana.board import ENGAGEMENT, Alerts, board, choice
from grafana.palette import ACT, AGES, CALM, DAYS, GROW, STAGES, TALK, TENURES, USUAL
from grafana.panels import SECONDS, SHARE, Line, layers, lines, numbers, words
from grafana.queries import CHOSEN, WEEKS, band, index, info, people
from streams.alerting.thresholds import DEFAULTS

_EVERY = "1m"  # numbers of accounts are recorded once a minute

_IN_TALK: Final = people("relationships", stage=("connection", "conversation"))
_HOUR: Final = 3600
_WAITING_ALERT: Final = "PeopleWaitForAnswers"

_TRUST = numbers(
    "Can I trust these numbers?",
    "Every worker counts its own share of the people. While one of them is missing, charts leave a "
    "gap, since a part of an audience would look like people falling silent. The newest event says "
    "whether anything still comes in. Alerts compare with the four weeks before this one, and stay "
    "silent until there are so many.",
    Line(
        "everybody is counted",
        "closeknit:complete:bool",
        words={0: ("no", ACT), 1: ("yes", CALM)},
        none="no",
    ),
    Line(
        "since the newest event",
        "time() - max(topic:closeknit_last_event_timestamp_seconds:max)",
        unit=SECONDS,
        limits=[(None, CALM), (DEFAULTS.trust.silent_hours * _HOUR, ACT)],
    ),
    Line(
        "weeks to compare with",
        f"account:closeknit_history_weeks:count{CHOSEN}",
        unit="suffix: of 4",
    ),
)

_TALKING = numbers(
    "How many people talk with us?",
    "In talk: those who replied to us in the last 28 days, followers or not. Committed: those of "
    "them who came back on four days or more. An audience that grows without these two is a list "
    "of names. Against 28 days ago: how many more, or fewer, are in talk now.",
    Line("in talk", _IN_TALK, colour=TALK),
    Line("committed", people("committed_members"), colour=TALK),
    Line(
        "against 28 days ago",
        f"{_IN_TALK} - {people('relationships', '28d', stage=('connection', 'conversation'))}",
        none="not yet known",
    ),
)

_FOLLOWERS = layers(
    "Who are our followers?",
    "Followers by what they did in the last 28 days. Connection: we talk with each other, on two "
    "days or more. Conversation: they replied. Fan: they liked or shared. Lapsed: they used to. "
    "Hollow: they follow, and never did anything. An audience that connects grows green from "
    "below; one that merely grows, grows grey from above.",
    *(
        Line(stage.name, people("relationships", following="yes", stage=stage.value), stage.colour)
        for stage in STAGES
    ),
    share=True,
    interval=_EVERY,
)

_NEWCOMERS = lines(
    "Do newcomers engage?",
    "Of the people who began to follow at about the same time and still do, the share that has "
    "ever liked, shared or replied. The newest line falls first when followers come who do not "
    "care. Of few newcomers the share jumps about, and of none there is no line.",
    *(
        Line(
            tenure.name,
            f'account:closeknit_followers_by_tenure:engaged_ratio{{account="$account",'
            f'tenure="{tenure.value}"}}',
            tenure.colour,
        )
        for tenure in TENURES
    ),
    unit=SHARE,
    most=1,
    interval=_EVERY,
)

_CONNECTING = lines(
    "Connecting or merely growing?",
    "Followers, and the committed: people who came on four days or more of the last 28 and replied "
    "in them. Both are set to 100 in the first week of the range in which there were 20 of each, "
    "so their ways can be compared. Lines that rise together are an audience that connects; "
    "followers that rise alone are growth without engagement. Red marks are alerts.",
    Line("committed", index("committed_members", "followers"), TALK),
    Line("followers", index("followers", "committed_members"), GROW),
    Line("100", "vector(100)", USUAL, dashed=True),
    least=None,
    none="In no week of this range were there 20 followers and 20 committed",
    interval=_EVERY,
)

_BAND = (
    "The band is what is usual: from the second lowest of the four weeks before to the second "
    "highest, and beyond them as far as the alert allows for this account. The dashed line is the "
    "middle of the four; both are there as soon as four weeks are"
)
_REPLIES = lines(
    "How many replies do we get in a week?",
    f"Replies to us in the 7 days up to each moment. {_BAND}. Read it beside the follows on the "
    "right: replies that leave the band below while follows leave theirs above are growth without "
    "engagement. Each has a scale of its own.",
    Line("replies in 7 days", f"account:closeknit_replies:sum{WEEKS}", TALK),
    *band("replies"),
    interval=_EVERY,
)

_FOLLOWS = lines(
    "How many people begin to follow in a week?",
    "Follows that began in the 7 days up to each moment; who left again is not taken off. "
    f"{_BAND}.",
    Line(
        "follows in 7 days", 'account:closeknit_follows:sum{account="$account",window="7d"}', GROW
    ),
    *band("follows"),
    interval=_EVERY,
)

_ANSWERING = lines(
    "Are we answering?",
    "Of the people who replied to us, the share that has our answer to what they last said. People "
    "who are answered come back. A week shows what is happening; 28 days show the habit.",
    *(
        Line(
            name,
            f"{people('repliers_answered', window=window)} / {people('repliers', window=window)}",
            colour,
            dashed,
        )
        for name, window, colour, dashed in (
            ("of those of 7 days", "7d", TALK, False),
            ("of those of 28 days", "28d", USUAL, True),
        )
    ),
    unit=SHARE,
    most=1,
    none="Nobody replied in this range",
    interval=_EVERY,
)

_WAITING = layers(
    "Who waits for our answer, and how long?",
    "People whose last reply to us is later than our last reply to them, by the time since. Those "
    "who have waited longest lie at the bottom; after 28 days they are no longer counted. "
    "closeknit people --awaiting has their names.",
    *(Line(age.name, people("awaiting_reply", age=age.value), age.colour) for age in AGES),
    interval=_EVERY,
)

_WON = lines(
    "Are connections won or lost?",
    "How many more, or fewer, connections there are than 7 days before. Above the line more were "
    "won than lost. A connection is lost when nobody has spoken for 28 days, so what goes wrong "
    "today shows here in weeks: the replies show it first.",
    Line(
        "connections, against 7 days before",
        f"{people('relationships', stage='connection')} - "
        f"{people('relationships', '7d', stage='connection')}",
        "dark-green",
    ),
    least=None,
    none="A week of history is needed",
    interval=_EVERY,
).fill_opacity(25)

_STAYING = lines(
    "Do followers stay?",
    "People who began to follow in the 7 days up to each moment, and below the line those who "
    "left. Followers who were bought, or lured by a prize, leave within weeks.",
    Line(
        "began to follow",
        'account:closeknit_follows:sum{account="$account",window="7d"}',
        GROW,
    ),
    Line("left", '-account:closeknit_unfollows:sum{account="$account",window="7d"}', USUAL),
    least=None,
    interval=_EVERY,
).fill_opacity(25)

_OFTEN = layers(
    "How often do they come?",
    "Everybody who liked, shared or replied in the last 28 days, by the number of days on which "
    "they did. A few who come often carry an account; a broad top that comes once is a crowd "
    "passing by.",
    *(
        Line(one.name, expr, one.colour)
        for one, expr in zip(
            DAYS,
            (
                people("members_by_activity", at_least_days="16"),
                *(
                    f"{people('members_by_activity', at_least_days=less)} - "
                    f"{people('members_by_activity', at_least_days=more)}"
                    for less, more in (("8", "16"), ("4", "8"), ("2", "4"))
                ),
                f"{people('active_members', window='28d')} - "
                f"{people('members_by_activity', at_least_days='2')}",
            ),
            strict=True,
        )
    ),
    interval=_EVERY,
)

_WHO = words(
    "Who needs us?",
    "Prometheus knows counts and no names, so names are asked for where the workers run. The "
    "commands read what the workers have written to Kafka, and need no worker to run.",
    """
    Names stay out of Prometheus. Where Closeknit is installed:

    ```
    closeknit people --awaiting --account ${account:singlequote}
    closeknit people --promising --account ${account:singlequote}
    closeknit people --cooling --account ${account:singlequote}
    ```

    who waits for an answer, who is about to become a connection, and who is about to be lost. Each
    comes with the reason why. All of one person: `closeknit people show MEMBER`.
    """,
)


def engagement() -> str:
    """The dashboard, as JSON."""
    return board(
        ENGAGEMENT,
        "Engagement over growth",
        "Is this audience connecting with the brand, or merely growing?",
        (5, [(12, _TRUST), (12, _TALKING)]),
        (9, [(12, _FOLLOWERS), (12, _NEWCOMERS)]),
        (9, [(24, _CONNECTING)]),
        (8, [(12, _REPLIES), (12, _FOLLOWS)]),
        (8, [(12, _ANSWERING), (12, _WAITING)]),
        (8, [(12, _WON), (12, _STAYING)]),
        (8, [(12, _OFTEN), (12, _WHO)]),
        variables=[choice("account", "Account", info(), of="account")],
        alerts=[
            Alerts(
                "Growth without engagement",
                f'account="$account",alertname!="{_WAITING_ALERT}"',
                [
                    "Do newcomers engage?",
                    "Connecting or merely growing?",
                    "How many replies do we get in a week?",
                    "How many people begin to follow in a week?",
                ],
            ),
            Alerts(
                "People wait for answers",
                f'account="$account",alertname="{_WAITING_ALERT}"',
                ["Are we answering?", "Who waits for our answer, and how long?"],
            ),
        ],
        since="now-56d",
        refresh="5m",
    )
