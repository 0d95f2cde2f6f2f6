import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.names import pod_name, pod_ordinal
from runnerpool.api.pod_template import is_reserved_key

UID = "0a1b2c3d-0000-4000-8000-000000000000"


@given(st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,38}[a-z0-9])?", fullmatch=True), st.integers(0, 999_999_999))
def test_an_ordinal_is_read_back_from_the_name_that_it_made(pool, ordinal):
    assert pod_ordinal(pod_name(pool, UID, ordinal), pool, UID) == ordinal


@pytest.mark.parametrize(
    "name", ["vod-0a1b2-", "vod-0a1b2-x", "vod-ffff2-1", "vodx0a1b2-1", "vod-0a1b2-1\n", "vod-0a1b2-1234567890"]
)
def test_a_foreign_name_has_no_ordinal(name):
    assert pod_ordinal(name, "vod", UID) is None


def test_a_pool_name_with_a_dot_is_taken_by_the_letter():
    assert pod_ordinal("vxod-0a1b2-1", "v.od", UID) is None


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("runnerpool.dev/drain", True),
        ("app.kubernetes.io/managed-by", True),
        ("runnerpool.dev", False),
        ("xrunnerpool.dev/drain", False),
        ("app.kubernetes.io/part-of", False),
    ],
)
def test_the_marks_that_are_ours_are_known(key, ours):
    assert is_reserved_key(key) is ours
