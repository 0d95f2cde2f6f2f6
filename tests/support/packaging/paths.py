"""Where packaging lives in the tree."""

from pathlib import Path

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy" / "chart"
CHART_README = CHART / "README.md"
CRD = ROOT / "crds" / "transcodingrunnerpools.yaml"
CRD_IN_CHART = CHART / "files" / "transcodingrunnerpools.yaml"
INSTALL = ROOT / "deploy" / "install.yaml"
MONITORING = ROOT / "deploy" / "monitoring"
SAMPLES = ROOT / "deploy" / "samples"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
API_REFERENCE = ROOT / "docs" / "reference" / "api.md"
METRICS_REFERENCE = ROOT / "docs" / "reference" / "metrics.md"
