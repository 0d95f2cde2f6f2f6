from datetime import UTC, datetime

from runnerpool.api.reasons import Reason
from runnerpool.cluster.events import pool_event
from support.builders import make_pool


def test_an_event_points_at_the_pool_and_is_kept_within_the_api_servers_bound():
    event = pool_event(make_pool(), "Warning", Reason.QUOTA_EXCEEDED, "x" * 3000, datetime(2026, 11, 23, tzinfo=UTC))

    assert event["involvedObject"]["kind"] == "TranscodingRunnerPool"
    assert event["reason"] == "QuotaExceeded"
    assert event["type"] == "Warning"
    assert len(event["message"]) == 1024
    assert event["firstTimestamp"] == "2026-11-23T00:00:00Z"
