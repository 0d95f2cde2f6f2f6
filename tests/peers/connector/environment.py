"""The Python environment of the connector, made once per state of its lock and kept in the machine's cache."""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

from filelock import FileLock

_LOCK = Path(__file__).with_name("requirements.txt")


def python(cache_directory: Path) -> Path:
    """The interpreter that has the connector; installed from the lock if need be.

    Raises:
        RuntimeError: pip failed; the message ends with what it printed.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(f"{version}\n{_LOCK.read_text(encoding='utf-8')}".encode()).hexdigest()[:16]
    cache_directory.mkdir(parents=True, exist_ok=True)
    place = cache_directory / f"connector-{digest}"
    interpreter, whole = place / "bin" / "python", place / "whole"
    with FileLock(f"{place}.lock"):
        if not whole.exists():
            venv.create(place, clear=True, with_pip=True)
            _install(interpreter)
            whole.touch()
    return interpreter


def _install(interpreter: Path) -> None:
    # ffmpeg-python needs a library that comes as source alone, and is built with setuptools.
    command = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    done = subprocess.run([*command, f"--requirement={_LOCK}"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the connector of {_LOCK} could not be installed: {done.stderr.strip()}")
