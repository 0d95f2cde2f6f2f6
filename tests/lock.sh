#!/usr/bin/env bash
# Writes the lock files (exact versions, hashes, no index addresses) from the ranges in pyproject.toml, and of one peer.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { # output, input and its extras or groups
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-header --no-annotate "${@:2}" --output-file "$1"
}
compile operator/requirements.txt pyproject.toml --extra operator
compile runner_image/requirements.txt pyproject.toml --extra agent
compile tests/requirements.txt pyproject.toml --extra operator --extra agent --group dev
compile tests/peers/connector/requirements.txt tests/peers/connector/requirements.in
