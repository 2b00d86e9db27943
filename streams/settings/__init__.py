"""Settings: one typed object, from `CLOSEKNIT_*` variables and an optional TOML file."""

from streams.settings.lists import Account, Accounts, Ignored, read_accounts
from streams.settings.loading import CONFIG, InvalidSettings, Shown, environment_with, load, show
from streams.settings.model import Settings

__all__ = [
    "CONFIG",
    "Account",
    "Accounts",
    "Ignored",
    "InvalidSettings",
    "Settings",
    "Shown",
    "environment_with",
    "load",
    "read_accounts",
    "show",
]
