"""What an examination finds: of one check, how it stands, what that means, what to do about it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"  # it works; numbers may be wrong later, or something is worth knowing
    PROBLEM = "problem"  # a worker would not start, would end, or would count wrongly
    SKIPPED = "skipped"  # could not be looked at, because of a problem found before


class Finding(NamedTuple):
    """One finding.

    Attributes:
        check: what was looked at.
        verdict: how it stands.
        text: what was found, and what it means.
        remedy: what to do about it; empty when there is nothing to do.
    """

    check: str
    verdict: Verdict
    text: str
    remedy: str = ""


class Found(NamedTuple):
    """A finding before it is known which check found it."""

    verdict: Verdict
    text: str
    remedy: str = ""


def ok(text: str) -> Found:
    """All is well."""
    return Found(Verdict.OK, text)


def warning(text: str, remedy: str) -> Found:
    """It works, but."""
    return Found(Verdict.WARNING, text, remedy)


def problem(text: str, remedy: str) -> Found:
    """It does not work."""
    return Found(Verdict.PROBLEM, text, remedy)


class Skip(Exception):
    """A check cannot look, for the reason that the message gives."""
