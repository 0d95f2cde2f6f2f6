"""Nothing that looks like a token leaves the pod: the runner's own log holds runner tokens and job tokens."""

import re
from collections.abc import Iterable

# PeerTube's runner token, job token and registration token; also one that was cut off in the middle, or masked before.
_TOKEN = re.compile(r"\b(ptr(?:t|jt|rt)-)[A-Za-z0-9_*-]*")


class Redactor:
    """Masks PeerTube's tokens by their form, and given secrets by their text, whatever form they have."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: a secret that holds another one must not leave its rest behind.
        self._secrets = sorted((secret for secret in secrets if secret), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The same text with `***` in place of every token."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _TOKEN.sub(r"\1***", text)
