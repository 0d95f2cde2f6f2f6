"""What may be taken for a UUID: of what servers and agents send, only that is repeated to people or put into paths."""

import re

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def uuid_of(value: object) -> str | None:
    """The UUID in lower case; None if it is none."""
    return value.lower() if isinstance(value, str) and _UUID.fullmatch(value) else None
