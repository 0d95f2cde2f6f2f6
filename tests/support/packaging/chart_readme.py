"""The table of values in the chart's README, from the comments in values.yaml."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from support.packaging.paths import CHART, CHART_README

_BEGIN = "<!-- values: begin (written by tests/support/packaging from values.yaml) -->"
_END = "<!-- values: end -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    key: str
    default: str
    meaning: str


def values() -> list[Value]:
    """Every documented value, in the file's order.

    Raises:
        ValueError: A value has no comment that begins with `# --`.
    """
    text = (CHART / "values.yaml").read_text()
    root = yaml.compose(text)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values.yaml is no mapping")
    return list(_values(root, text.splitlines(), prefix=""))


def _values(mapping: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[Value]:
    for key, node in mapping.value:
        name = f"{prefix}{key.value}"
        meaning = _comment_above(lines, key.start_mark.line)
        if meaning is not None:
            yield Value(key=name, default=json.dumps(_plain(node)), meaning=meaning)
        elif isinstance(node, yaml.MappingNode):
            yield from _values(node, lines, prefix=f"{name}.")
        else:
            raise ValueError(f"values.yaml: {name} has no comment that begins with `# --`; say there what it means")


def _plain(node: yaml.Node) -> object:
    return yaml.safe_load(yaml.serialize(node))


def _comment_above(lines: list[str], line: int) -> str | None:
    """The comment that ends right above a line, from its `--` on; None if there is no such mark."""
    words: list[str] = []
    while line and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        words.insert(0, lines[line].lstrip().removeprefix("#").strip())
    joined = " ".join(words)
    marked = re.search(r"(?:^|\s)-- (.*)", joined)
    return marked[1] if marked else None


def readme() -> str:
    """The chart's README with a table that fits values.yaml."""
    text = CHART_README.read_text()
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{CHART_README.name} lacks the marks {_BEGIN} and {_END}")
    rows = [f"| `{value.key}` | `{value.default}` | {value.meaning} |" for value in values()]
    table = "\n".join(["| Value | Default | Meaning |", "| --- | --- | --- |", *rows])
    return f"{before}{_BEGIN}\n{table}\n{_END}{after}"
