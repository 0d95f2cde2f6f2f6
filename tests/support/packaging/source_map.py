"""The modules in docs/architecture.md, told by the first sentence of their docstrings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from support.packaging.paths import ARCHITECTURE, ROOT

_BLOCK = re.compile(
    r"(?P<begin><!-- modules: begin (?P<folder>\S+) [^>]*-->\n).*?(?P<end><!-- modules: end -->)", re.DOTALL
)


def architecture() -> str:
    """The page with lists of modules that fit the tree."""
    return _BLOCK.sub(_filled, ARCHITECTURE.read_text())


def _filled(block: re.Match[str]) -> str:
    return block["begin"] + "".join(_lines(ROOT / block["folder"])) + block["end"]


def _lines(package: Path) -> Iterator[str]:
    modules = [path for path in package.rglob("*.py") if path.name != "__init__.py"]
    for path in sorted(modules, key=lambda path: (len(path.relative_to(package).parts), path)):
        yield f"- `{path.relative_to(package)}`: {first_sentence(path)}\n"


def first_sentence(path: Path) -> str:
    """What a module says that it is.

    Raises:
        ValueError: It says nothing.
    """
    text = ast.get_docstring(ast.parse(path.read_text()))
    if not text:
        raise ValueError(f"{path} has no docstring; the source map tells by it what the module is")
    return re.split(r"(?<=[.!?])\s", " ".join(text.split("\n\n")[0].split()), maxsplit=1)[0]
