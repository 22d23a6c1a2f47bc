# Needs make and Python 3.11 or newer; everything else goes into .venv. The dashboard's pages are built where
# there is Node 20.19 or newer.
# Another interpreter: make setup PYTHON=/path/to/python3

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV_VERSION := 0.13.8
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

DASHBOARD := cloud_run/dashboard
PAGES := $(DASHBOARD)/dist/index.html
PACKAGES := $(DASHBOARD)/node_modules/.package-lock.json
PAGE_SOURCES := $(shell find $(DASHBOARD)/src $(DASHBOARD)/public -type f ! -name '*.test.*') \
	$(addprefix $(DASHBOARD)/,index.html vite.config.ts tsconfig.json package.json)
NODE_FITS := node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b > 18) ? 0 : 1)' \
	2>/dev/null && npm --version >/dev/null 2>&1

.DEFAULT_GOAL := help
.PHONY: help setup dashboard demo stack test test-bigquery lint format bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## create .venv with everything in it, the `guardian` command included

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		if [ -z "$(PYTHON)" ]; then echo "No Python 3.11 or newer found; set PYTHON=" >&2; exit 1; fi; \
		"$(PYTHON)" -m venv --clear $(VENV); \
	fi
	$(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

dashboard: $(PAGES) ## build the dashboard's pages, with Node 20.19 or newer

$(PAGES): $(PACKAGES) $(PAGE_SOURCES)
	cd $(DASHBOARD) && npm run build
	@touch $@

$(PACKAGES): $(DASHBOARD)/package-lock.json
	@$(NODE_FITS) || { echo "The dashboard needs Node 20.19 or newer, with npm" >&2; exit 1; }
	cd $(DASHBOARD) && npm ci --no-audit --no-fund
	@touch $@

# Without Node, or if the pages cannot be built, the demo says so and shows alerts in the terminal.
demo: setup ## simulate a live warehouse and store with attacks in them, and show them in the dashboard
	@if $(NODE_FITS); then $(MAKE) --no-print-directory dashboard || true; fi
	$(BIN)/guardian demo $(ARGS)

stack: setup ## the whole cloud shape on this machine: Kafka, emulators, every part (docs/stack.md)
	$(BIN)/python -m stack $(ARGS)

# Many tests wait for servers most of the time, so three run at a time also on two cores. Those that start a
# whole stack are one group, and run one after the other (xdist_group).
JOBS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((cores > 3 ? cores : 3)))

# Some tests look at the built pages, so these come first; without Node they are skipped (with CI=true they fail).
test: setup ## run every test
	@if $(NODE_FITS); then $(MAKE) --no-print-directory dashboard; fi
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)
	tests/web.sh

# Not part of `test`: its server takes 20 minutes and 6 GB to build, once.
test-bigquery: setup ## run the reports on a BigQuery-compatible server too, with Go
	$(BIN)/python -m pytest -m bigquery $(ARGS)

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
	$(BIN)/uv $(LOCK) --output-file requirements-dev.txt --constraints requirements.txt --extra dev --extra labels --extra api --extra google --extra kafka --extra bigquery --extra reports $(ARGS) pyproject.toml

LOCK := pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links

clean: ## remove .venv, caches and builds
	rm -rf $(DASHBOARD)/dist $(DASHBOARD)/node_modules
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
