# Needs make and Python 3.11 or newer; everything else goes into .venv.
# Another interpreter: make setup PYTHON=/path/to/python3

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV_VERSION := 0.13.8
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo stack test lint format bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## create .venv with everything in it, the `guardian` command included

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		if [ -z "$(PYTHON)" ]; then echo "No Python 3.11 or newer found; set PYTHON=" >&2; exit 1; fi; \
		"$(PYTHON)" -m venv --clear $(VENV); \
	fi
	$(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## simulate a live warehouse and store with attacks in them; alerts appear in the terminal
	$(BIN)/guardian demo

stack: setup ## the whole cloud shape on this machine: Kafka, emulators, every part (docs/stack.md)
	$(BIN)/python -m stack $(ARGS)

# Many tests wait for servers most of the time, so three run at a time also on two cores. Those that start a
# whole stack are one group, and run one after the other (xdist_group).
JOBS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((cores > 3 ? cores : 3)))

test: setup ## run every test
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

lint: setup ## check style, types and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## put the code into shape
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: setup ## measure throughput and memory
	$(BIN)/python -m benchmarks.throughput $(ARGS)

# Made again from pyproject.toml; the pins that still fit stay (make lock ARGS=--upgrade renews them).
# The files name no package index and no local path: each reader's own settings decide where from.
lock: setup ## pin the requirements again, with hashes
	@$(BIN)/uv --version 2>/dev/null | grep -qF "uv $(UV_VERSION)" || $(PIP_INSTALL) uv==$(UV_VERSION)
	$(BIN)/uv $(LOCK) --output-file requirements.txt $(ARGS) pyproject.toml
	$(BIN)/uv $(LOCK) --output-file requirements-dev.txt --constraints requirements.txt --extra dev --extra labels --extra api --extra google --extra kafka $(ARGS) pyproject.toml

LOCK := pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

clean: ## remove .venv, caches and builds
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
