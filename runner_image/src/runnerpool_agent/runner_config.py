"""The runner's home: its directories, its `config.toml`, its environment, and its share of the CPUs.

Paths and keys: PeerTube's apps/peertube-runner/src/shared/config-manager.ts (0.6.0), by the env-paths library.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from runnerpool_agent.config import AgentConfig
from runnerpool_agent.trust import TrustFiles

_APP = Path("peertube-runner-nodejs", "default")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerHome:
    """Everything that the runner writes, below one writable directory; the rest of the pod is read-only."""

    scratch: Path

    @property
    def config_file(self) -> Path:
        """The runner's settings; it rewrites them when it unregisters, so the file must be writable."""
        return self.scratch / "config" / _APP / "config.toml"

    @property
    def socket(self) -> Path:
        """Where the runner listens for IPC."""
        return self.scratch / "data" / _APP / "peertube-runner.sock"

    @property
    def trust(self) -> TrustFiles:
        """Where authorities are written that the server's certificate needs."""
        return TrustFiles.below(self.scratch / "trust")

    @property
    def work(self) -> tuple[Path, ...]:
        """Where inputs and results of jobs lie; nothing in there outlives a runner. What engines keep is elsewhere."""
        return (self.scratch / "cache" / _APP, self.scratch / "tmp")

    def empty(self) -> None:
        """Remove what runners have left of their work."""
        for folder in self.work:
            shutil.rmtree(folder, ignore_errors=True)

    def environment(self, inherited: Mapping[str, str], config: AgentConfig) -> dict[str, str]:
        """The runner's environment: what the pod has (a pool may set variables), with every home moved to scratch."""
        homes = {
            "HOME": self.scratch / "home",
            "XDG_CONFIG_HOME": self.scratch / "config",
            "XDG_DATA_HOME": self.scratch / "data",
            "XDG_CACHE_HOME": self.scratch / "cache",
            "XDG_STATE_HOME": self.scratch / "state",
            "TMPDIR": self.scratch / "tmp",
        }
        trust = {} if config.server.ca is None else self.trust.environment()
        # NO_COLOR: colours would only have to be taken out of the log again.
        return {**inherited, **{name: str(path) for name, path in homes.items()}, **trust, "NO_COLOR": "1"}

    def write(self, config: AgentConfig, threads: int) -> None:
        """Make the directories and the settings, as the runner would after a registration of its own.

        Raises:
            OSError: The scratch volume is full or not writable.
        """
        for name in ("home", "config", "data", "cache", "state", "tmp"):
            (self.scratch / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        if config.server.ca is not None:
            self.trust.write(config.server.ca)
        self.config_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config_file.unlink(missing_ok=True)
        # The mode is given at creation: at no moment can another user read the token in it.
        descriptor = os.open(self.config_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            tomli_w.dump(_settings(config, threads), file)


def _settings(config: AgentConfig, threads: int) -> dict[str, object]:
    return {
        "jobs": {"concurrency": config.concurrency},
        "ffmpeg": {"threads": threads, "nice": config.ffmpeg.nice},
        "registeredInstances": [
            {
                "url": config.server.url,
                "runnerToken": config.runner.token.get_secret_value(),
                "runnerName": config.runner.name,
                "runnerDescription": config.runner.description,
            }
        ],
    }


def threads_for(config: AgentConfig, cpus: int) -> int:
    """FFmpeg's threads: the given number, else the CPUs shared by the slots, at least one."""
    return config.ffmpeg.threads or max(1, cpus // config.concurrency)


def usable_cpus(cgroup: Path = Path("/sys/fs/cgroup"), allowed: int | None = None) -> int:
    """CPUs that this process may run on: its affinity, cut by the cgroup's quota (v2 or v1); at least 1."""
    count = allowed if allowed is not None else len(os.sched_getaffinity(0))
    quota = _quota(cgroup)
    return max(1, count if quota is None else min(count, int(quota)))


def _quota(cgroup: Path) -> float | None:
    """CPUs granted by the cgroup's CFS quota; None where there is no limit or no such file."""
    try:
        if (cgroup / "cpu.max").exists():
            limit, period = (cgroup / "cpu.max").read_text(encoding="ascii").split()
        else:
            limit = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii").strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii").strip()
        return None if limit in {"max", "-1"} else int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
