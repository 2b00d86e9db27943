"""Damage: valid bytes cut, spliced, repeated, nested, and mixed with what breaks parsers.

A damaged value is a seed and a short script of bytes that says what to do to it, so Hypothesis can
try thousands in a second, and shrinks a script that does harm to the one step that does it.
"""

from collections.abc import Sequence

from hypothesis import strategies as st

PIECES = (
    *(b"\x00", b"\xff", b"\x7f", b"\x80", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"="),
    *(b" ", b"\n", b"\r\n", b"\t", b"/", b"#", b"_", b"+", b"-", b"\xc2\xa0", b"\xe2\x80\xa8"),
    *(b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xc0\x80"),
    *(b"\\ud800", b"\\udc00", b"\\ud83d\\ude00", b"\\u0000", b"\\u2003"),
    *(b"null", b"true", b"false", b"NaN", b"Infinity", b"-0", b"1e999", b"-1e-999", b"0.1"),
    *(b"-1", b"1.0", b"18446744073709551616", b"9223372036854775808", b"9" * 400, b"1_0"),
    *(b"[" * 2000, b'{"a":' * 300, b"[]" * 50, b"x" * 600, b"a" * 70_000),
    *(b'"kind":"reply",', b'"kind":"tick",', b'"op":"remove",', b'"at":"', b'"seeded":true,'),
    *(b"2016-12-31T23:59:60Z", b"1969-12-31T23:59:59Z", b"2200-01-01T00:00:00Z", b"+24:00"),
    *(b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:59-23:59", b"24:00", b"\xd9\xa0"),
)


def damaged(seeds: Sequence[bytes], pieces: Sequence[bytes] = PIECES) -> st.SearchStrategy[bytes]:
    """One of the seeds, harmed in up to a few places; now and then as it is."""
    return st.builds(
        lambda seed, script: _harm(seed, script, seeds, pieces),
        st.sampled_from(seeds),
        st.binary(max_size=24),
    )


def _harm(value: bytes, script: bytes, seeds: Sequence[bytes], pieces: Sequence[bytes]) -> bytes:
    for at in range(0, len(script) - 3, 4):
        step, where, how, much = script[at : at + 4]
        # Both ends of a long value are as likely to be hit as those of a short one.
        place = (where << 8 | how) % (len(value) + 1)
        match step % 8:
            case 0:  # a byte becomes another
                value = value[:place] + bytes((much,)) + value[place + 1 :]
            case 1:  # a piece is put in
                value = value[:place] + pieces[much % len(pieces)] + value[place:]
            case 2:  # a piece takes the place of some bytes
                value = value[:place] + pieces[how % len(pieces)] + value[place + much % 16 :]
            case 3:  # some bytes are lost
                value = value[:place] + value[place + 1 + much % 32 :]
            case 4:  # some come twice
                value = value[: place + much] + value[place:]
            case 5:  # the rest is another's
                other = seeds[much % len(seeds)]
                value = value[:place] + other[min(place, len(other)) :]
            case 6:  # cut short
                value = value[:place]
            case 7:  # one bit flips
                if place < len(value):
                    flipped = value[place] ^ (1 << much % 8)
                    value = value[:place] + bytes((flipped,)) + value[place + 1 :]
    return value
