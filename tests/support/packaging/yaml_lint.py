"""yamllint, as a program: it has no types of its own."""

import subprocess
import sys

from support.packaging.paths import ROOT


def complaints(*arguments: str, text: str | None = None) -> str:
    """What yamllint has to say about files, or about a text; empty if nothing."""
    command = [sys.executable, "-m", "yamllint", "--strict", "--format", "parsable", *arguments]
    if text is not None:
        command.append("-")
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr
