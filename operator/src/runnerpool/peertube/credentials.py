"""The login of an administrator, as a pool's Secret gives it, bound to the server that it is for."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from runnerpool.api.origin import Origin, parse_origin, same_origin
from runnerpool.api.reasons import Reason
from runnerpool.peertube.errors import BadCredentials

KEY_URL, KEY_INTERNAL_URL, KEY_USERNAME, KEY_PASSWORD = "url", "internalUrl", "username", "password"

# Digests made with it are of no use outside this process.
_DIGEST_KEY = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A login, and the only origin that it may be sent to."""

    origin: Origin
    username: str
    password: SecretStr

    @property
    def digest(self) -> bytes:
        """Tells two logins apart without holding either; another one after each start of the process."""
        login = (self.username, self.password.get_secret_value())
        return hashlib.blake2b(repr(login).encode(), key=_DIGEST_KEY).digest()

    @classmethod
    def from_secret(
        cls, values: Mapping[str, SecretStr], *, server_url: str, internal_url: str | None = None
    ) -> "Credentials":
        """Read the keys `url`, `username` and `password` of a Secret, and `internalUrl` where the pool has one.

        A line end after a value, as `kubectl create secret --from-file` leaves it, is not part of it.

        Args:
            values: The Secret's decoded data.
            server_url: The pool's `spec.server.url`, an origin.
            internal_url: Its `spec.server.internalUrl`, where the login would go instead; None if it has none.

        Raises:
            BadCredentials: A key is missing or empty, or the Secret is for another origin: whoever may write pools
                but not read this Secret must not be able to have it sent elsewhere. The message goes behind the
                Secret's name.
        """
        found = {key: _value(values, key) for key in (KEY_URL, KEY_USERNAME, KEY_PASSWORD)}
        _check_origin(found[KEY_URL], KEY_URL, server_url)
        if internal_url is not None:
            _check_origin(_value(values, KEY_INTERNAL_URL), KEY_INTERNAL_URL, internal_url)
        return cls(
            origin=parse_origin(server_url),
            username=found[KEY_USERNAME],
            password=SecretStr(found[KEY_PASSWORD]),
        )


def _check_origin(told: str, key: str, asked: str) -> None:
    if not same_origin(told, asked):
        raise BadCredentials(
            Reason.SECRET_FOR_ANOTHER_ORIGIN,
            f"does not name the origin {asked} in its key {key}; nothing was sent to the server. "
            f"Correct the key, or spec.server.{key}, or name another Secret",
        )


def _value(values: Mapping[str, SecretStr], key: str) -> str:
    value = values.get(key, SecretStr("")).get_secret_value().rstrip("\r\n")
    if not value:
        raise BadCredentials(Reason.SECRET_KEY_MISSING, f"has no key {key}, or it is empty; add it")
    return value
