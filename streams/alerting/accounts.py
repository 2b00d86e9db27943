"""The alerts about accounts: for those who speak with people."""

from collections.abc import Iterator, Mapping

from streams.alerting.rules import Alert, Group
from streams.alerting.thresholds import Settings

_BRIDGE = "15m"
"""For so long a finding is held to be so when nothing can be found: a worker restarts, a partition
moves. Without it, each deployment would begin the wait anew."""


def account_alerts(settings: Settings) -> Group:
    """Every alert about an account."""
    return Group("closeknit-accounts", list(_alerts(settings)))


def _alerts(settings: Settings) -> Iterator[Alert]:
    def alert(name: str, summary: str, description: str, hold: str = settings.trust.hold) -> Alert:
        finding = f'account:closeknit_finding:value{{finding="{name}"}}'
        return Alert(
            alert=name,
            expr=f"max by (account) (last_over_time({finding}[{_BRIDGE}]))",
            hold=hold,
            settle=settings.trust.settle,
            severity="page" if name == "RepliesFallWhileFollowsRise" else "ticket",
            about="account",
            summary="{{ $labels.account }}: " + summary,
            description=description,
            runbook_url=f"{settings.links.runbooks}#{name.lower()}",
            dashboard_url=(
                f"{settings.links.dashboards}/d/closeknit-engagement"
                "?var-account={{ $labels.account | urlquery }}"
            ),
        )

    for name, window, title, before in (
        ("RepliesFallWhileFollowsRise", "7d", "replies fall while follows rise", "a usual week"),
        (
            "RepliesFallWhileFollowsRiseSlowly",
            "28d",
            "for a month, replies fall while follows rise",
            "the 28 days before",
        ),
    ):
        yield alert(
            name,
            title,
            f"In the last {window.removesuffix('d')} days "
            f"{_number('replies:sum', window=window)} replies came in; "
            f"{before} brought {_number('replies:usual', window=window)}. "
            f"{_number('follows:sum', window=window)} people began to follow; "
            f"{before} brought {_number('follows:usual', window=window)}. "
            "The account grows, and fewer people talk with it.",
        )
    yield alert(
        "NewFollowersStayHollow",
        "new followers stay hollow",
        "Of those who followed one to four weeks ago, "
        f"{_percent('followers_by_tenure:engaged_ratio', tenure='7-28d')} ever liked, shared or "
        "replied; of those who came up to two months before them, "
        f"{_percent('followers_by_tenure:engaged_ratio', tenure='28-90d')} did.",
    )
    yield alert(
        "FollowBurstWithoutEngagement",
        "many follow at once, and do nothing else",
        f"{_number('follows:sum', window='1d')} people began to follow within a day; a usual week "
        f"brings {_number('follows:usual', window='7d')}. Of the followers who came in the last 7 "
        "days, "
        f"{_percent('followers_by_tenure:engaged_ratio', tenure='0-7d')} ever liked, shared or "
        "replied.",
        hold="1h",
    )
    yield alert(
        "PeopleWaitForAnswers",
        "fewer people than usual are answered",
        "Of those whose last reply is one to seven days old, "
        f"{_number('waiting_members:sum')} wait for an answer and "
        f"{_number('answered_members:sum')} have one; as many as usual would be "
        f"{_number('answered_members:usual')}. "
        f"{_number('awaiting_reply:sum', age='3-7d')} have waited for more than three days.",
    )


def _asked(series: str, labels: Mapping[str, str], shown: str) -> str:
    """The latest value of an account's series, by a template of Prometheus."""
    matchers = ",".join(["account=%q", *(f'{name}="{value}"' for name, value in labels.items())])
    latest = f"last_over_time(account:closeknit_{series}{{{matchers}}}[{_BRIDGE}])"
    return (
        f"{{{{ with printf `{latest}` $labels.account | query }}}}"
        f"{{{{ . | first | value | {shown} }}}}{{{{ end }}}}"
    )


def _number(series: str, **labels: str) -> str:
    return _asked(series, labels, 'printf "%.0f"')


def _percent(series: str, **labels: str) -> str:
    return _asked(series, labels, "humanizePercentage")
