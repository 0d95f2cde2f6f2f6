from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4", "4"),
        (4, "4"),
        ("500m", "0.5"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1.", "1"),
        ("2Ki", "2048"),
        ("1.5Gi", "1610612736"),
        ("1Ei", str(2**60)),
        ("2k", "2000"),
        ("3M", "3000000"),
        ("1E", "1e18"),
        ("1E3", "1000"),
        ("2e-3", "0.002"),
        ("100n", "1e-7"),
        ("100u", "1e-4"),
        ("0.1n", "1e-9"),
        ("1.0000000001", "1.000000001"),
        ("12345678901234567.12345678901", "12345678901234567.123456790"),
        ("9e99", "9e99"),
    ],
)
def test_a_quantity_is_a_number(text, number):
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["", "four", "-1", -1, "+1", "1 Gi", "1gi", "1K", "1e", "1e999", "1_000", "٣", "1\n", "9" * 33]
)
def test_what_is_none_is_refused(text):
    with pytest.raises(ValueError, match="must be a Kubernetes quantity"):
        parse_quantity(text)


@given(st.integers(min_value=0, max_value=10**9))
def test_milli_is_a_thousandth(number):
    assert parse_quantity(f"{number}m") * 1000 == parse_quantity(number)
