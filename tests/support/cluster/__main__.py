"""The test bed for people: `python -m support.cluster build|up|down|env|list`."""

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping

from support.cluster import instances
from support.cluster.errors import ClusterError
from support.cluster.local import LocalCluster
from support.cluster.preparation import prepare

_DEFAULT_NAME = "local"


def build(_: argparse.Namespace) -> None:
    prepare(node=True)


def up(options: argparse.Namespace) -> None:
    LocalCluster(with_node=options.node, name=options.name, outlives_starter=True).up()
    env(options)


def down(options: argparse.Namespace) -> None:
    LocalCluster(name=options.name).down()


def env(options: argparse.Namespace) -> None:
    values = LocalCluster(name=options.name).environment()
    print("export", *(f"{name}={shlex.quote(value)}" for name, value in values.items()))


def list_clusters(_: argparse.Namespace) -> None:
    for instance in instances.every():
        kind = "with a node" if instance.node else "control plane only"
        print(f"{instance.name}\t{kind}\t{instance.directory}")


_COMMANDS: Mapping[str, tuple[Callable[[argparse.Namespace], None], str]] = {
    "build": (build, "build and install what is missing: Go programs, packages, base images"),
    "up": (up, "start a cluster that stands until `down`, and print what a shell needs to use it"),
    "down": (down, "stop it, and remove all but its logs"),
    "env": (env, 'print what a shell needs to use it: eval "$(python -m support.cluster env)"'),
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
    options = parser.parse_args()
    try:
        options.action(options)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
