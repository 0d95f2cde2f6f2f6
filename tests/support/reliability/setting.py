"""In which setting results came about: the commit that was tested, and the size of the machine."""

import os
import subprocess
from functools import cache
from pathlib import Path

from support.packaging.paths import ROOT


@cache
def commit(root: Path = ROOT) -> str:
    """The commit in short, with `+` if the tree differs from it; empty where there is no history."""
    found = _git(root, "rev-parse", "--short=12", "HEAD")
    return f"{found}+" if found and _git(root, "status", "--porcelain") else found


@cache
def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} processors, {memory:.0f} GiB of memory"


def _git(root: Path, *arguments: str) -> str:
    try:
        run = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""
