"""The real helm, on the real chart."""

import functools
import json
import subprocess
from collections.abc import Mapping
from typing import Any

import yaml

from support.cluster.toolchain import ensure
from support.packaging.paths import CHART

RELEASE = "runnerpool"
NAMESPACE = "runnerpool-system"

Manifest = dict[str, Any]


class HelmError(Exception):
    """helm refused; the message is its own."""


def run(*arguments: str, stdin: str = "") -> str:
    """What helm writes to its standard output. Builds helm first where the machine's cache has none."""
    command = [str(ensure(("helm",)) / "helm"), *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HelmError(f"helm {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def render(
    values: Mapping[str, Any] | None = None, *, release: str = RELEASE, namespace: str = NAMESPACE, hooks: bool = False
) -> str:
    """The manifests as text, for a release with these values; those of its hooks too, if asked for."""
    return _template(release, namespace, json.dumps(values or {}), hooks)


@functools.cache
def _template(release: str, namespace: str, values: str, hooks: bool) -> str:
    options = [] if hooks else ["--no-hooks"]
    return run("template", release, str(CHART), "--namespace", namespace, "--values", "-", *options, stdin=values)


def manifests(values: Mapping[str, Any] | None = None, **release: str) -> list[Manifest]:
    """The manifests of the release as objects."""
    return [document for document in _objects(values, **release) if not _of_hook(document)]


def hooks(values: Mapping[str, Any] | None = None, **release: str) -> list[Manifest]:
    """The manifests that helm applies on its way, and that belong to no release."""
    return [document for document in _objects(values, **release) if _of_hook(document)]


def _objects(values: Mapping[str, Any] | None, **release: str) -> list[Manifest]:
    # The loader in C: the CRD is long, and this is read for almost every test of the chart.
    text = render(values, **release, hooks=True)
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


def _of_hook(document: Manifest) -> bool:
    return "helm.sh/hook" in document["metadata"].get("annotations", {})


def notes(values: Mapping[str, Any] | None = None) -> str:
    """What the user reads after `helm install`."""
    output = run(
        "install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--dry-run=client", "--values", "-",
        stdin=json.dumps(values or {}),
    )  # fmt: skip
    return output.partition("NOTES:\n")[2]
