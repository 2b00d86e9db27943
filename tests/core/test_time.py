"""Times are truncated to milliseconds, and what is not an instant is refused with its reason."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.time import day_of, format_ms, hour_of, last_hour, parse_at

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END_MS = 7_258_118_400_000  # 2200-01-01T00:00:00Z


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),  # the first instant
        ("2199-12-31T23:59:59.999Z", END_MS - 1),  # the last one
        ("2026-07-04T14:38:07.396Z", 1_783_175_887_396),  # the usual spelling
        ("2026-07-04T14:38:07Z", 1_783_175_887_000),  # no fraction
        ("2026-07-04T14:38:07.3Z", 1_783_175_887_300),  # a short fraction is tenths
        ("2026-07-04T14:38:07.396999999Z", 1_783_175_887_396),  # truncated, never rounded
        ("2026-07-04T14:38:07.9999Z", 1_783_175_887_999),  # nor carried into the next second
        ("2026-07-04T16:38:07.396+02:00", 1_783_175_887_396),  # ahead of UTC
        ("2026-07-04T09:08:07.396-05:30", 1_783_175_887_396),  # behind UTC, half an hour
        ("2026-07-04T14:38:07.396-00:00", 1_783_175_887_396),  # offset unknown, time is UTC
        ("2026-07-04t14:38:07.396z", 1_783_175_887_396),  # RFC 3339 allows lower case
        ("1969-12-31T23:30:00-01:00", 1_800_000),  # in 1970 once it is UTC
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),  # a leap day
    ],
)
def test_a_time_is_read_to_the_millisecond(text, ms):
    """RFC 3339 with an offset, any number of decimals."""
    assert parse_at(text) == ms


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-07-04T14:38:07", "no UTC offset"),  # naive
        ("2026-07-04T14:38:07.396", "no UTC offset"),  # naive with a fraction
        ("2016-12-31T23:59:60Z", "leap second"),  # a real one
        ("2026-07-04T14:38:60Z", "leap second"),  # an impossible one
        ("2026-07-04 14:38:07Z", "not an RFC 3339"),  # a space is ISO 8601's, not the grammar's
        ("2026-07-04", "not an RFC 3339"),  # a date
        ("2026-07-04T14:38Z", "not an RFC 3339"),  # no seconds
        ("2026-07-04T14:38:07,3Z", "not an RFC 3339"),  # a comma
        ("2026-07-04T14:38:07.Z", "not an RFC 3339"),  # an empty fraction
        ("2026-07-04T14:38:07+0200", "not an RFC 3339"),  # no colon
        ("2026-W27-6T14:38:07Z", "not an RFC 3339"),  # a week date
        ("٢٠٢٦-07-04T14:38:07Z", "not an RFC 3339"),  # digits, but not ASCII
        ("2026-07-04T14:38:07Z\n", "not an RFC 3339"),  # trailing line end
        ("", "not an RFC 3339"),  # nothing
        ("1783175887396", "not an RFC 3339"),  # a number in a string
        ("2026-07-04T24:00:00Z", "no such time of day"),  # midnight is hour 0
        ("2026-07-04T14:60:00Z", "no such time of day"),  # no minute 60
        ("2026-07-04T14:38:61Z", "no such time of day"),  # not even a leap second
        ("2026-02-29T00:00:00Z", "no such date"),  # not a leap year
        ("2026-13-01T00:00:00Z", "no such date"),  # no month 13
        ("0000-01-01T00:00:00Z", "no such date"),  # no year 0
        ("2026-07-04T14:38:07+24:00", "no such UTC offset"),  # more than a day
        ("2026-07-04T14:38:07+01:60", "no such UTC offset"),  # no minute 60
        ("1969-12-31T23:59:59.999Z", "not between 1970 and 2199"),  # just before
        ("1970-01-01T00:30:00+01:00", "not between 1970 and 2199"),  # before, once it is UTC
        ("2200-01-01T00:00:00Z", "not between 1970 and 2199"),  # just after
        ("0001-01-01T00:00:00+23:59", "not between 1970 and 2199"),  # before datetime's own range
    ],
)
def test_what_is_not_an_instant_is_refused_and_says_why(text, message):
    """Twice, as the first reading must not teach the cache anything wrong."""
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            parse_at(text)


@given(st.integers(0, END_MS - 1), st.integers(-1439, 1439))
def test_reading_agrees_with_the_standard_library_at_any_offset(ms, minutes):
    """Compared with `datetime` arithmetic, which never sees our parser."""
    shifted = EPOCH + timedelta(milliseconds=ms) + timedelta(minutes=minutes)
    sign = "-" if minutes < 0 else "+"
    offset = f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    if 1970 <= shifted.year < 2200:
        assert parse_at(shifted.strftime("%Y-%m-%dT%H:%M:%S.%f") + offset) == ms


@given(st.integers(0, END_MS - 1))
def test_what_is_written_is_read_back(ms):
    """`format_ms` and `parse_at` are inverse."""
    assert parse_at(format_ms(ms)) == ms


def test_hours_and_days_are_utc():
    """An hour or day holds its first millisecond and not its successor's."""
    midnight = parse_at("2026-07-04T00:00:00Z")
    assert hour_of(midnight) == 24 * day_of(midnight)
    assert day_of(midnight - 1) == day_of(midnight) - 1
    assert hour_of(midnight - 1) == last_hour(day_of(midnight) - 1)
