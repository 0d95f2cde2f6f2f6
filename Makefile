# People and CI use the same targets. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Levels of test that `make test` runs, in this order: the cheap ones first.
LEVELS := unit contract cluster faults e2e bench
# Fault tests at a time.
SIDE_BY_SIDE := 12
export PYTHONPATH := tests
# Tests start hundreds of Python processes: with bytecode kept, an operator is up in 1.2 s instead of 3.5 s.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/installed: tests/requirements.txt pyproject.toml
	@echo "==> Python environment in $(VENV) (from tests/requirements.txt, with hashes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(VENV)/installed ## Make the Python environment

.PHONY: testbed
testbed: setup ## Build or fetch what the local cluster needs (Kubernetes, node packages, base images)
	@$(BIN)/python -m support.cluster build

.PHONY: video
video: setup # FFmpeg alone: tests without a cluster need it, too
	@$(BIN)/python -m support.cluster video

.PHONY: demo
demo: setup ## Show the main job: a local cluster, a simulated PeerTube, real video (KEEP=1 leaves it standing)
	@$(BIN)/python -m demo $(if $(KEEP),--keep)

.PHONY: fmt
fmt: setup ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lint
lint: setup ## All static gates
	@echo "==> lint"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/mypy tests/support tests/peers tests/demo
	@$(BIN)/lint-imports
	@$(BIN)/yamllint --strict .
	@$(BIN)/hadolint operator/Containerfile runner_image/Containerfile

.PHONY: $(LEVELS)
unit: setup video ## Fast tests of the code alone, and of the packaging
contract: setup video ## Tests against recordings, the simulated PeerTube and the stand-in runner, on loopback
cluster: setup testbed ## Tests on a real API server
faults: setup testbed ## Fault tests, side by side in namespaces of one API server
e2e: setup testbed ## Tests on a real node with real video
bench: setup testbed ## Benchmarks with bounds
unit: OPTIONS := --numprocesses=3 --dist=loadfile
# More at once starve FFmpeg, which runs at the lowest priority.
contract: OPTIONS := --numprocesses=4 --dist=loadgroup --no-loadscope-reorder
# They mostly wait: for time limits, for backoffs.
faults: OPTIONS := --numprocesses=$(SIDE_BY_SIDE) --dist=loadgroup
# They share a node. A file at a time, in the order of the tests' conftest.
e2e: OPTIONS := --numprocesses=3 --dist=loadgroup --no-loadscope-reorder
# Each of the three that take long waits. The figures are what it is for.
bench: OPTIONS := --numprocesses=3 --dist=load --maxschedchunk=1 -raP
# One control plane for all. Some wait: for helm, for operators.
cluster: OPTIONS := --numprocesses=3 --dist=load --maxschedchunk=1
# Coverage is judged by the examples that somebody chose: the gates hold by these alone, and tracing doubles the time.
unit:
	@echo "==> $@"
	@$(BIN)/python -m coverage run --data-file=.coverage.$@ -m pytest tests/$@ -m 'not hypothesis' $(OPTIONS) $(PYTEST_ARGS)
	@$(BIN)/python -m pytest tests/$@ -m hypothesis $(OPTIONS) --dist=worksteal $(PYTEST_ARGS)
$(filter-out unit,$(LEVELS)):
	@echo "==> $@"
	@$(BIN)/python -m pytest tests/$@ $(OPTIONS) $(PYTEST_ARGS)

.PHONY: reliability
reliability: setup testbed ## Run the fault tests and write docs/reliability.md from their results
	@rm -rf build/reliability
	@$(BIN)/python -m pytest tests/faults -m fault --numprocesses=$(SIDE_BY_SIDE) --dist=loadgroup $(PYTEST_ARGS)
	@$(BIN)/python -m pytest tests --ignore=tests/faults --ignore=tests/unit -m fault $(PYTEST_ARGS) || test $$? -eq 5 # none
	@$(BIN)/python -m support.reliability write

.PHONY: coverage
coverage: ## Judge the coverage of what has run
	@$(BIN)/coverage combine --quiet --keep
	@$(BIN)/coverage report --fail-under=95
	@$(BIN)/coverage report --fail-under=100 --include='*/runnerpool/planning/*,*/runnerpool/api/*,*/runnerpool/manifests/*'

.PHONY: test
test: setup ## Everything: gates, then all levels of test, then coverage
	@rm -rf .coverage .coverage.* build/reliability
	@$(MAKE) --no-print-directory --jobs=2 lint $(firstword $(LEVELS)) # mypy leaves a core idle
	@for level in $(wordlist 2,$(words $(LEVELS)),$(LEVELS)); do $(MAKE) --no-print-directory $$level; done
	@$(BIN)/python -m support.reliability render
	@$(MAKE) --no-print-directory coverage

.PHONY: chaos
chaos: setup testbed ## Random faults on a real node, in real time (CHAOS_MINUTES=10, CHAOS_SEED)
	@$(BIN)/python -m pytest tests/chaos --capture=no $(PYTEST_ARGS)

.PHONY: soak
soak: SOAK := RUNNERPOOL_SOAK=1 $(BIN)/python -m pytest tests/soak tests/faults tests/bench tests/e2e tests/chaos
soak: setup testbed ## Tests that take long, in real time; writes docs/soak.md
	@rm -rf build/soak
	@$(SOAK) -m "soak and not (e2e or bench)" --numprocesses=4 --dist=loadgroup $(PYTEST_ARGS)
	@$(SOAK) -m "soak and (e2e or bench)" $(PYTEST_ARGS)
	@$(BIN)/python -m support.soak

.PHONY: generate
generate: setup testbed ## Write everything that is generated (references, install.yaml, the chart's copies)
	@$(BIN)/python -m support.packaging write

.PHONY: lock
lock: setup ## Write the lock files anew from the ranges in pyproject.toml
	@tests/lock.sh

.PHONY: clean
clean: ## Remove what the targets made in this folder (caches of the test bed stay)
	@rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist build
