"""Pools whose name or pod template is wrong."""

from support.builders import spec_body
from support.pool_cases.bad_pool import MANY, MEGABYTE, BadPool

BAD_TEMPLATES = [
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
        bound="Too long: may not be more than 63 bytes",
    ),
    BadPool(
        case="an annotation of 1 MB",
        path="spec.podTemplate.annotations.a",
        spec=spec_body(podTemplate={"annotations": {"a": MEGABYTE}}),
        bound="may not be more than 4096 bytes",
    ),
    BadPool(
        case="10,000 labels",
        path="spec.podTemplate.labels",
        spec=spec_body(podTemplate={"labels": {f"l{number}": "" for number in range(MANY)}}),
        bound="must have at most 32 items",
    ),
    BadPool(
        case="10,000 tolerations",
        path="spec.podTemplate.tolerations",
        spec=spec_body(podTemplate={"tolerations": [{"operator": "Exists"}] * MANY}),
        bound="must have at most 32 items",
    ),
    BadPool(
        case="10,000 environment variables",
        path="spec.podTemplate.env",
        spec=spec_body(podTemplate={"env": [{"name": f"V{number}"} for number in range(MANY)]}),
        bound="must have at most 64 items",
    ),
    BadPool(
        case="an environment variable of 1 MB",
        path="spec.podTemplate.env[0].value",
        spec=spec_body(podTemplate={"env": [{"name": "A", "value": MEGABYTE}]}),
        bound="may not be more than 32768 bytes",
    ),
    BadPool(
        case="an environment variable that is a number",
        path="spec.podTemplate.env[0].value",
        spec=spec_body(podTemplate={"env": [{"name": "A", "value": 1}]}),
        bound="must be of type string",
    ),
    BadPool(
        case="a pull secret twice",
        path="spec.podTemplate",
        spec=spec_body(podTemplate={"imagePullSecrets": [{"name": "pull"}] * 2}),
        bound='Duplicate value: {"name":"pull"}',
    ),
    BadPool(
        case="a priority class that is none",
        path="spec.podTemplate.priorityClassName",
        spec=spec_body(podTemplate={"priorityClassName": "High Priority"}),
        told="must be a name as Kubernetes' objects have",
    ),
    BadPool(
        case="an environment variable twice",
        path="spec.podTemplate",
        spec=spec_body(podTemplate={"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}),
        bound='Duplicate value: {"name":"A"}',
    ),
    BadPool(
        case="an environment variable's name that is none",
        path="spec.podTemplate.env[0].name",
        spec=spec_body(podTemplate={"env": [{"name": "A-B"}]}),
        told="must be letters, digits and _, with no digit first",
    ),
    BadPool(
        case="a name too long",
        path="metadata.name",
        spec=spec_body(),
        metadata={"name": "x" * 41},
        told="must not be longer than 40 characters, as the names of pods add to it",
    ),
]
