"""What a CA bundle may look like, and what is made of it."""

import ssl

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.reasons import Reason
from runnerpool.peertube.connection import tls_context
from runnerpool.peertube.errors import BadCaBundle
from runnerpool.peertube.trust import LIMIT_BYTES, CaBundle
from support import certificates

ONE, OTHER = (trustme.CA().cert_pem.bytes().decode() for _ in range(2))
KEY = certificates.self_signed("localhost").key.decode()


def test_certificates_are_read_whatever_stands_around_them() -> None:
    written = f"# Főtanúsítvány, canary\n\n{ONE}\nKEY follows\n{KEY}\n{OTHER.replace(chr(10), chr(13) + chr(10))}"

    bundle = CaBundle.parse(written)

    assert bundle == CaBundle.parse(ONE + OTHER)
    assert "canary" not in bundle.pem
    assert "PRIVATE" not in bundle.pem


def test_order_and_repetition_make_no_other_bundle() -> None:
    bundle = CaBundle.parse(ONE + OTHER)

    assert bundle == CaBundle.parse(OTHER + ONE + OTHER)
    assert bundle.digest == CaBundle.parse(OTHER + ONE).digest
    assert bundle.digest != CaBundle.parse(ONE).digest


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no certificate"),
        ("canary", "no certificate"),
        (KEY, "no certificate"),
        (ONE.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), "no certificate"),
        (ONE.rpartition("-----END")[0] + OTHER, "cut off"),
        (ONE + OTHER.rpartition("-----END")[0], "cut off"),
        (ONE + OTHER.replace("M", "é", 1), "cut off, or is not written in Base64"),
        (ONE + "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n", "number 2, that cannot be read"),
        ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "number 1, that cannot be read"),
        ("x" * (LIMIT_BYTES + 1), "longer than 512 KiB"),
    ],
)
def test_a_bundle_that_is_none_is_told_by_its_fault_and_not_repeated(text: str, told: str) -> None:
    with pytest.raises(BadCaBundle, match=told) as caught:
        CaBundle.parse(text)

    assert caught.value.reason is Reason.CA_BUNDLE_INVALID
    assert caught.value.__cause__ is None
    assert "canary" not in str(caught.value)


PARTS = st.sampled_from([ONE, OTHER, KEY, "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"]) | st.text()


@given(st.lists(PARTS, max_size=6).map("".join))
def test_what_is_read_can_be_trusted_and_all_else_is_refused(text: str) -> None:
    try:
        bundle = CaBundle.parse(text)
    except BadCaBundle:
        return
    assert CaBundle.parse(bundle.pem) == bundle
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=bundle.pem)
    assert len(context.get_ca_certs()) == bundle.pem.count("BEGIN")


def test_the_operator_accepts_what_the_runner_in_the_pods_does() -> None:
    """Python 3.13 sets two flags by default that Node does not."""
    flags = tls_context().verify_flags

    assert not flags & ssl.VERIFY_X509_STRICT
    assert not flags & ssl.VERIFY_X509_PARTIAL_CHAIN
