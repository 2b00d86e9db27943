"""HTML and SVG from Python: what is no markup already is escaped, so that nobody can forget to."""

from __future__ import annotations

from html import escape
from typing import Final


class Markup(str):
    """Text that is markup; any other text is not."""

    __slots__ = ()


Content = str | int | float | None

_VOID: Final = {"meta", "link", "br"}


def tag(name: str, /, *content: Content, **attributes: Content) -> Markup:
    """Return an element. None is nothing; `class_` is class, `aria_label` is aria-label."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{joined(*content)}</{name}>")


def joined(*content: Content) -> Markup:
    """Return pieces of content one after the other."""
    return Markup(
        "".join(
            piece if isinstance(piece, Markup) else escape(str(piece))
            for piece in content
            if piece is not None
        )
    )
