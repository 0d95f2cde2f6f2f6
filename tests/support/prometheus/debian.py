"""Debian's Prometheus, taken out of its package. Installed, it would go on as a service of the machine."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from support.cluster.errors import ClusterError
from support.cluster.locks import exclusive
from support.cluster.paths import cache_directory
from support.cluster.progress import run_with_progress

PACKAGE = "prometheus"
PROGRAMS = ("prometheus", "promtool")


def programs() -> Mapping[str, str]:
    """Where `prometheus` and `promtool` are; fetched once a machine, unless they are installed.

    Raises:
        ClusterError: there is no apt-get here, or it failed.
    """
    installed = {name: shutil.which(name) for name in PROGRAMS}
    found = {name: path for name, path in installed.items() if path is not None}
    if len(found) == len(PROGRAMS):
        return found
    directory = cache_directory() / "prometheus"
    with exclusive(cache_directory() / ".prometheus.lock", "fetching Prometheus"):
        if not all((directory / name).exists() for name in PROGRAMS):
            _fetch(directory)
    return {name: str(directory / name) for name in PROGRAMS}


def _fetch(directory: Path) -> None:
    if shutil.which("apt-get") is None:
        raise ClusterError(f"there is no apt-get to fetch {PACKAGE} with; install {' and '.join(PROGRAMS)}")
    log = cache_directory() / "log" / "apt-prometheus.log"
    if os.geteuid() == 0 and not _listed():
        run_with_progress("updating the package lists", ["apt-get", "update"], log=log)
    with tempfile.TemporaryDirectory(dir=cache_directory(), prefix=".prometheus-") as name:
        place = Path(name)
        run_with_progress(f"fetching {PACKAGE}", ["apt-get", "download", PACKAGE], log=log, directory=place)
        [package] = place.glob("*.deb")
        run_with_progress(f"unpacking {PACKAGE}", ["dpkg-deb", "--extract", str(package), str(place / "all")], log=log)
        directory.mkdir(exist_ok=True)
        for program in PROGRAMS:
            (place / "all" / "usr" / "bin" / program).rename(directory / program)


def _listed() -> bool:
    return subprocess.run(["apt-cache", "show", PACKAGE], capture_output=True, check=False).returncode == 0
