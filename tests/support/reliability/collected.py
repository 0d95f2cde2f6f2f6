"""Which fault tests there are, as pytest itself collects them."""

import os
import subprocess
import sys
from pathlib import Path

from support.packaging.paths import ROOT
from support.reliability.plugin import MARKER

_NONE_COLLECTED = 5


class CollectionError(Exception):
    """pytest could not collect; the message is what it said."""


def marked_files(root: Path = ROOT, marker: str = MARKER) -> list[str]:
    """Files that spell the marker: to collect all others only to find nothing would take a quarter of a minute."""
    paths = sorted((root / "tests").rglob("test_*.py"))
    return [str(path.relative_to(root)) for path in paths if f"mark.{marker}" in path.read_text()]


def collected(root: Path = ROOT, marker: str = MARKER) -> list[str]:
    """Node ids of all tests with the marker, sorted.

    Raises:
        CollectionError: some file of tests cannot be read.
    """
    files = marked_files(root, marker)
    if not files:
        return []
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", f"-m={marker}", "--numprocesses=0", *files]
    # What the process that asks is told of its own run is not meant for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if run.returncode not in {0, _NONE_COLLECTED}:
        raise CollectionError(f"the fault tests cannot be collected: {run.stdout.strip()}\n{run.stderr.strip()}")
    return sorted(line for line in run.stdout.splitlines() if line.startswith("tests/") and "::" in line)
