"""Which accounts have series of their own is decided once, and stays so."""

import pytest

from streams.metrics.accounts import OTHER, Account, Accounts


def labels(accounts, *seen):
    accounts.admit(seen)
    return [accounts.label(account) for account in seen]


def test_first_seen_is_first_named():
    """Later ones share `_other`, however they sort."""
    accounts = Accounts(limit=2)
    assert labels(accounts, "m") == ["m"]
    assert labels(accounts, "z", "a", "m") == [OTHER, "a", "m"]  # one place left: the first by id
    assert labels(accounts, "z", "b") == [OTHER, OTHER]


def test_a_name_is_kept_though_its_account_is_gone():
    """Its partition may come back; no other account takes the name's place meanwhile."""
    accounts = Accounts(limit=1)
    assert labels(accounts, "a") == ["a"]
    assert labels(accounts, "b") == [OTHER]
    assert labels(accounts, "b", "a") == [OTHER, "a"]


def test_a_list_names_exactly_its_accounts():
    """The limit is for accounts that nobody listed."""
    accounts = Accounts([Account("a"), Account("b")], limit=1)
    assert labels(accounts, "a", "b", "c") == ["a", "b", OTHER]
    assert not accounts.over_limit(["a", "b", "c"])
    assert accounts.always() == ["a", "b", OTHER]


def test_an_empty_list_names_none():
    """It is a list all the same."""
    assert labels(Accounts([]), "a") == [OTHER]


@pytest.mark.parametrize(
    ("ids", "complaint"),
    [
        (["a", "_other"], "the id '_other'"),  # its series would be those of all others
        (["a", "b", "a"], "'a' twice"),  # which name and group would hold?
    ],
)
def test_a_list_that_cannot_be_told_apart_is_refused(ids, complaint):
    """The message names the entry."""
    with pytest.raises(ValueError, match=complaint):
        Accounts([Account(id) for id in ids])
