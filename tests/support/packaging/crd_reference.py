"""docs/reference/api.md, made from the resource's schema."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from support.crd import Schema, crd, fields, root_schema, schema_of, version

_WIDTH = 120
_HEAD = """# The resource: TranscodingRunnerPool

Generated from `crds/transcodingrunnerpools.yaml` by `make generate`; do not edit. `kubectl explain {short}.spec` tells
the same.

{description}

`{group}/{version}`, kind `{kind}`, short name `{short}`, namespaced. Its subresource is `status`; there is none for
`scale`, since the queue says how many pods there are.

```yaml
apiVersion: {group}/{version}
kind: {kind}
metadata: {{name: vod, namespace: media}}
spec:
  server:
    url: https://video.example.org
    credentialsRef: {{name: peertube-admin}}
  jobTypes: [vod-web-video-transcoding, vod-hls-transcoding, vod-audio-merge-transcoding]
  scaling: {{maxReplicas: 10}}
```
"""
# Structures of Kubernetes' own: one row each is enough here; `kubectl explain` goes deeper.
_KUBERNETES_OWN = ("affinity", "tolerations", "topologySpreadConstraints", "hostAliases", "dnsConfig")


def crd_reference() -> str:
    """The page."""
    names = crd()["spec"]["names"]
    head = _HEAD.format(
        group=crd()["spec"]["group"],
        version=version()["name"],
        kind=names["kind"],
        short=names["shortNames"][0],
        description=textwrap.fill(root_schema()["description"], _WIDTH),
    )
    sections = [_section(f"spec.{name}") for name in schema_of("spec")["properties"]]
    return "\n".join([head, *sections, _rules(), _section("status"), _columns()])


def _section(path: str) -> str:
    schema = schema_of(*path.split("."))
    head = f"## {path}\n\n{textwrap.fill(schema['description'], _WIDTH)}\n"
    if schema["type"] == "array":
        return f"{head}\n{_kind(schema)}; {_bounds(schema)}. {_mark(path)}.\n\n{_choices(schema['items'])}"
    rows = [_row(f"{path}.{name}", field) for name, field in _shown(schema)]
    return "\n".join(
        [head, "| field | type | default | bounds | meaning |", "| --- | --- | --- | --- | --- |", *rows, ""]
    )


def _shown(schema: Schema) -> Iterator[tuple[str, Schema]]:
    for name, field in fields(schema):
        if name.endswith(("[]", "{}")) or any(name.startswith((f"{own}.", f"{own}[")) for own in _KUBERNETES_OWN):
            continue
        yield name, field


def _row(path: str, field: Schema) -> str:
    cells = (f"`{path}`", _kind(field), _default(path, field), _bounds(field), field["description"])
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _kind(field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if field["type"] == "array":
        return f"list of {field['items']['type']}s"
    if field["type"] == "object" and "additionalProperties" in field:
        return "map"
    return "time" if field.get("format") == "date-time" else str(field["type"])


def _default(path: str, field: Schema) -> str:
    if "default" not in field:
        return _mark(path)
    if isinstance(field["default"], dict):
        return ""
    return f"`{field['default']}`" if field["default"] != "" else "empty"


def _mark(path: str) -> str:
    """Whether the field must be given, by the object that it is in. Of the status, nothing must."""
    *outer, name = path.split(".")
    owner = root_schema()
    for part in outer:
        owner = owner["properties"][part.removesuffix("[]")]
        owner = owner["items"] if part.endswith("[]") else owner
    return "**required**" if outer[0] == "spec" and name in owner.get("required", ()) else ""


def _bounds(field: Schema) -> str:
    if "enum" in field:
        return ", ".join(f"`{choice}`" for choice in field["enum"])
    if field.get("x-kubernetes-int-or-string"):
        return (
            f"{field['minimum']} to {field['maximum']}, or `Auto`" if "maximum" in field else "a quantity, at least 0"
        )
    told = {
        "maxLength": "at most {} characters",
        "maxItems": "at most {} items",
        "maxProperties": "at most {} entries",
    }
    if {"minimum", "maximum"} <= field.keys():
        return f"{field['minimum']} to {field['maximum']}"
    return "; ".join(text.format(field[key]) for key, text in told.items() if key in field)


def _choices(items: Mapping[str, Any]) -> str:
    return "\n".join(f"- `{choice}`" for choice in items["enum"]) + "\n"


def _rules() -> str:
    """The messages of the rules, each once: what is refused beyond the bounds above."""
    messages: dict[str, str] = {}
    for path, field in [("metadata", root_schema()), *fields(root_schema())]:
        for rule in field.get("x-kubernetes-validations", ()):
            messages.setdefault(rule["message"], path + rule.get("fieldPath", ""))
    lines = [f"- `{path}`: {message}" for message, path in messages.items()]
    return "\n".join(["## What is refused besides", "", *lines, ""])


def _columns() -> str:
    rows = [
        f"| {column['name']} | `{column['jsonPath']}` | {'`-o wide` only' if column.get('priority') else 'always'} "
        f"| {column['description']} |"
        for column in version()["additionalPrinterColumns"]
    ]
    head = ["## Columns of `kubectl get trp`", "", "| column | from | shown | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows, ""])
