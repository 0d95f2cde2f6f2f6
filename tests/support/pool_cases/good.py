"""Specs that must be accepted."""

from typing import Any

from support.builders import spec_body
from support.pool_cases.bad_pool import LIVE

GOOD_SPECS: dict[str, dict[str, Any]] = {
    "the shortest": spec_body(),
    "live alone": spec_body(jobTypes=[LIVE], scaling={"idleSlots": 1}),
    "all other job types": spec_body(
        jobTypes=[
            "vod-web-video-transcoding",
            "vod-hls-transcoding",
            "vod-audio-merge-transcoding",
            "video-studio-transcoding",
            "video-transcription",
            "generate-video-storyboard",
        ]
    ),
    "an address and a port": spec_body(server={"url": "http://10.88.0.1:9000"}),
    "an IPv6 address": spec_body(server={"url": "http://[2001:db8::1]:9000"}),
    "an internal address": spec_body(server={"internalUrl": "http://peertube.media.svc:9000"}),
    "a private authority": spec_body(server={"caBundleRef": {"name": "video-ca"}}),
    "a private authority's key": spec_body(server={"caBundleRef": {"name": "video-ca", "key": "Root_1.pem"}}),
    "on hold": spec_body(mode="Hold", jobTypeFilter="BestEffort"),
    "a rollout in place": spec_body(rollout={"maxSurge": 0, "maxUnavailable": 2}),
    "a rollout that is not spelled out": spec_body(rollout={}),
    "as many threads as its CPUs can serve": spec_body(
        runner={"concurrency": 2, "ffmpeg": {"threads": 8}, "resources": {"limits": {"cpu": 4}}}
    ),
    "4 threads on part of a CPU": spec_body(
        runner={"ffmpeg": {"threads": 4}, "resources": {"limits": {"cpu": "250m"}}}
    ),
    "repairs": spec_body(repair={"poisonJobs": "Cancel", "stuckJobs": "Repair", "stuckAfterSeconds": 60}),
    "nobody": spec_body(scaling={"maxReplicas": 0}),
    "threads as a number": spec_body(runner={"ffmpeg": {"threads": 4, "nice": 19}}),
    "resources in every spelling": spec_body(
        runner={
            "image": "registry.example.org:5000/runner@sha256:0123",
            "concurrency": 2,
            "resources": {
                "requests": {"cpu": 1, "memory": "1.5Gi", "nvidia.com/gpu": "1"},
                "limits": {"cpu": "1000m", "memory": "2e9", "nvidia.com/gpu": 1},
            },
            "scratch": {"size": "100Gi"},
        }
    ),
    "a full pod template": spec_body(
        podTemplate={
            "labels": {"team": "video"},
            "annotations": {"example.org/note": "x" * 4096},
            "nodeSelector": {"disk": "fast"},
            "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "cpus", "operator": "Gt", "values": ["8"]}]}
                        ]
                    }
                },
                "podAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": 100,
                            "podAffinityTerm": {
                                "topologyKey": "kubernetes.io/hostname",
                                "labelSelector": {"matchLabels": {"runnerpool.dev/pool": "vod"}},
                            },
                        }
                    ]
                },
            },
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "topology.kubernetes.io/zone",
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": {"runnerpool.dev/pool": "vod"}},
                }
            ],
            "priorityClassName": "batch",
            "runtimeClassName": "gvisor",
            "imagePullSecrets": [{"name": "pull"}],
            "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["video.example.org"]}],
            "dnsConfig": {"nameservers": ["192.0.2.53"], "options": [{"name": "ndots", "value": "1"}]},
            "env": [{"name": "STAND_IN_READ_RATE", "value": "1"}, {"name": "EMPTY"}],
        }
    ),
}
