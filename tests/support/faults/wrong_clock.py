"""Debian's libfaketime, taken out of its package: a process whose wall clock is wrong, or ahead of what takes long."""

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from support.cluster.errors import ClusterError
from support.cluster.locks import exclusive
from support.cluster.paths import cache_directory
from support.cluster.progress import run_with_progress
from support.faults.stage import FaultStage

PACKAGE = "libfaketime"
_LIBRARY = "libfaketime.so.1"


def wrong_clock(offset: str) -> tuple[str, ...]:
    """What to put before a command so that its wall clock is off by `offset`, such as `+3600s`; steady clocks are not.

    Raises:
        ClusterError: there is no apt-get here, or it failed.
    """
    settings = (f"LD_PRELOAD={library()}", f"FAKETIME={offset}", "FAKETIME_DONT_FAKE_MONOTONIC=1")
    return ("env", *settings)


def restart_later(stage: FaultStage, seconds: int) -> None:
    """Start the operator again, its clock ahead by so much: what takes long has passed by then."""
    stage.operator.stop()
    stage.operator.order = replace(stage.operator.order, prefix=wrong_clock(f"+{seconds}s"))
    stage.operator.start()


def library() -> Path:
    """Where the library is; fetched once a machine."""
    target = cache_directory() / "faketime" / _LIBRARY
    with exclusive(cache_directory() / ".faketime.lock", "fetching libfaketime"):
        if not target.exists():
            _fetch(target)
    return target


def _fetch(target: Path) -> None:
    log = cache_directory() / "log" / "apt-faketime.log"
    known = subprocess.run(["apt-cache", "show", PACKAGE], capture_output=True, check=False).returncode == 0
    if os.geteuid() == 0 and not known:
        run_with_progress("updating the package lists", ["apt-get", "update"], log=log)
    with tempfile.TemporaryDirectory(dir=cache_directory(), prefix=".faketime-") as name:
        place = Path(name)
        run_with_progress(f"fetching {PACKAGE}", ["apt-get", "download", PACKAGE], log=log, directory=place)
        [package] = place.glob("*.deb")
        run_with_progress(f"unpacking {PACKAGE}", ["dpkg-deb", "--extract", str(package), str(place / "all")], log=log)
        found = sorted(place.glob(f"all/usr/lib/*/faketime/{_LIBRARY}"))
        if not found:
            raise ClusterError(f"package {PACKAGE} holds no {_LIBRARY}; see {log}")
        target.parent.mkdir(exist_ok=True)
        found[0].rename(target)
