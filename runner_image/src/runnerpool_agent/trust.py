"""Whom the pod trusts besides the public authorities, and how each program in it is told so.

- Node, which the runner is written for, adds the file of NODE_EXTRA_CA_CERTS to the authorities that it brings, and
  minds SSL_CERT_FILE only with `--use-openssl-ca` (Node's documentation of its command line; tried with Node 20).
- OpenSSL and most others that read SSL_CERT_FILE (Python, Go, curl) take it *instead of* the system's file, so it holds
  the system's authorities too.
- FFmpeg is given an address of the server for live streams alone; the runner itself downloads everything else. Up to
  FFmpeg 8 (libavformat 62) it accepts any certificate unless told `-tls_verify 1`, which the runner does not say
  (FF_API_NO_DEFAULT_TLS_VERIFY in libavformat/version_major.h and tls.h; tried with Debian 12's 5.1.9). From
  libavformat 63 on it verifies: builds with OpenSSL by SSL_CERT_FILE (tls_openssl.c), builds with GnuTLS, as Debian's,
  by the system's file whatever the environment says (tls_gnutls.c; tried): there the image must hold the authority.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

# Where Debian and its kin keep all public authorities in one file.
_SYSTEM = Path("/etc/ssl/certs/ca-certificates.crt")


def tls_context(ca: str | None) -> ssl.SSLContext:
    """Certificates are verified by what the image's system trusts, and by these authorities.

    Raises:
        ValueError: They are no certificates in PEM.
    """
    context = ssl.create_default_context()
    # Python 3.13 sets both by default, Node neither: this pod's contact is to fail exactly when the runner's does.
    context.verify_flags &= ~(ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN)
    if ca is not None:
        try:
            context.load_verify_locations(cadata=ca)
        except (ssl.SSLError, TypeError, ValueError):
            # Not chained: nothing of the text is to be repeated.
            raise ValueError("must be certificates in PEM") from None
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustFiles:
    """The authorities as files, for programs that are told by environment variables."""

    folder: Path
    system: Path | None

    @classmethod
    def below(cls, folder: Path) -> "TrustFiles":
        """Files in this folder; the system's authorities are where Python finds them, or where Debian keeps them."""
        found = ssl.get_default_verify_paths().cafile
        system = Path(found) if found else _SYSTEM
        return cls(folder=folder, system=system if system.is_file() else None)

    @property
    def extra(self) -> Path:
        """The given authorities alone."""
        return self.folder / "extra.pem"

    @property
    def everything(self) -> Path:
        """The system's authorities, and the given ones."""
        return self.folder / "all.pem"

    def environment(self) -> dict[str, str]:
        """What tells programs of the files. Without a file of the system's, SSL_CERT_FILE would take trust away."""
        variables = {"NODE_EXTRA_CA_CERTS": str(self.extra)}
        return variables if self.system is None else variables | {"SSL_CERT_FILE": str(self.everything)}

    def write(self, ca: str) -> None:
        """Write the files.

        Raises:
            OSError: The folder cannot be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.extra.write_text(ca, encoding="utf-8")
        if self.system is not None:
            self.everything.write_bytes(self.system.read_bytes() + b"\n" + ca.encode())
