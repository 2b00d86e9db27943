"""What a person may choose about the alerts: thresholds, by account where wanted, and links.

The file is TOML (`deploy/prometheus/alerts.toml`); whatever it leaves out has the default given
here. Its tables have the names of the fields; `[accounts.ID.TABLE]` changes a table for one
account.
"""

import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from streams.metrics.accounts import OTHER

Share = Annotated[float, Meta(gt=0, lt=1)]
Factor = Annotated[float, Meta(gt=1)]
Roots = Annotated[float, Meta(ge=0)]
Number = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=1)]
Duration = Annotated[str, Meta(pattern="^[1-9][0-9]*[smhd]$")]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file."""


class Divergence(_Table, frozen=True):
    """Replies fall while follows rise: this window against the weeks before it."""

    replies_below: Share = 0.8
    """Replies fell below this share of their second lowest week ..."""
    follows_above: Factor = 1.3
    """... while follows rose above this multiple of their second highest."""
    roots: Roots = 2.0
    """Both must differ from that week by so many of its square roots: the spread of chance."""
    least_replies: Number = 20
    """Usual replies below this are too few to judge."""
    least_follows: Number = 20
    """Follows below this are too few to worry about."""


class Hollow(_Table, frozen=True):
    """Followers of the last weeks stay hollow: against those who came before them."""

    engaged_below: Share = 0.5
    """Engaged newcomers are below this share of as many as would be usual."""
    roots: Roots = 3.0
    """They must differ from it by so many of its square roots."""
    least_engaged: Number = 20
    """So many must be expected to have engaged, and so many earlier ones must have."""


class Burst(_Table, frozen=True):
    """A day of many follows, of people who do nothing else."""

    follows_above: Factor = 3.0
    """Follows of a day above this multiple of a usual day ..."""
    engaged_below: Share = 0.1
    """... while of the week's new followers less than this share has engaged."""
    least_follows: Number = 100
    """Follows of a day below this are no burst."""


class Waiting(_Table, frozen=True):
    """People who replied to us a day to a week ago: fewer than usual are answered."""

    answered_below: Share = 0.5
    """Those who are answered are below this share of as many as would be usual."""
    roots: Roots = 3.0
    """They must differ from it by so many of its square roots."""
    least_answered: Number = 10
    """Fewer than so many who would usually be answered are too few to judge."""


class Thresholds(_Table, frozen=True):
    """What may differ from account to account."""

    replies_fall: Divergence = Divergence()
    replies_fall_slowly: Divergence = Divergence(follows_above=1.15)
    """Chance moves a month less than a week, and the month before has half of a slow rise in it."""
    hollow: Hollow = Hollow()
    burst: Burst = Burst()
    waiting: Waiting = Waiting()


class Trust(_Table, frozen=True):
    """When the numbers of an account may be judged at all."""

    hold: Duration = "2h"
    """How long a finding must last before it is told."""
    settle: Duration = "24h"
    """How long it must be gone before it counts as over: at its edge it comes and goes."""
    history_weeks: Annotated[int, Meta(ge=1, le=4)] = 4
    """In so many of the four weeks before this one, the account must have had events."""
    most_lag: Seconds = 600
    """With a topic further behind than this, account alerts are silent."""
    silent_hours: Number = 24
    """A topic from which nothing came for longer than this ..."""
    silent_gaps: Number = 10
    """... and longer than so many usual gaps between its events counts as cut off."""
    silent_least: Number = 20
    """Topics with fewer events in a usual week are not judged so."""


class Pipeline(_Table, frozen=True):
    """The alerts for whoever runs the workers."""

    fresh_lag: Seconds = 300
    """Numbers are fresh while all partitions are counted and no topic is further behind."""
    fresh_objective: Annotated[float, Meta(ge=0.9, lt=1)] = 0.99
    """The share of the time in which they should be."""
    lag_above: Seconds = 300
    """Lag is told when it is above this ..."""
    lag_growth: Seconds = 60
    """... and grew by more than this in a quarter of an hour."""
    uneven_lag: Seconds = 3600
    """One topic may be so much further behind than another."""
    dead_letters_above: Share = 0.01
    """The share of a topic's records of an hour that may be refused ..."""
    least_dead_letters: Number = 10
    """... unless they are fewer than this."""
    restarts: Number = 3
    """Starts of one worker in a quarter of an hour that are too many."""
    source_silent: Seconds = 120
    """A source that heard nothing from its platform for longer than this is cut off."""


class Links(_Table, frozen=True):
    """Where the links of an alert lead; each begins with what is given here."""

    runbooks: str = "docs/alerts.md"
    """The address at which people can read that page."""
    dashboards: str = "http://localhost:3000"
    """Grafana."""


class Settings(_Table, frozen=True):
    """Everything, checked."""

    job: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]+$")] = "closeknit"
    """The scrape job of the workers."""
    links: Links = Links()
    trust: Trust = Trust()
    pipeline: Pipeline = Pipeline()
    thresholds: Thresholds = Thresholds()
    accounts: Mapping[str, Thresholds] = {}
    """Whole thresholds of the accounts that differ: what is not said there is as for all others."""


class InvalidThresholds(ValueError):
    """The file cannot be used; the message says what is wrong, and where."""


def read(text: str) -> Settings:
    """Read the TOML file.

    Raises:
        InvalidThresholds: it is not TOML, or something in it is unknown or out of bounds.
    """
    try:
        document = tomllib.loads(text)
        accounts = document.pop("accounts", {})
        if not isinstance(accounts, Mapping):
            raise InvalidThresholds(
                "`accounts` holds a table for each account: [accounts.ID.burst]"
            )
        # Laid over the defaults, for those of a table depend on where it stands.
        document = _over(msgspec.to_builtins(Settings()), document)
        settings = msgspec.convert(document, Settings)
        common = msgspec.to_builtins(settings.thresholds)
        document["accounts"] = _over(dict.fromkeys(accounts, common), accounts)
        settings = msgspec.convert(document, Settings)
    except tomllib.TOMLDecodeError as error:
        raise InvalidThresholds(f"this is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise InvalidThresholds(str(error)) from None
    if OTHER in settings.accounts:
        raise InvalidThresholds(
            f"{OTHER!r} is no account, but all that have no series of their own, and has no "
            "alerts: take its table out"
        )
    return settings


def _over(below: Mapping[str, Any], above: Any) -> Any:
    """One table laid over another; what is no table is left for the type check to refuse."""
    if not isinstance(above, Mapping):
        return above
    return {
        **below,
        **{
            name: _over(below[name], value) if isinstance(below.get(name), Mapping) else value
            for name, value in above.items()
        },
    }


DEFAULTS: Final = Settings()
