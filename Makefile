# Everything a person or CI does here is one of these targets; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/lock.txt
# Written last, holding the path of this checkout: a virtual environment without it was never
# finished, one with another path was moved and its entry points lead elsewhere.
STAMP := $(VENV)/.complete

# The first interpreter that starts and is new enough; `make setup PYTHON=...` overrides.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then echo "$$python"; break; fi; done)
UV := $(shell command -v uv 2>/dev/null)

USABLE := $(shell test "$$(cat $(STAMP) 2>/dev/null)" = '$(CURDIR)' \
	&& $(BIN)/python -c '' 2>/dev/null && echo yes)
ifneq ($(USABLE),yes)
.PHONY: $(STAMP)
endif

# Modules that write one page of docs/reference each; with --check they only compare.
REFERENCES := docs.generate docs.fidelity export_assets.config.json_schema export_assets.cli.reference \
	benchmarks.page

.PHONY: help setup demo test soak check format lint types docs docs-check site screenshots dev bench lock audit

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP)  ## Make .venv with the locked dependencies and this package
	@echo "ready: $(VENV), $$($(BIN)/python --version)"

demo: $(STAMP)  ## Make sample data, export all of it, show what was written
	@$(BIN)/export-assets demo

test: $(STAMP)  ## Run every test; a skipped one is printed with its reason
	@$(BIN)/python -m pytest -n 3 --dist worksteal -p no:junitxml -q

soak: $(STAMP)  ## Try to break every promise at full size, for an hour or two; writes docs/reliability.md
	@$(BIN)/python -m export_assets_tests.proof $(SUITES)

check: lint types docs-check test  ## Run all that CI runs, cheapest first

format: $(STAMP)  ## Rewrite the code in the house style
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: $(STAMP)  ## Check format, lint rules and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports

types: $(STAMP)  ## Check types, strictly, tests included
	@$(BIN)/mypy
	@$(BIN)/mypy -p benchmarks -p docs

docs: $(STAMP)  ## Regenerate docs/reference from the code
	@for module in $(REFERENCES); do $(BIN)/python -m $$module || exit 1; done

site: $(STAMP)  ## Build the documentation site into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo 'site/index.html'

docs-check: $(STAMP)
	@for module in $(REFERENCES); do $(BIN)/python -m $$module --check || exit 1; done

screenshots: $(STAMP)  ## Take the pictures of docs/tour.md again
	@EXPORT_ASSETS_SCREENSHOTS=docs/images $(BIN)/python -m pytest -p no:junitxml -q \
		--basetemp="$$(mktemp -d)" export_assets_tests/browser

dev: $(STAMP)  ## Open the Dagster UI on 127.0.0.1
	@$(BIN)/export-assets dev

bench: $(STAMP)  ## Measure speed and memory beside the peers, for hours; writes docs/performance.md
	@$(BIN)/python -m benchmarks bench

# Any Python that has uv will do; uv keeps versions already locked unless asked: UPGRADE=--upgrade.
lock:  ## Lock the dependencies again (needs uv)
	@test -n '$(UV)' || { echo 'make lock: uv is not on PATH' >&2; exit 1; }
	@$(UV) pip compile pyproject.toml requirements/build.in --output-file $(LOCK) --quiet \
		--all-extras --group dev --universal --python-version 3.11 $(UPGRADE) \
		--generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-strip-extras --custom-compile-command 'make lock'

# Asks https://osv.dev; what is put up with for a time is in requirements/audit.toml.
audit: $(STAMP)  ## Fail where something locked has a known vulnerability
	@$(BIN)/python requirements/audit.py

# A finished environment is brought up to date; anything else is made from nothing.
$(STAMP): pyproject.toml $(LOCK)
	@if [ '$(USABLE)' = yes ]; then rm -f $@; \
	elif [ -n '$(PYTHON)' ] && [ -n '$(UV)' ]; then rm -rf $(VENV) && $(UV) venv -q --python '$(PYTHON)' $(VENV); \
	elif [ -n '$(UV)' ]; then rm -rf $(VENV) && $(UV) venv -q --python 3.13 $(VENV); \
	elif [ -n '$(PYTHON)' ]; then rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); \
	else echo 'make setup: no Python 3.11 or newer on PATH (looked for python3.13, python3.12,' \
		'python3.11, python3)' >&2; exit 1; fi
	@echo "installing $$(grep -c '^[a-z].*==' $(LOCK)) locked packages into $(VENV)"
	@if [ -n '$(UV)' ]; then \
		$(UV) pip install -q --python $(BIN)/python --no-deps --require-hashes -r $(LOCK) && \
		$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
		$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps \
			--require-hashes -r $(LOCK) && \
		$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi
	@echo '$(CURDIR)' > $@
