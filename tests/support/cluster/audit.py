"""What the API server of the test bed writes down of who wrote what; tests judge by it who deleted a pod."""

import json
from pathlib import Path

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    # Who, what and how it ended; never a body. Reads and the kubelet's reports would only make it long.
    "rules": [
        {
            "level": "Metadata",
            "verbs": ["create", "update", "patch", "delete", "deletecollection"],
            "resources": [
                {"group": "", "resources": ["pods", "pods/binding", "pods/eviction", "secrets", "events"]},
                {"group": "runnerpool.dev"},
            ],
        },
        {"level": "None"},
    ],
}


def write_policy(path: Path) -> Path:
    """Write the policy where the API server reads it; JSON is YAML."""
    path.write_text(json.dumps(POLICY))
    return path
