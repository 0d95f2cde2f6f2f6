"""What the `local` backend needs of a machine, said before it is needed."""

import os
import shutil
import sys

from support.cluster import packages, toolchain


def unmet(*, node: bool) -> list[str]:
    """What this machine lacks and nothing here can install; each with its remedy."""
    if sys.platform != "linux":
        return [
            f"the `local` cluster runs on Linux only, this is {sys.platform}: use a Linux machine or virtual machine"
        ]
    lacks = []
    if not toolchain.built() and shutil.which("go") is None:
        lacks.append("Go, to build Kubernetes: install Go 1.26 or newer")
    if shutil.which("setpriv") is None:
        lacks.append("setpriv: install the package util-linux")
    if node and os.geteuid() != 0:
        lacks.append("root, which containerd and the kubelet need: run as root")
    if node and not packages.installable():
        names = packages.missing((*packages.NODE, *packages.IMAGES))
        lacks += [f"{name}: install the package {name}" for name in names]
    return lacks
