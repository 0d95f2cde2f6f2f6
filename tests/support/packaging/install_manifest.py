"""deploy/install.yaml: the chart, rendered for people who use `kubectl apply` alone."""

import re

from support.packaging import helm

_HEADER = """\
# Runnerpool for `kubectl apply --server-side -f`. Rendered from deploy/chart: change the chart, then render again
# (tests/support/packaging). The order of things is in README.md: this file, the Secret, the pool, then PeerTube.
"""

_NAMESPACE = f"""\
---
apiVersion: v1
kind: Namespace
metadata:
  name: {helm.NAMESPACE}
  labels:
    app.kubernetes.io/part-of: runnerpool
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
    pod-security.kubernetes.io/audit: restricted
"""

# True of a release only: whoever applies the file has no Helm that manages anything.
_ONLY_HELM = re.compile(r"^ +(app\.kubernetes\.io/managed-by: Helm|helm\.sh/\S+: \S+)\n", re.MULTILINE)
_SOURCE = re.compile(r"^# Source: .*\n", re.MULTILINE)
_BLANK_BEFORE_DOCUMENT = re.compile(r"\n+(?=---\n)")


def install_manifest() -> str:
    """The whole file."""
    # The policy to keep the CRD is an annotation that only Helm reads.
    rendered = helm.render({"crds": {"keep": False}})
    for useless in (_SOURCE, _ONLY_HELM):
        rendered = useless.sub("", rendered)
    return _HEADER + _NAMESPACE + _BLANK_BEFORE_DOCUMENT.sub("\n", rendered).lstrip("\n").rstrip("\n") + "\n"
