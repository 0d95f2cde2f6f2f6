"""Kubernetes resource quantities as exact numbers.

Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/. Signs are left out: a
negative amount of a resource means nothing. What is finer than a billionth is rounded up, since the API server compares
requests with limits so (seen on 1.37).
"""

import re
from decimal import ROUND_UP, Context, Decimal

PATTERN = r"^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"
MAX_LENGTH = 32

_QUANTITY = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<suffix>.*)", re.ASCII)
_VALID = re.compile(PATTERN, re.ASCII)
_BINARY = {f"{prefix}i": Decimal(1024) ** power for power, prefix in enumerate("KMGTPE", start=1)}
_DECIMAL = {
    suffix: Decimal(10) ** (3 * power)
    for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), start=-3)
}
_SUFFIXES = _BINARY | _DECIMAL
_FINEST = Decimal("1e-9")
# Nothing that the grammar allows has more digits.
_EXACT = Context(prec=200)


def parse_quantity(quantity: str | int) -> Decimal:
    """The number that a quantity stands for, such as 0.5 for `500m`.

    Raises:
        ValueError: It is no quantity, or a negative one.
    """
    text = str(quantity)
    match = _QUANTITY.fullmatch(text) if len(text) <= MAX_LENGTH and _VALID.fullmatch(text) else None
    if match is None:
        raise ValueError("must be a Kubernetes quantity, such as 4, 500m, 2Gi or 1.5")
    number, suffix = Decimal(match["number"]), match["suffix"]
    factor = _SUFFIXES[suffix] if suffix in _SUFFIXES else Decimal(10) ** int(suffix[1:])
    return _EXACT.multiply(number, factor).quantize(_FINEST, rounding=ROUND_UP, context=_EXACT)
