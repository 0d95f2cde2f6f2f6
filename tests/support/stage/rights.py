"""The operator's rights without the operator: for running it as a process beside the cluster, never as admin."""

from pathlib import Path

from support.cluster.backends import ClusterBackend
from support.packaging import helm
from support.packaging.paths import CHART
from support.stage.operator import create_restricted_namespace


def operator_kubeconfig(cluster: ClusterBackend) -> Path:
    """Install the chart where no node is, so that its Deployment stays without a pod; its ServiceAccount's way in."""
    create_restricted_namespace(cluster, helm.NAMESPACE)
    arguments = ["install", helm.RELEASE, str(CHART), f"--namespace={helm.NAMESPACE}"]
    helm.run(*arguments, f"--kubeconfig={cluster.kubeconfig}")
    return cluster.service_account_kubeconfig(helm.NAMESPACE, "runnerpool")
