from pathlib import Path

import pytest

from runnerpool.api.conditions import MAX_MESSAGE_LENGTH
from runnerpool.api.failure_causes import REMEDIES, FailureCause
from runnerpool.api.loss_causes import LOSS_REMEDIES, LossCause

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def test_the_remedy_for_rejected_uploads_fits_a_condition_and_names_what_the_page_names():
    settings = ("client_max_body_size 0", "proxy_request_buffering off", "client_body_timeout", "proxy_read_timeout")
    page = " ".join(OPERATIONS.read_text().split())
    remedy = REMEDIES[FailureCause.UPLOAD_REJECTED]

    assert len(remedy) < MAX_MESSAGE_LENGTH / 2
    assert all(setting in remedy and setting in page for setting in settings)


@pytest.mark.parametrize("cause", LossCause)
def test_whatever_a_pod_outlives_has_a_reason_and_a_remedy(cause):
    assert cause.reason == cause.value
    assert LOSS_REMEDIES[cause]
