"""The weekly report: facts and a finding per account, as text, as a page, as a message."""

from streams.report.document import Report, compose
from streams.report.facts import Facts, Joined, Week, accounts_in, facts
from streams.report.finding import Finding, Kind, by_urgency, finding

__all__ = [
    "Facts",
    "Finding",
    "Joined",
    "Kind",
    "Report",
    "Week",
    "accounts_in",
    "by_urgency",
    "compose",
    "facts",
    "finding",
]
