"""How messages count things."""


def counted(number: int, thing: str, verb: str = "") -> str:
    """`1 pod`, `2 pods`; with a verb, as of many: `1 pod waits`, `2 pods wait`.

    Args:
        number: How many.
        thing: The word for one; many have an `s` more.
        verb: What many do; "" leaves it out.
    """
    if number != 1:
        return f"{number} {thing}s {verb}" if verb else f"{number} {thing}s"
    if not verb:
        return f"1 {thing}"
    return f"1 {thing} is" if verb == "are" else f"1 {thing} {verb}s"
