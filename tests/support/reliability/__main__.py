"""`PYTHONPATH=tests python -m support.reliability write|render|check`: docs/reliability.md, from the results of tests.

write: make the page of the results in build/reliability; render: the same into build/, of whatever has run; check: the
page names every fault test and no other, and is as it was written.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from support.packaging.paths import ROOT
from support.reliability import document, results, study
from support.reliability.collected import CollectionError, collected

PAGE = ROOT / "docs" / "reliability.md"
DRAFT = ROOT / "build" / "reliability.md"
_REMEDY = "`make reliability` writes it anew"


def write() -> list[str]:
    """Write the page, if every fault test has a result; what is missing else."""
    found = {result.test: result for result in results.read()}
    wanted = collected()
    chosen = [found[test] for test in wanted if test in found]
    missing = [f"{test} has no result; run it first: `make reliability`" for test in wanted if test not in found]
    missing = missing or study.unaccounted(fault for result in chosen for fault in result.ids)
    if not missing:
        PAGE.write_text(document.render(chosen))
    return missing


def render() -> list[str]:
    """Write what has run into build/."""
    DRAFT.parent.mkdir(parents=True, exist_ok=True)
    DRAFT.write_text(document.render(results.read()))
    return []


def check() -> list[str]:
    """What is wrong with the page."""
    found = problems(PAGE, collected())
    return found or study.unaccounted(document.faults(PAGE.read_text()))


def problems(page: Path, tests: list[str]) -> list[str]:
    """What is wrong with a page, given the fault tests that there are."""
    if not page.exists():
        return [f"there is no {page.name}; {_REMEDY}"]
    text = page.read_text()
    found = [] if document.untouched(text) else [f"{page.name} was changed by hand; {_REMEDY}"]
    stand, wanted = document.cases(text), {document.case_of(test) for test in tests}
    found += [f"{page.name} lacks '{told}' of {file}; {_REMEDY}" for file, told in sorted(wanted - stand)]
    found += [
        f"{page.name} has '{told}' of {file}, which is no test; {_REMEDY}" for file, told in sorted(stand - wanted)
    ]
    return found


COMMANDS: Mapping[str, Callable[[], list[str]]] = {"write": write, "render": render, "check": check}


def main(arguments: list[str]) -> int:
    """0, or 1 if something is wrong, or 2 for a wrong command line."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        found = COMMANDS[arguments[0]]()
    except CollectionError as error:
        found = [str(error)]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
