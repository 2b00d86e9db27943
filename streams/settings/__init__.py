"""Settings: one typed object, from `CLOSEKNIT_*` variables and an optional TOML file."""

from streams.settings.lists import Account, Accounts, Ignored
from streams.settings.loading import InvalidSettings, Shown, load, show
from streams.settings.model import Settings

__all__ = [
    "Account",
    "Accounts",
    "Ignored",
    "InvalidSettings",
    "Settings",
    "Shown",
    "load",
    "show",
]
