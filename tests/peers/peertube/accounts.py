"""The people who may sign in."""

import hmac
from dataclasses import dataclass

ROOT = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One user.

    Attributes:
        administrator: Who is none has no right to manage runners (packages/core-utils/src/users/user-role.ts).
        one_time_password: The only one that passes, as the second factor; None asks for none. A real one changes
            every 30 s.
    """

    username: str
    password: str
    administrator: bool = True
    one_time_password: str | None = None

    def opens(self, password: str | None) -> bool:
        return same(password, self.password)


def same(given: str | None, expected: str) -> bool:
    return hmac.compare_digest((given or "").encode(), expected.encode())
