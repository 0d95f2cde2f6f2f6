"""Every file of the tree that is made from another one, in the order in which they depend on each other."""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

from support.packaging.chart_readme import readme
from support.packaging.crd_reference import crd_reference
from support.packaging.install_manifest import install_manifest
from support.packaging.metrics_reference import metrics_reference
from support.packaging.paths import (
    API_REFERENCE,
    ARCHITECTURE,
    CHART_README,
    CRD,
    CRD_IN_CHART,
    INSTALL,
    METRICS_REFERENCE,
    ROOT,
)
from support.packaging.source_map import architecture


def _crd() -> str:
    return CRD.read_text()


GENERATED: Mapping[Path, Callable[[], str]] = {
    CRD_IN_CHART: _crd,  # a chart's templates can read files of the chart only
    CHART_README: readme,
    INSTALL: install_manifest,
    METRICS_REFERENCE: metrics_reference,
    API_REFERENCE: crd_reference,
    ARCHITECTURE: architecture,
}


def write() -> None:
    """Bring every generated file up to date."""
    for path, make in GENERATED.items():
        path.write_text(make())


def drift(path: Path) -> str:
    """What would change in a generated file, as a diff; empty if nothing."""
    stands = path.read_text() if path.exists() else ""
    name = str(path.relative_to(ROOT))
    return "".join(difflib.unified_diff(stands.splitlines(True), GENERATED[path]().splitlines(True), name, name))
