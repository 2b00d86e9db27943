"""Which accounts have series of their own, and which share `_other`."""

from collections.abc import Iterable
from typing import Final, NamedTuple

OTHER: Final = "_other"
"""The label of all accounts that have no series of their own."""

MAX_ACCOUNTS: Final = 500
"""Accounts named without a list, unless the settings say otherwise."""


class Account(NamedTuple):
    """An account as the settings list it."""

    id: str
    name: str = ""
    group: str = ""


class Accounts:
    """The naming rule, and its memory.

    With a list, exactly the listed accounts are named. Without one, every account is named in the
    order in which scrapes first see it, up to a limit, and keeps its name for the life of the
    process: a series that came and went with the rank of its account would chart as a jump.

    Raises:
        ValueError: a listed account is called `_other`, or is listed twice.
    """

    def __init__(self, listed: Iterable[Account] | None = None, limit: int = MAX_ACCOUNTS) -> None:
        self._limit = limit
        self._open = listed is None
        self._named: dict[str, Account] = {}
        for account in listed or ():
            if account.id == OTHER:
                raise ValueError(
                    f"the list of accounts has one with the id {OTHER!r}, which is the name under "
                    "which all accounts without series of their own are summed: take it out"
                )
            if account.id in self._named:
                raise ValueError(
                    f"the list of accounts has {account.id!r} twice: take one of them out"
                )
            self._named[account.id] = account

    def admit(self, seen: Iterable[str]) -> None:
        """Name the accounts not seen before, as far as the rule allows.

        Those that are new at the same time are named in the order of their ids, so that workers
        which start on the same table tend to name the same ones.
        """
        if self._open:
            free = self._limit - len(self._named)
            new = sorted(set(seen) - self._named.keys() - {OTHER})
            self._named.update((account, Account(account)) for account in new[: max(0, free)])

    def label(self, account: str) -> str:
        """The value of the label `account` under which an account is counted."""
        return account if account in self._named else OTHER

    def always(self) -> list[str]:
        """The labels exported even when nothing is known of them."""
        return [] if self._open else [*self._named, OTHER]

    def over_limit(self, seen: Iterable[str]) -> bool:
        """Whether any of these accounts goes without a name because of the limit."""
        return self._open and not self._named.keys() >= set(seen) - {OTHER}

    def info(self, label: str) -> Account:
        """What is known of the bearer of a label; an account without a name is called by its id."""
        account = self._named.get(label, Account(label))
        return account._replace(name=account.name or account.id)
