#!/usr/bin/env bash
# Writes the three lock files (exact versions, hashes, no index addresses) from the ranges in pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { # extra-or-group arguments, output
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-header --no-annotate pyproject.toml "${@:2}" --output-file "$1"
}
compile operator/requirements.txt --extra operator
compile runner_image/requirements.txt --extra agent
compile tests/requirements.txt --extra operator --extra agent --group dev
