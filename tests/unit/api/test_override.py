"""The override annotation."""

from datetime import UTC, datetime

import pytest

from runnerpool.api.override import Override, OverrideInvalid, parse_override

UNTIL = datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "replicas=3,until=2026-12-01T08:00Z",
        " until = 2026-12-01T09:00:00+01:00 , replicas = 3 ",
        "replicas=003,until=2026-12-01T08:00:00Z",
    ],
)
def test_an_override_is_a_number_and_an_end(text):
    assert parse_override(text) == Override(replicas=3, until=UNTIL)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "must hold replicas and until"),
        ("replicas=3", "must hold replicas and until"),
        ("replicas=3,until=2026-12-01T08:00Z,why=me", "must hold replicas and until"),
        ("replicas=3,replicas=4,until=2026-12-01T08:00Z", "each once"),
        ("replicas=many,until=2026-12-01T08:00Z", "whole number"),
        ("replicas=-1,until=2026-12-01T08:00Z", "whole number"),
        ("replicas=²,until=2026-12-01T08:00Z", "whole number"),
        ("replicas=,until=2026-12-01T08:00Z", "whole number"),
        ("replicas=3,until=tomorrow", "a time with its zone"),
        ("replicas=3,until=2026-12-01T08:00", "a time with its zone"),
        ("replicas=3,until=9999-12-31T23:59:59-05:00", "a time with its zone"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_way_to_write_it(text, wrong):
    with pytest.raises(OverrideInvalid, match=wrong) as caught:
        parse_override(text)

    assert "replicas=3,until=" in str(caught.value)


def test_an_absurd_number_is_still_a_number():
    assert parse_override(f"replicas={'9' * 5000},until=2026-12-01T08:00Z").replicas == 999_999_999
