"""A private CA for tests, and certificates for servers: good ones, and those that a client has to refuse."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

_LIFE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFiles:
    """Where a server has its certificate, chained to its CA, and its key. PEM."""

    certificate: Path
    key: Path


class PrivateCa:
    """A certificate authority that nobody trusts who was not told of it.

    Attributes:
        file: Its certificate, PEM: what goes into a bundle.
    """

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._authority = trustme.CA(organization_name="runnerpool tests", organization_unit_name=name)
        self.file = directory / f"{name}.crt"
        directory.mkdir(parents=True, exist_ok=True)
        self._authority.cert_pem.write_to_path(str(self.file))

    @property
    def pem(self) -> str:
        return self.file.read_text()

    def certify(
        self, files: ServerFiles, hosts: Sequence[str], *, expired: bool = False, life: timedelta = _LIFE
    ) -> None:
        """Write a certificate for a server into its files, in the place of what is there.

        Args:
            files: The server's.
            hosts: Names and addresses; a host that is left out is the wrong host.
            expired: It was good until an hour ago.
            life: For how long it is good from now on.
        """
        now = datetime.now(UTC)
        ends = now - timedelta(hours=1) if expired else now + life
        leaf = self._authority.issue_cert(*hosts, not_before=now - 2 * _LIFE, not_after=ends)
        # Both are whole at any time, so that a server may read them at any time; that they fit is up to the caller.
        _replace(files.key, leaf.private_key_pem.bytes())
        _replace(files.certificate, b"".join(pem.bytes() for pem in leaf.cert_chain_pems))

    def files(self, directory: Path, hosts: Sequence[str], *, expired: bool = False) -> ServerFiles:
        """New files with a certificate for these hosts."""
        directory.mkdir(parents=True, exist_ok=True)
        files = ServerFiles(certificate=directory / "tls.crt", key=directory / "tls.key")
        self.certify(files, hosts, expired=expired)
        return files


def _replace(path: Path, content: bytes) -> None:
    new = path.with_suffix(f"{path.suffix}.new")
    new.touch(mode=0o600)
    new.write_bytes(content)
    new.replace(path)
