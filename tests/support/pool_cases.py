"""Pools that must be refused, and pools that must not: judged alike by the operator's types and a real API server."""

from dataclasses import dataclass
from typing import Any

from support.builders import spec_body

LIVE = "live-rtmp-hls-transcoding"


@dataclass(frozen=True, kw_only=True)
class BadPool:
    """`path`: where the fault is, as both judges name it. `told`: what both messages say.

    Attributes:
        told: Part of the message of both judges; for plain bounds and types each has words of its own: then empty.
        metadata: Laid over a valid pool's metadata.
    """

    case: str
    path: str
    spec: dict[str, Any]
    told: str = ""
    metadata: dict[str, Any] | None = None

    def __str__(self) -> str:
        return self.case


def _server(**fields: Any) -> dict[str, Any]:
    return spec_body(server=fields)


def _url(case: str, url: str, told: str) -> BadPool:
    return BadPool(case=f"url {case}", path="spec.server.url", spec=_server(url=url), told=told)


def _without(spec: dict[str, Any], *path: str) -> dict[str, Any]:
    inner = spec
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return spec


BAD_POOLS = [
    _url("with a path", "https://video.example.org/videos", "leave out path, query, fragment and a closing slash"),
    _url("with a closing slash", "https://video.example.org/", "leave out path, query, fragment and a closing slash"),
    _url("with a query", "https://video.example.org?a=b", "leave out path, query, fragment and a closing slash"),
    _url("with a fragment", "https://video.example.org#a", "leave out path, query, fragment and a closing slash"),
    _url("with a login", "https://root:secret@video.example.org", "put them into the Secret that credentialsRef names"),
    _url("of another scheme", "ftp://video.example.org", "must begin with https:// or http://"),
    _url("without a scheme", "video.example.org", "must begin with https:// or http://"),
    _url("without a host", "https://:8443", "must name a host"),
    _url("with a blank", "https://video example.org", "must name a host"),
    _url("with an international name", "https://vidéo.example.org", "in their ASCII form (xn--…)"),
    _url("with an empty port", "https://video.example.org:", "must name a host"),
    _url("with a port too high", "https://video.example.org:65536", "must have a port from 1 to 65535"),
    _url("with port 0", "https://video.example.org:0", "must have a port from 1 to 65535"),
    _url("too long", f"https://{'a' * 300}", ""),
    BadPool(
        case="internalUrl with a login",
        path="spec.server.internalUrl",
        spec=_server(internalUrl="http://a:b@peertube"),
        told="put them into the Secret that credentialsRef names",
    ),
    BadPool(case="no url", path="spec.server.url", spec=_without(spec_body(), "server", "url")),
    BadPool(
        case="no Secret", path="spec.server.credentialsRef", spec=_without(spec_body(), "server", "credentialsRef")
    ),
    BadPool(
        case="a Secret's name that is none",
        path="spec.server.credentialsRef.name",
        spec=_server(credentialsRef={"name": "Peertube_Admin"}),
    ),
    BadPool(
        case="minReplicas above maxReplicas",
        path="spec.scaling",
        spec=spec_body(scaling={"minReplicas": 3, "maxReplicas": 2}),
        told="raise maxReplicas or lower minReplicas",
    ),
    BadPool(
        case="no maxReplicas", path="spec.scaling.maxReplicas", spec=_without(spec_body(), "scaling", "maxReplicas")
    ),
    BadPool(
        case="maxReplicas out of bounds", path="spec.scaling.maxReplicas", spec=spec_body(scaling={"maxReplicas": 1001})
    ),
    BadPool(case="minReplicas below 0", path="spec.scaling.minReplicas", spec=spec_body(scaling={"minReplicas": -1})),
    BadPool(case="text for a number", path="spec.scaling.maxReplicas", spec=spec_body(scaling={"maxReplicas": "3"})),
    BadPool(
        case="idleSeconds out of bounds",
        path="spec.scaling.idleSeconds",
        spec=spec_body(scaling={"idleSeconds": 86401}),
    ),
    BadPool(
        case="a lookAhead that is none", path="spec.scaling.lookAhead", spec=spec_body(scaling={"lookAhead": "Grow"})
    ),
    BadPool(case="no job type", path="spec.jobTypes", spec=spec_body(jobTypes=[])),
    BadPool(
        case="a job type that is none",
        path="spec.jobTypes[1]",
        spec=spec_body(jobTypes=["video-transcription", "vod-transcoding"]),
    ),
    BadPool(case="a job type twice", path="spec.jobTypes", spec=spec_body(jobTypes=["video-transcription"] * 2)),
    BadPool(
        case="live with other job types",
        path="spec",
        spec=spec_body(jobTypes=[LIVE, "video-transcription"], scaling={"idleSlots": 1}),
        told="make a pool of its own for it",
    ),
    BadPool(
        case="live without a warm slot",
        path="spec",
        spec=spec_body(jobTypes=[LIVE]),
        told="idleSlots must be at least 1 for live-rtmp-hls-transcoding",
    ),
    BadPool(case="concurrency 0", path="spec.runner.concurrency", spec=spec_body(runner={"concurrency": 0})),
    BadPool(
        case="a word for threads",
        path="spec.runner.ffmpeg.threads",
        spec=spec_body(runner={"ffmpeg": {"threads": "all"}}),
    ),
    BadPool(case="0 threads", path="spec.runner.ffmpeg.threads", spec=spec_body(runner={"ffmpeg": {"threads": 0}})),
    BadPool(case="nice below 0", path="spec.runner.ffmpeg.nice", spec=spec_body(runner={"ffmpeg": {"nice": -5}})),
    BadPool(
        case="a quantity that is none",
        path="spec.runner.resources.requests.cpu",
        spec=spec_body(runner={"resources": {"requests": {"cpu": "four"}}}),
    ),
    BadPool(
        case="a quantity that is neither text nor number",
        path="spec.runner.resources.limits.cpu",
        spec=spec_body(runner={"resources": {"limits": {"cpu": True}}}),
    ),
    BadPool(
        case="a negative quantity",
        path="spec.runner.resources.requests.cpu",
        spec=spec_body(runner={"resources": {"requests": {"cpu": -1}}}),
    ),
    BadPool(
        case="a request above its limit",
        path="spec.runner.resources",
        spec=spec_body(runner={"resources": {"requests": {"cpu": "1500m"}, "limits": {"cpu": 1}}}),
        told="lower the request or raise the limit",
    ),
    BadPool(
        case="a scratch size that is none",
        path="spec.runner.scratch.size",
        spec=spec_body(runner={"scratch": {"size": "big"}}),
    ),
    BadPool(case="an image with a blank", path="spec.runner.image", spec=spec_body(runner={"image": "a b"})),
    BadPool(
        case="a grace period of 0",
        path="spec.lifecycle.evictionGraceSeconds",
        spec=spec_body(lifecycle={"evictionGraceSeconds": 0}),
    ),
    BadPool(
        case="a deletion policy that is none",
        path="spec.lifecycle.deletionPolicy",
        spec=spec_body(lifecycle={"deletionPolicy": "Orphan"}),
    ),
    BadPool(
        case="a label of ours",
        path="spec.podTemplate",
        spec=spec_body(podTemplate={"labels": {"runnerpool.dev/pool": "x"}}),
        told="the operator finds its pods by them",
    ),
    BadPool(
        case="an annotation of ours",
        path="spec.podTemplate",
        spec=spec_body(podTemplate={"annotations": {"runnerpool.dev/drain": "x"}}),
        told="the operator finds its pods by them",
    ),
    BadPool(
        case="a label value too long",
        path="spec.podTemplate.labels.a",
        spec=spec_body(podTemplate={"labels": {"a": "x" * 64}}),
    ),
    BadPool(
        case="an environment variable twice",
        path="spec.podTemplate",
        spec=spec_body(podTemplate={"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
    ),
    BadPool(
        case="an environment variable's name that is none",
        path="spec.podTemplate.env[0].name",
        spec=spec_body(podTemplate={"env": [{"name": "A-B"}]}),
    ),
    BadPool(
        case="a name too long",
        path="metadata.name",
        spec=spec_body(),
        metadata={"name": "x" * 41},
        told="must not be longer than 40 characters, as the names of pods add to it",
    ),
]

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
