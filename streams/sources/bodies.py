"""The pieces of a body: one JSON value, an array of them, or one on each line.

Pieces stay bytes: what is judged, and kept if it is refused, is what was sent.
"""

from __future__ import annotations

import msgspec

_array = msgspec.json.Decoder(list[msgspec.Raw])

_SPACE = b" \t\r\n"


class NotJson(ValueError):
    """The body as a whole cannot be taken apart; the message says why."""


def pieces(body: bytes, *, lines: bool) -> list[bytes]:
    """Take a body apart: an array into its elements; `lines` into lines, blank ones left out.

    Raises:
        NotJson: it is empty, or an array that is none.
    """
    if lines:
        return [piece for line in body.split(b"\n") if (piece := line.strip(_SPACE))]
    whole = body.strip(_SPACE)
    if not whole:
        raise NotJson("the body is empty")
    if not whole.startswith(b"["):
        return [whole]
    try:
        return [bytes(piece) for piece in _array.decode(whole)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(f"the body is not JSON: {error}") from None
