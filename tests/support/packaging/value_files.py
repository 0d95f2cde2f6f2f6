"""Value files that between them turn every switch of the chart."""

from typing import Any

DIGEST = "sha256:" + "a1" * 32

VALUE_FILES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "own registry": {
        "image": {"repository": "registry.example.org:5000/media/operator", "tag": "1.2.3", "pullPolicy": "Always"},
        "runnerImage": {"repository": "registry.example.org:5000/media/runner", "tag": "1.2.3-gpu"},
        "imagePullSecrets": [{"name": "registry"}],
    },
    "digests": {"image": {"digest": DIGEST}, "runnerImage": {"digest": DIGEST}},
    "two namespaces": {"watchNamespaces": ["media", "staging"]},
    "two namespaces, own cluster id": {"watchNamespaces": ["media", "staging"], "clusterId": "berlin-1"},
    "two namespaces that may be deleted": {"watchNamespaces": ["media", "staging"], "finishDeletedNamespaces": True},
    "two namespaces that may be deleted, own cluster id": {
        "watchNamespaces": ["media", "staging"],
        "clusterId": "berlin-1",
        "finishDeletedNamespaces": True,
    },
    "own cluster id": {"clusterId": "berlin-1"},
    "account of somebody else": {"serviceAccount": {"create": False, "name": "given"}},
    "account with annotations": {"serviceAccount": {"name": "mine", "annotations": {"example.org/a": "b"}}},
    "placement": {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "infra", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}]
                }
            }
        },
        "priorityClassName": "system-cluster-critical",
        "podAnnotations": {"example.org/a": "b"},
        "podLabels": {"team": "media"},
    },
    "resources": {"resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}},
    "monitored": {
        "metrics": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "15s"},
            "podMonitor": {"enabled": True},
        }
    },
    "pools may be abandoned": {"uninstall": {"abandonPools": True}},
    "two replicas": {"replicas": 2, "podDisruptionBudget": {"enabled": True}},
    "two replicas, own namespace": {"replicas": 2, "watchNamespaces": ["runnerpool-system"]},
    "no CRD": {"crds": {"install": False}},
    "CRD goes with the release": {"crds": {"keep": False}},
    "talkative and quick": {"logLevel": "debug", "pollPeriodSeconds": 2},
    "a dependency of another chart": {"global": {"anything": True}},
}
