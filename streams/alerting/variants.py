"""The accounts by their thresholds: most share those for all, some have their own."""

import json
import re
from collections.abc import Iterator

from streams.alerting.thresholds import Settings, Thresholds
from streams.metrics.accounts import OTHER


def variants(settings: Settings) -> Iterator[tuple[str, Thresholds]]:
    """Matchers of PromQL, and the thresholds of the accounts that they choose.

    Those for all come first, then each account that has its own. `_other` is no account.
    """
    others = "|".join(re.escape(account) for account in (OTHER, *settings.accounts))
    yield f"account!~{_quoted(others)}", settings.thresholds
    for account, thresholds in settings.accounts.items():
        yield f"account={_quoted(account)}", thresholds


def _quoted(text: str) -> str:
    """A string of PromQL."""
    return json.dumps(text, ensure_ascii=False)
