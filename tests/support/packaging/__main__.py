"""`PYTHONPATH=tests python -m support.packaging write|check`: the files that are made from others."""

import sys

from support.packaging import generated


def main(arguments: list[str]) -> int:
    """0, or 1 if a file has drifted, or 2 for a wrong command line."""
    if arguments == ["write"]:
        generated.write()
        return 0
    if arguments == ["check"]:
        differences = [difference for path in generated.GENERATED if (difference := generated.drift(path))]
        print("".join(differences), end="")
        return 1 if differences else 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
