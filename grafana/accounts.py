"""*Accounts compared*: all accounts in one table, each judged by what is usual for itself."""

from typing import Final

from grafana.board import ACCOUNTS, ENGAGEMENT, board, choice
from grafana.palette import ACT, CALM, GROW, TALK, USUAL
from grafana.panels import NUMBER, SHARE, Line, numbers, rows
from grafana.queries import info, lower, upper

_INFO: Final = info('group=~"$group"')
_WEEK: Final = '{window="7d"}'
_CHANGE_LEAST: Final = 20

_VERDICT: Final = {-1: ("fewer", "purple"), 0: ("as usual", CALM), 1: ("more", "blue")}


def _each(metric: str, labels: str = "", ago: str = "") -> str:
    """A count of each account."""
    offset = f" offset {ago}" if ago else ""
    return f"sum by (account) (account:closeknit_{metric}:sum{labels}{offset})"


def _chosen(expr: str) -> str:
    """Of the accounts of the chosen groups only."""
    return f"({expr})\nand on (account) {_INFO}"


def _change(metric: str, labels: str = "") -> str:
    """The change over 28 days, as a share of what there was, if that was enough."""
    before = _each(metric, labels, "28d")
    return _chosen(f"{_each(metric, labels)} / ({before} >= {_CHANGE_LEAST}) - 1")


def _verdict(metric: str) -> str:
    """1 for more than is usual, -1 for fewer, 0 in between."""
    week = f"account:closeknit_{metric}:sum{_WEEK}"
    more = f"({week} > bool on (account) {upper(metric, _WEEK)})"
    fewer = f"({week} < bool on (account) {lower(metric, _WEEK)})"
    return _chosen(f"sum by (account) ({more} - on (account) {fewer})")


_TALK_STAGES: Final = '{stage=~"connection|conversation"}'

_TABLE = rows(
    "How do our accounts fare, each by its own measure?",
    "One row for each account; a click on its id leads to all about it. Nothing here ranks "
    "accounts against each other: fewer, as usual and more compare the last 7 days with that "
    "account's own four weeks before, beyond what chance explains. In talk are those who replied "
    "in the last 28 days, committed those of them who came on four days or more. Changes are "
    "against 28 days ago; where there were fewer than 20 people there is none.",
    Line("", _INFO),
    Line(
        "To do",
        _chosen(
            f'count by (account) (ALERTS{{alertstate="firing",about="account"}}) '
            f"or 0 * {_each('followers')}"
        ),
        words={0: ("nothing", USUAL)},
        limits=[(None, USUAL), (1, ACT)],
        unit=NUMBER,
    ),
    Line("In talk", _chosen(_each("relationships", _TALK_STAGES)), colour=TALK),
    Line("In talk, change", _change("relationships", _TALK_STAGES), unit=SHARE),
    Line("Committed", _chosen(_each("committed_members")), colour=TALK),
    Line("Committed, change", _change("committed_members"), unit=SHARE),
    Line("Followers", _chosen(_each("followers")), colour=GROW),
    Line("Followers, change", _change("followers"), unit=SHARE),
    Line("Replies in 7 days", _chosen(_each("replies", _WEEK))),
    Line("Replies are", _verdict("replies"), words=_VERDICT),
    Line("Follows in 7 days", _chosen(_each("follows", _WEEK))),
    Line("Follows are", _verdict("follows"), words=_VERDICT),
    Line(
        "Answered",
        _chosen(f"{_each('repliers_answered', _WEEK)} / {_each('repliers', _WEEK)}"),
        unit=SHARE,
    ),
    Line("Waiting", _chosen(_each("awaiting_reply"))),
    labels={"account": "Account", "name": "Name", "group": "Group"},
    links={
        "account": (
            "All about ${__value.text}",
            f"/d/{ENGAGEMENT}?var-account=${{__value.text}}&${{datasource:queryparam}}",
        )
    },
)

_TRUST = numbers(
    "Is everybody in this table?",
    "While a worker is missing the table is empty, since a part of an audience would look like "
    "people falling silent. Accounts beyond the limit have no series of their own; the settings of "
    "the workers list accounts, or raise the limit. More is under Pipeline health.",
    Line(
        "everybody is counted",
        "closeknit:complete:bool",
        words={0: ("no", ACT), 1: ("yes", CALM)},
        none="no",
    ),
    Line(
        "every account has a row",
        "closeknit:accounts_over_limit:max",
        words={0: ("yes", CALM), 1: ("no", ACT)},
    ),
    Line("accounts", f"count({_INFO})"),
)


def accounts() -> str:
    """The dashboard, as JSON."""
    return board(
        ACCOUNTS,
        "Accounts compared",
        "Which account needs us? Each is compared with itself.",
        (4, [(24, _TRUST)]),
        (18, [(24, _TABLE)]),
        variables=[
            choice(
                "group",
                "Group",
                info(),
                of="group",
                several=True,
                all_of=".*",
            )
        ],
        alerts=[],
        since="now-56d",
        refresh="5m",
    )
