import pytest

from runnerpool.api.uuids import uuid_of

GOOD = "0a1b2c3d-0000-4000-8000-00000000000f"


def test_a_uuid_is_given_back_in_lower_case():
    assert uuid_of(GOOD) == uuid_of(GOOD.upper()) == GOOD


@pytest.mark.parametrize(
    "odd", [None, 7, "", GOOD[:-1], f"{GOOD}\n", f" {GOOD}", f"{GOOD}/cancel", GOOD.replace("0", "\u0660")]
)
def test_anything_else_is_none(odd):
    assert uuid_of(odd) is None
