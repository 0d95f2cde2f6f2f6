from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.peertube.retry_after import LONGEST_WAIT_SECONDS, retry_after_seconds

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("4", 4.0),
        (" 0 ", 0.0),
        ("86400", LONGEST_WAIT_SECONDS),
        ("9" * 5000, LONGEST_WAIT_SECONDS),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2099 11:00:00 GMT", LONGEST_WAIT_SECONDS),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("", None),
    ],
)
def test_both_forms_of_the_header_are_read_and_nonsense_is_none(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text())
def test_no_header_breaks_the_reader(header: str) -> None:
    wait = retry_after_seconds(header)

    assert wait is None or 0 <= wait <= LONGEST_WAIT_SECONDS
