"""Pools that ask for jobs, modes or numbers of pods that cannot be."""

from support.builders import spec_body
from support.pool_cases.bad_pool import LIVE, MANY, BadPool, without

BAD_SIZES = [
    BadPool(
        case="a mode that is none",
        path="spec.mode",
        spec=spec_body(mode="Paused"),
        bound='supported values: "Active", "Hold", "Drain"',
    ),
    BadPool(
        case="a job type filter that is none",
        path="spec.jobTypeFilter",
        spec=spec_body(jobTypeFilter="Off"),
        bound='supported values: "Require", "BestEffort"',
    ),
    BadPool(
        case="a rollout that can replace nothing",
        path="spec.rollout",
        spec=spec_body(rollout={"maxSurge": 0}),
        told="must not both be 0; a rollout could replace nothing",
    ),
    BadPool(
        case="a percentage for maxSurge",
        path="spec.rollout.maxSurge",
        spec=spec_body(rollout={"maxSurge": "25%"}),
        bound="must be of type integer",
    ),
    BadPool(
        case="maxUnavailable below 0",
        path="spec.rollout.maxUnavailable",
        spec=spec_body(rollout={"maxUnavailable": -1}),
        bound="should be greater than or equal to 0",
    ),
    BadPool(
        case="minReplicas above maxReplicas",
        path="spec.scaling",
        spec=spec_body(scaling={"minReplicas": 3, "maxReplicas": 2}),
        told="raise maxReplicas or lower minReplicas",
    ),
    BadPool(
        case="no maxReplicas",
        path="spec.scaling.maxReplicas",
        spec=without(spec_body(), "scaling", "maxReplicas"),
        bound="Required value",
    ),
    BadPool(
        case="maxReplicas out of bounds",
        path="spec.scaling.maxReplicas",
        spec=spec_body(scaling={"maxReplicas": 1001}),
        bound="should be less than or equal to 1000",
    ),
    BadPool(
        case="minReplicas below 0",
        path="spec.scaling.minReplicas",
        spec=spec_body(scaling={"minReplicas": -1}),
        bound="should be greater than or equal to 0",
    ),
    BadPool(
        case="text for a number",
        path="spec.scaling.maxReplicas",
        spec=spec_body(scaling={"maxReplicas": "3"}),
        bound="must be of type integer",
    ),
    BadPool(
        case="idleSeconds out of bounds",
        path="spec.scaling.idleSeconds",
        spec=spec_body(scaling={"idleSeconds": 86401}),
        bound="should be less than or equal to 86400",
    ),
    BadPool(
        case="a lookAhead that is none",
        path="spec.scaling.lookAhead",
        spec=spec_body(scaling={"lookAhead": "Grow"}),
        bound='supported values: "Off", "Hold"',
    ),
    BadPool(
        case="no job type", path="spec.jobTypes", spec=spec_body(jobTypes=[]), bound="should have at least 1 items"
    ),
    BadPool(
        case="10,000 job types",
        path="spec.jobTypes",
        spec=spec_body(jobTypes=["video-transcription"] * MANY),
        bound="must have at most 7 items",
    ),
    BadPool(
        case="a job type that is none",
        path="spec.jobTypes[1]",
        spec=spec_body(jobTypes=["video-transcription", "vod-transcoding"]),
        bound='supported values: "vod-web-video-transcoding", "vod-hls-transcoding"',
    ),
    BadPool(
        case="a job type twice",
        path="spec.jobTypes",
        spec=spec_body(jobTypes=["video-transcription"] * 2),
        bound='Duplicate value: "video-transcription"',
    ),
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
]
