"""The test bed for people: `python -m support.cluster build|video|up|down|env|load|list`."""

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from support.cluster import instances
from support.cluster.errors import ClusterError
from support.cluster.images import archived
from support.cluster.local import LocalCluster
from support.cluster.paths import binary_directory
from support.cluster.preparation import prepare, prepare_video

_DEFAULT_NAME = "local"


def build(_: argparse.Namespace) -> None:
    prepare(node=True)


def video(_: argparse.Namespace) -> None:
    prepare_video()


def up(options: argparse.Namespace) -> None:
    LocalCluster(with_node=options.node, name=options.name, outlives_starter=True).up()
    env(options)


def down(options: argparse.Namespace) -> None:
    LocalCluster(name=options.name).down()


def env(options: argparse.Namespace) -> None:
    kubeconfig = LocalCluster(name=options.name).kubeconfig
    print(f'export KUBECONFIG={shlex.quote(str(kubeconfig))} PATH={shlex.quote(str(binary_directory()))}:"$PATH"')


def load(options: argparse.Namespace) -> None:
    cluster = LocalCluster(name=options.name)
    for archive in options.archives:
        cluster.load(archived(archive))


def list_clusters(_: argparse.Namespace) -> None:
    for instance in instances.every():
        kind = "with a node" if instance.node else "control plane only"
        print(f"{instance.name}\t{kind}\t{instance.directory}")


_COMMANDS: Mapping[str, tuple[Callable[[argparse.Namespace], None], str]] = {
    "build": (build, "build and install what is missing: Go programs, packages, base images"),
    "video": (video, "install FFmpeg, which tests without a cluster need, too"),
    "up": (up, "start a cluster that stands until `down`, and print what a shell needs to use it"),
    "down": (down, "stop it, and remove all but its logs"),
    "env": (env, 'print what a shell needs to use it: eval "$(python -m support.cluster env)"'),
    "load": (load, "make images of the cache (see the folder images in it) present on the node"),
    "list": (list_clusters, "list this machine's clusters"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m support.cluster", description="A real Kubernetes on this machine.")
    commands = parser.add_subparsers(required=True)
    for name, (action, text) in _COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(action=action)
        command.add_argument("--name", default=_DEFAULT_NAME, help="of the cluster (default: %(default)s)")
        if name == "up":
            command.add_argument("--node", action="store_true", help="with a node, on which pods run (needs root)")
        if name == "load":
            command.add_argument("archives", nargs="+", type=Path, metavar="ARCHIVE")
    options = parser.parse_args()
    try:
        options.action(options)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
