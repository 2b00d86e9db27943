"""What the findings compare with: how an account usually is, straight from the tables.

No history in Prometheus is needed: the tables know the four weeks before this one.
"""

from collections.abc import Iterator

from streams.alerting.rules import Record, query
from streams.alerting.thresholds import Settings
from streams.alerting.variants import variants

_BEFORE = {
    "replies": 'account:closeknit_interactions_previous:sum{direction="inbound",kind="reply"}',
    "follows": "account:closeknit_follows_previous:sum",
}
"""One count for each of the four weeks before this one, and one of the 28 days before these."""


def usual(settings: Settings) -> Iterator[Record]:
    """What is usual of replies and follows, of newcomers, and of those who wait."""
    yield Record(
        "account:closeknit_replies:sum",
        query("""
            sum by (account, window) (
              account:closeknit_interactions:sum{direction="inbound",kind="reply"}
            )
        """),
    )
    yield Record(
        "account:closeknit_history_weeks:count",
        query("""
            count by (account) (
              sum by (account, ago) (
                account:closeknit_interactions_previous:sum{direction="inbound",window="7d"}
              )
              + on (account, ago) account:closeknit_follows_previous:sum{window="7d"}
              > 0
            )
            or 0 * account:closeknit_followers:sum
        """),
    )
    yield from _medians()
    yield from _bands(settings)
    yield from _newcomers()
    yield from _waiting()


def _medians() -> Iterator[Record]:
    # Of the 28 days before these 28 there is one count: its own median.
    yield Record(
        "account:closeknit_replies:usual",
        f"quantile by (account, window) (0.5, {_BEFORE['replies']})",
    )
    yield Record(
        "account:closeknit_follows:usual",
        query(f"""
            quantile by (account, window) (0.5, {_BEFORE["follows"]})
            or label_replace(
              quantile by (account) (0.5, {_BEFORE["follows"]}{{window="7d"}}) / 7,
              "window", "1d", "", ""
            )
        """),
    )


def _bands(settings: Settings) -> Iterator[Record]:
    # One odd week lies across two of these four, and moves their median. It makes two of them high,
    # or two low: so a fall is one below the second lowest, and a rise one above the second highest.
    for metric, before in _BEFORE.items():
        for end, share in (("low", "1 / 3"), ("high", "2 / 3")):
            yield Record(
                f"account:closeknit_{metric}:usual_{end}",
                f"quantile by (account, window) ({share}, {before})",
            )
    enough = f"account:closeknit_history_weeks:count >= {settings.trust.history_weeks}"
    for metric in _BEFORE:
        for end in ("least", "most"):
            ends = "\nor ".join(_ends(settings, f"account:closeknit_{metric}", end))
            yield Record(
                f"account:closeknit_{metric}:usual_{end}",
                f"clamp_min(\n{ends},\n0)\nand on (account) ({enough})",
            )


def _ends(settings: Settings, metric: str, end: str) -> Iterator[str]:
    """The farther of a share and of some square roots, by thresholds and window.

    A count strays from what is usual by its square root, by chance alone: a change that is smaller
    than a few of these roots is none.
    """
    for accounts, thresholds in variants(settings):
        for window, limits in (
            ("7d", thresholds.replies_fall),
            ("28d", thresholds.replies_fall_slowly),
        ):
            some = f'{{{accounts},window="{window}"}}'
            if end == "least":
                week, beyond = f"{metric}:usual_low{some}", "<"
                by_share = f"{limits.replies_below:g} * {week}"
                by_chance = f"{week} - {limits.roots:g} * sqrt({week})"
            else:
                week, beyond = f"{metric}:usual_high{some}", ">"
                by_share = f"{limits.follows_above:g} * {week}"
                by_chance = f"{week} + {limits.roots:g} * sqrt({week})"
            yield f"(\n  {by_share}\n  {beyond} {by_chance}\n)\nor {by_chance}"


def _newcomers() -> Iterator[Record]:
    yield Record(
        "account:closeknit_followers_by_tenure:engaged_ratio",
        query("""
            sum by (account, tenure) (account:closeknit_followers_by_tenure:sum{engaged="yes"})
            / sum by (account, tenure) (account:closeknit_followers_by_tenure:sum)
        """),
    )
    yield Record(
        # Those who came one to four weeks ago had time to engage ...
        "account:closeknit_newcomers_engaged:sum",
        query("""
            sum by (account) (
              account:closeknit_followers_by_tenure:sum{engaged="yes",tenure="7-28d"}
            )
        """),
    )
    yield Record(
        # ... and those who came before them say how many usually do.
        "account:closeknit_newcomers_engaged:usual",
        query("""
            sum by (account) (account:closeknit_followers_by_tenure:sum{tenure="7-28d"})
            * on (account) account:closeknit_followers_by_tenure:engaged_ratio{tenure="28-90d"}
        """),
    )


def _waiting() -> Iterator[Record]:
    yield Record(
        "account:closeknit_waiting_members:sum",
        'sum by (account) (account:closeknit_awaiting_reply:sum{age=~"1-3d|3-7d"})',
    )
    yield Record(
        # Whose last reply is one to seven days old, and answered ...
        "account:closeknit_answered_members:sum",
        query("""
            sum by (account) (account:closeknit_repliers:sum{window="7d"})
            - sum by (account) (account:closeknit_repliers:sum{window="1d"})
            - account:closeknit_waiting_members:sum
        """),
    )
    yield Record(
        # ... and as many as would be if as large a part of them were answered as of those whose
        # last reply is one to four weeks old.
        "account:closeknit_answered_members:usual",
        query("""
            (account:closeknit_answered_members:sum + account:closeknit_waiting_members:sum)
            * (
              1
              - sum by (account) (account:closeknit_awaiting_reply:sum{age="7-28d"})
              / (
                sum by (account) (account:closeknit_repliers:sum{window="28d"})
                - sum by (account) (account:closeknit_repliers:sum{window="7d"})
              )
            )
        """),
    )
