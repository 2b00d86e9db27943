"""Who may push, and how much."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from multidict import CIMultiDict

from streams.sources.live.allowance import Allowance
from streams.sources.live.authentication import Authentication, Unauthorized

NEW, OLD = b"the-new-secret-of-ours", b"the-old-secret-of-ours"
BODY = b'{"kind":"like"}'
NOW = 1_783_175_887.0


def signature(secret: bytes = NEW, body: bytes = BODY) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def judge(authentication: Authentication, headers: dict[str, str], body: bytes = BODY) -> None:
    head = CIMultiDict(headers)
    if not authentication.check_head(head):
        authentication.check_signature(head, body, NOW)


SIGNED = Authentication(secrets=[NEW, OLD])
SHOWN = Authentication(tokens=[NEW, OLD])
TIMED = SIGNED._replace(timestamp_header="X-Time")


@pytest.mark.parametrize(
    "text",
    [
        signature(),
        f"sha256={signature()}",
        signature().upper(),
        base64.b64encode(bytes.fromhex(signature())).decode(),
        signature(OLD),
    ],
)
def test_a_signature_of_either_secret_is_accepted_as_senders_write_it(text: str) -> None:
    judge(SIGNED, {"X-Hub-Signature-256": text})


@pytest.mark.parametrize(
    "text", ["", "sha256=", signature(b"x"), signature(body=b"x"), "x" * 64, "é", "====", "AAAA"]
)
def test_any_other_signature_is_refused(text: str) -> None:
    with pytest.raises(Unauthorized):
        judge(SIGNED, {"x-hub-signature-256": text})


def test_a_signed_time_must_be_near_ours() -> None:
    """So that a request that was overheard cannot be sent again later."""

    def timed(stamp: str, signed: str | None = None) -> dict[str, str]:
        text = signature(body=(signed or stamp).encode() + b"." + BODY)
        return {"X-Time": stamp, "X-Hub-Signature-256": text}

    judge(TIMED, timed("1783175887"))
    judge(TIMED, timed("1783175588"))
    for wrong in (timed("1783175586"), timed("1783175887", "1783175886"), timed("soon"), timed("")):
        with pytest.raises(Unauthorized):
            judge(TIMED, wrong)


@pytest.mark.parametrize("token", [NEW, OLD])
def test_either_token_is_accepted(token: bytes) -> None:
    judge(SHOWN, {"Authorization": f"Bearer {token.decode()}"})
    judge(SHOWN, {"authorization": f"bearer  {token.decode()}"})


@pytest.mark.parametrize(
    "text", ["", "Bearer", "Bearer x", f"Basic {NEW.decode()}", "Bearer \udce9"]
)
def test_no_other_token_is(text: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        judge(SHOWN, {"Authorization": text})
    assert NEW.decode() not in str(caught.value)


def test_where_both_are_known_either_will_do() -> None:
    """And a wrong token is not mended by a signature."""
    both = Authentication(secrets=[NEW], tokens=[OLD])
    judge(both, {"X-Hub-Signature-256": signature()})
    judge(both, {"Authorization": f"Bearer {OLD.decode()}"})
    for wrong in ({}, {"Authorization": "Bearer x", "X-Hub-Signature-256": signature()}):
        with pytest.raises(Unauthorized):
            judge(both, wrong)


def test_a_rate_holds_over_any_time_and_lets_a_large_batch_through() -> None:
    """What is taken beyond it is paid back by those that come after."""
    allowance = Allowance(100, 0)
    assert allowance.wait(0) == 0
    allowance.take(350)
    assert [allowance.wait(now) for now in (0, 0.5, 2, 2.4, 2.6)] == [3, 2, 1, 1, 0]
    taken = 350
    for tick in range(2_600, 60_000, 7):
        if allowance.wait(tick / 1000) == 0:
            allowance.take(30)
            taken += 30
    assert 100 * 60 - 60 <= taken <= 100 * 61 + 30
    assert Allowance(0, 0).wait(0) == 0
