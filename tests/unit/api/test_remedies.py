from pathlib import Path

from runnerpool.api.conditions import MAX_MESSAGE_LENGTH
from runnerpool.api.remedies import UPLOAD_REJECTED

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def test_the_remedy_for_rejected_uploads_fits_a_condition_and_names_what_the_page_names():
    settings = ("client_max_body_size 0", "proxy_request_buffering off", "client_body_timeout", "proxy_read_timeout")
    page = " ".join(OPERATIONS.read_text().split())

    assert len(UPLOAD_REJECTED) < MAX_MESSAGE_LENGTH / 2
    assert all(setting in UPLOAD_REJECTED and setting in page for setting in settings)
