"""`Retry-After`: seconds, or a date (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_SECONDS = 600.0
"""A longer wish is cut to this, lest a slip, or a server that means ill, silences the operator for long. PeerTube's own
longest is 300 s, for logins."""


def retry_after_seconds(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait, 0 … 600; None if the header is absent or unreadable.

    Args:
        header: The header's value.
        now: Aware; the moment that a date is counted from. Default: the clock.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        # Longer numbers are cut without being read: Python refuses those of more than 4300 digits.
        return min(float(text[:9]), LONGEST_WAIT_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
        wait = (moment.replace(tzinfo=moment.tzinfo or UTC) - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), LONGEST_WAIT_SECONDS)
