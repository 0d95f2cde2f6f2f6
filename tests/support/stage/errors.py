class StageError(Exception):
    """The stage cannot be set, or what was to happen on it did not. The message names the object and the cause."""
