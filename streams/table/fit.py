"""Settings that stored values depend on: are a worker's those that they were made with?"""

from collections.abc import Mapping

from streams.core.partition import Rules

#: What a person calls the settings that the partition record calls by the name of a kind.
_SETTING = {kind: f"weight_{kind}" for kind in ("like", "share", "reply")}


def value_settings(rules: Rules) -> dict[str, float]:
    """Return the settings that values depend on, as a partition record holds them."""
    strength = {name: float(value) for name, value in rules.strength._asdict().items()}
    return {"partitions": float(rules.partitions), **strength}


def misfit(stored: Mapping[str, float], ours: Mapping[str, float]) -> str:
    """Name every setting that differs, with both values; empty when a worker may go on."""
    return "; ".join(
        f"{_SETTING.get(name, name)} was {stored.get(name)} and is now {value}"
        for name, value in ours.items()
        if stored.get(name) != value
    )
