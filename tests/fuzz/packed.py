"""Is this a packed value? Read from the description of the layout alone, and slowly."""

from struct import calcsize, unpack_from

END_MS = 7_258_118_400_000
"""2200-01-01: no event is later."""


def well_made(value: bytes) -> bool:
    """Whether a value of format 1 is one that could have been written."""
    try:
        return _read(value)
    except Exception:  # whatever: it is not one
        return False


def _read(value: bytes) -> bool:
    at = 0

    def take(form: str) -> tuple[int | float, ...]:
        nonlocal at
        if at + calcsize("<" + form) > len(value):
            raise ValueError("too short")
        found = unpack_from("<" + form, value, at)
        at += calcsize("<" + form)
        return found

    (head,) = take("B")
    assert head >> 4 == 1
    if head & 1:
        assert 0 <= take("q")[0] < END_MS
    if head & 2:
        inbound, outbound = take("BB")
        assert inbound or not head & 1
        take("8s" * (int(inbound) + int(outbound)))
    else:
        assert not head & 1
    if head & 4:
        take("6I")
        assert all(-1 <= ms < END_MS for ms in take("6q2q"))
        strength, day = take("di")
        assert 0 <= strength < float("inf")
        assert 0 <= day * 86_400_000 < END_MS
    if head & 8:
        (size,) = take("I")
        assert size % 8 == 0
        for _ in range(int(size) // 8):
            assert int(take("I")[0]) & 15 < 8
            take("I")
    assert (len(value) - at) % 16 == 0
    while at < len(value):
        take("8s")
        stamp = int(take("Q")[0])
        assert stamp & 7 < 6
        assert stamp >> 3 < END_MS
    return True
