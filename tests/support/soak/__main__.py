"""`PYTHONPATH=tests python -m support.soak`: writes docs/soak.md from the records of the last `make soak`."""

import sys

from support.packaging.paths import ROOT
from support.reliability.collected import collected
from support.soak.page import page
from support.soak.plugin import MARKER
from support.soak.record import read

PAGE = ROOT / "docs" / "soak.md"


def main() -> int:
    """0, or 1 if nothing was recorded."""
    records = read()
    if not records:
        print("there are no records of a soak; run `make soak`", file=sys.stderr)
        return 1
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    made = page(records, before=before, tests=collected(marker=MARKER))
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
