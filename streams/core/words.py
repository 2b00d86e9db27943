"""What strangers write, as it can be shown."""

from __future__ import annotations


def visible(text: str) -> str:
    """Return a stranger's text with what could steer a terminal, or deceive a reader, spelt out."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
