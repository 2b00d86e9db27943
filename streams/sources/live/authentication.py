"""Who may push: whoever signs with a secret of ours, or shows a token of ours.

Two of each may be valid at once, so that they can be changed without losing anything: add the new
one here, change the sender, take the old one away here.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from typing import NamedTuple

SIGNATURE_HEADER = "X-Hub-Signature-256"
"""What GitHub and Meta call it, and many after them."""

TOLERANCE = 300.0


class Unauthorized(Exception):
    """Neither signature nor token is right; the message says what is wrong, and no secret."""


class Authentication(NamedTuple):
    """What is accepted; with neither secrets nor tokens, everything is.

    Attributes:
        secrets: of which one signs the body: HMAC-SHA256, in hex or base64, with or without
            `sha256=` before it.
        tokens: of which one is in `Authorization: Bearer`.
        signature_header: where the signature is.
        timestamp_header: where the time of signing is, in seconds since 1970; then the signed text
            is the time, a dot and the body. Empty: bodies are signed alone.
        tolerance: seconds that the time of signing may differ from ours.
    """

    secrets: Sequence[bytes] = ()
    tokens: Sequence[bytes] = ()
    signature_header: str = SIGNATURE_HEADER
    timestamp_header: str = ""
    tolerance: float = TOLERANCE

    @property
    def required(self) -> bool:
        """Whether anything has to be shown."""
        return bool(self.secrets or self.tokens)

    def check_head(self, headers: Mapping[str, str]) -> bool:
        """Judge what can be judged without the body: whether a token already suffices.

        Raises:
            Unauthorized: a wrong token, or neither token nor signature.
        """
        if not self.required:
            return True
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if self.tokens and scheme.lower() == "bearer":
            if _is_one_of(token.strip().encode("utf-8", "surrogateescape"), self.tokens):
                return True
            raise Unauthorized("the bearer token is not one of ours")
        if self.secrets and headers.get(self.signature_header):
            return False
        raise Unauthorized(f"a request needs {self._wanted()}")

    def check_signature(self, headers: Mapping[str, str], body: bytes, now: float) -> None:
        """Judge the signature of a body.

        Raises:
            Unauthorized: it is not right, or of another time.
        """
        signed = body
        if self.timestamp_header:
            stamp = headers.get(self.timestamp_header, "")
            if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
                raise Unauthorized(f"{self.timestamp_header} must be seconds since 1970")
            if abs(now - int(stamp)) > self.tolerance:
                raise Unauthorized(
                    f"{self.timestamp_header} is more than {self.tolerance:g} s from our clock"
                )
            signed = stamp.encode() + b"." + body
        given = _digest(headers.get(self.signature_header, ""))
        expected = [hmac.digest(secret, signed, "sha256") for secret in self.secrets]
        if given is None or not _is_one_of(given, expected):
            raise Unauthorized(f"{self.signature_header} is not the HMAC-SHA256 of what was sent")

    def _wanted(self) -> str:
        ways = []
        if self.secrets:
            ways.append(f"the HMAC-SHA256 of its body in {self.signature_header}")
        if self.tokens:
            ways.append("Authorization: Bearer TOKEN")
        return " or ".join(ways)


def _is_one_of(given: bytes, known: Sequence[bytes]) -> bool:
    # All are compared, each in a time that does not tell where they differ.
    return bool(sum([hmac.compare_digest(given, one) for one in known]))


def _digest(text: str) -> bytes | None:
    text = text.strip().removeprefix("sha256=")
    try:
        return bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
