import os
from pathlib import Path


def cache_directory() -> Path:
    """The machine's cache of what is slow to make (binaries, images, content store), and its running clusters."""
    chosen = os.environ.get("RUNNERPOOL_CACHE")
    if chosen:
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "runnerpool"


def binary_directory() -> Path:
    return cache_directory() / "bin"


def binary(name: str) -> str:
    return str(binary_directory() / name)
