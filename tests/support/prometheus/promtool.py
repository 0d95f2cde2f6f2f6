"""Prometheus' own linter and rule tester."""

import subprocess

from support.prometheus.debian import programs


def check(*arguments: str, stdin: str | None = None) -> str:
    """What promtool says; it must be content.

    Raises:
        ClusterError: it cannot be had here.
    """
    command = [programs()["promtool"], *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
