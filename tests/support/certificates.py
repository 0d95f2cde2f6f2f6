"""Certificates for servers on loopback, good ones and bad ones, beyond what trustme makes."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """A key, and the certificates that a server sends: its own first. All in PEM."""

    key: bytes
    chain: Sequence[bytes]

    def server_context(self) -> ssl.SSLContext:
        """What a server listens with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with trustme.Blob(b"".join((self.key, *self.chain))).tempfile() as path:
            context.load_cert_chain(path)
        return context


def of(leaf: trustme.LeafCert) -> Certificate:
    """A certificate of trustme's, with its whole chain but for the root."""
    return Certificate(leaf.private_key_pem.bytes(), [pem.bytes() for pem in leaf.cert_chain_pems])


def without_chain(leaf: trustme.LeafCert) -> Certificate:
    """The certificate alone, as servers send it that were set up in haste."""
    return Certificate(leaf.private_key_pem.bytes(), [leaf.cert_chain_pems[0].bytes()])


def self_signed(host: str) -> Certificate:
    """A certificate that only vouches for itself, without the extensions that strict readers ask for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(secret, [certificate.public_bytes(serialization.Encoding.PEM)])
