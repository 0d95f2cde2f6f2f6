"""A short name for what a pod was made from, so that a later settings change can be told from the pod alone."""

import hashlib
import json
from typing import Any

LENGTH = 16


def fingerprint(*parts: Any) -> str:
    """The same for equal JSON values, whatever the order of their keys, on every machine and in every release."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]
