"""Pools whose pods cannot be what is asked for."""

from support.builders import spec_body
from support.pool_cases.bad_pool import MANY, MEGABYTE, BadPool

BAD_RUNNERS = [
    BadPool(
        case="concurrency 0",
        path="spec.runner.concurrency",
        spec=spec_body(runner={"concurrency": 0}),
        bound="should be greater than or equal to 1",
    ),
    BadPool(
        case="a word for threads",
        path="spec.runner.ffmpeg.threads",
        spec=spec_body(runner={"ffmpeg": {"threads": "all"}}),
        told="must be Auto or a whole number from 1 to 1024",
    ),
    BadPool(
        case="0 threads",
        path="spec.runner.ffmpeg.threads",
        spec=spec_body(runner={"ffmpeg": {"threads": 0}}),
        told="must be Auto or a whole number from 1 to 1024",
    ),
    BadPool(
        case="more threads than its CPUs can serve",
        path="spec.runner",
        spec=spec_body(runner={"ffmpeg": {"threads": 17}, "resources": {"limits": {"cpu": 4}}}),
        told="lower one of them, raise the limit, or use threads: Auto",
    ),
    BadPool(
        case="more threads times jobs than its CPUs can serve",
        path="spec.runner",
        spec=spec_body(runner={"concurrency": 4, "ffmpeg": {"threads": 8}, "resources": {"limits": {"cpu": "7900m"}}}),
        told="ffmpeg.threads times concurrency must not exceed 4 times resources.limits.cpu",
    ),
    BadPool(
        case="nice below 0",
        path="spec.runner.ffmpeg.nice",
        spec=spec_body(runner={"ffmpeg": {"nice": -5}}),
        bound="should be greater than or equal to 0",
    ),
    BadPool(
        case="a quantity that is none",
        path="spec.runner.resources.requests.cpu",
        spec=spec_body(runner={"resources": {"requests": {"cpu": "four"}}}),
        told="must be a Kubernetes quantity, such as 4, 500m, 2Gi or 1.5",
    ),
    BadPool(
        case="a quantity that is neither text nor number",
        path="spec.runner.resources.limits.cpu",
        spec=spec_body(runner={"resources": {"limits": {"cpu": True}}}),
        bound="must be of type integer,string",
    ),
    BadPool(
        case="a negative quantity",
        path="spec.runner.resources.requests.cpu",
        spec=spec_body(runner={"resources": {"requests": {"cpu": -1}}}),
        told="must be a Kubernetes quantity, such as 4, 500m, 2Gi or 1.5",
    ),
    BadPool(
        case="a request above its limit",
        path="spec.runner.resources",
        spec=spec_body(runner={"resources": {"requests": {"cpu": "1500m"}, "limits": {"cpu": 1}}}),
        told="lower the request or raise the limit",
    ),
    BadPool(
        case="a request above its limit in another unit",
        path="spec.runner.resources",
        spec=spec_body(runner={"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1G"}}}),
        told="lower the request or raise the limit",
    ),
    BadPool(
        case="a quantity of 1 MB",
        path="spec.runner.resources.limits.cpu",
        spec=spec_body(runner={"resources": {"limits": {"cpu": "1" * len(MEGABYTE)}}}),
        bound="may not be more than 32 bytes",
    ),
    BadPool(
        case="10,000 resources",
        path="spec.runner.resources.limits",
        spec=spec_body(runner={"resources": {"limits": {f"example.org/{number}": 1 for number in range(MANY)}}}),
        bound="must have at most 16 items",
    ),
    BadPool(
        case="a scratch size that is none",
        path="spec.runner.scratch.size",
        spec=spec_body(runner={"scratch": {"size": "big"}}),
        told="must be a Kubernetes quantity, such as 4, 500m, 2Gi or 1.5",
    ),
    BadPool(
        case="an image with a blank",
        path="spec.runner.image",
        spec=spec_body(runner={"image": "a b"}),
        told="must be the name of an image, without blanks",
    ),
    BadPool(
        case="an image of 1 MB",
        path="spec.runner.image",
        spec=spec_body(runner={"image": MEGABYTE}),
        bound="may not be more than 512 bytes",
    ),
    BadPool(
        case="a grace period of 0",
        path="spec.lifecycle.evictionGraceSeconds",
        spec=spec_body(lifecycle={"evictionGraceSeconds": 0}),
        bound="should be greater than or equal to 1",
    ),
    BadPool(
        case="a deletion policy that is none",
        path="spec.lifecycle.deletionPolicy",
        spec=spec_body(lifecycle={"deletionPolicy": "Orphan"}),
        bound='supported values: "Drain", "Abort"',
    ),
    BadPool(
        case="poison jobs deleted",
        path="spec.repair.poisonJobs",
        spec=spec_body(repair={"poisonJobs": "Delete"}),
        bound='supported values: "Quarantine", "Cancel"',
    ),
    BadPool(
        case="stuck jobs that are none of the choices",
        path="spec.repair.stuckJobs",
        spec=spec_body(repair={"stuckJobs": "repair"}),
        bound='supported values: "Report", "DryRun", "Repair"',
    ),
    BadPool(
        case="stuck within a second",
        path="spec.repair.stuckAfterSeconds",
        spec=spec_body(repair={"stuckAfterSeconds": 1}),
        bound="should be greater than or equal to 60",
    ),
]
