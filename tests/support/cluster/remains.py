"""What a cluster with a node changes about its machine, to compare before and after."""

from pathlib import Path

from support.cluster.commands import run
from support.cluster.paths import cache_directory

_TABLES = ("filter", "nat", "mangle")
_NODE_PROGRAMS = ("kubelet", "containerd", "containerd-shim-runc-v2")
_CGROUPS = Path("/sys/fs/cgroup")
_SYSTEM_DIRECTORIES = (Path("/var/lib/kubelet"), Path("/var/lib/cni"), Path("/var/log/containers"))


def snapshot() -> frozenset[str]:
    """Packet filter rules, interfaces, mounts, cgroups, system directories and processes of nodes."""
    return frozenset([*_rules(), *_links(), *_mounts(), *_cgroups(), *_directories(), *_processes(), _forwarding()])


def _rules() -> list[str]:
    listed = [(table, run("iptables", "--wait", "--table", table, "--list-rules").stdout) for table in _TABLES]
    return [f"rule {table} {line}" for table, text in listed for line in text.splitlines()]


def _links() -> list[str]:
    return [f"interface {path.name}" for path in Path("/sys/class/net").iterdir()]


def _mounts() -> list[str]:
    builds = cache_directory() / "buildah"  # another run may be building an image
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [f"mount {mount}" for mount in mounts if not Path(mount).is_relative_to(builds)]


def _cgroups() -> list[str]:
    return [f"cgroup {path}" for pattern in ("kubepods", "*/kubepods") for path in _CGROUPS.glob(pattern)]


def _directories() -> list[str]:
    return [f"directory {path}" for path in _SYSTEM_DIRECTORIES if path.exists()]


def _processes() -> list[str]:
    """Programs that only a node runs; control planes may stand beside it."""
    running = [path.read_bytes().split(b"\0")[0] for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    names = [Path(program.decode(errors="replace")).name for program in running]
    return [f"process {name}" for name in names if name in _NODE_PROGRAMS]


def _forwarding() -> str:
    return f"forwarding {Path('/proc/sys/net/ipv4/ip_forward').read_text().strip()}"
