import subprocess

from support.cluster.errors import ClusterError


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a short command.

    Raises:
        ClusterError: with `check`, it failed; the message ends with what it said.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        said = done.stderr.strip() or done.stdout.strip()
        raise ClusterError(f"`{' '.join(command)}` failed (exit {done.returncode}): {said}")
    return done
