"""Runner rows, as the server lists and makes them."""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerAccount:
    """A runner row.

    Attributes:
        description: Free text; "" if it has none, or one that is too long to be ours. Ours carries the ownership mark.
        last_contact: The runner's last API call, to 30 s. Not refreshed by an idle runner's open socket.
        version: The runner's own version; None if the server (before 7.3) or the runner (before 0.2.0) does not tell.
    """

    id: int
    name: str
    description: str = ""
    last_contact: datetime | None = field(default=None, compare=False)
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredRunner:
    """A new row, and the token that the server tells this once."""

    id: int
    token: SecretStr
