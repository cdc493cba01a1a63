# What people type in a clone of ldapproxy. `make` alone lists it.
#
# Everything of Python's goes into .venv of this clone, from the hash-locked lists in lock/; the user's own
# environment is not touched. A stamp file stands for each finished set-up, so that a second run costs nothing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:    # pytest's closing line comes last, and pytest has workers of its own

VENV := .venv
BIN := $(VENV)/bin
# --no-build-isolation: setuptools comes from lock/build.txt too, not from the day's newest release.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
LOCKED := $(PIP_INSTALL) --require-hashes
# Twice quiet: setuptools warns that an editable package lies in the working directory, which is the point.
EDITABLE := $(PIP_INSTALL) --quiet --no-deps --no-build-isolation --editable .

# Test files run side by side; most of their time is waiting for a process or a person who does not answer.
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile
ARGS ?=

.PHONY: help
help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

# --- for users -------------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(VENV)/.demo ## Try it: a directory, a Duo simulator with a phone page, and the proxy between them
	@$(BIN)/ldapproxy demo $(ARGS)

# --- for developers --------------------------------------------------------------------------------------------

.PHONY: test
test: system lint unit ## Set everything up, then check the style, the types, the floors, and run every test

.PHONY: lint
lint: $(VENV)/.dev ## Style, types, import contracts, and the Dockerfiles
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint deploy/docker/*Dockerfile

.PHONY: unit
unit: $(VENV)/.dev ## Only the tests: make unit ARGS="tests/unit/ldap -k dn"
	$(PYTEST) $(ARGS)

.PHONY: test-apps
test-apps: system $(VENV)/.dev ## Only real applications through the proxy, and a table of what they did
	$(PYTEST) $(or $(ARGS),tests/apps)

.PHONY: test-container
test-container: $(VENV)/.dev ## Build the container image, run it locked down, log in through it (needs root)
	@.ci/install-system-packages .ci/system-packages.txt .ci/container-packages.txt
	$(BIN)/python -m pytest -m container $(or $(ARGS),tests/container)

# Inputs for each target, and messages on the wire, of a long run: make fuzz CODEC_RUNS=10000000
CODEC_RUNS ?= 2000000
WIRE_MESSAGES ?= 200000

.PHONY: fuzz
fuzz: system $(VENV)/.dev ## Fuzz for long: decoders, names, sessions (atheris), and a running proxy on the wire
	$(BIN)/python -m tests.fuzz.long --codec $(CODEC_RUNS) --wire $(WIRE_MESSAGES) $(ARGS)

# How long the soak takes: make soak MINUTES=120
MINUTES ?= 20

.PHONY: soak
soak: system $(VENV)/.dev ## Logins of every outcome and faults everywhere for MINUTES; then: is anything left behind?
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

.PHONY: bench
bench: system $(VENV)/.dev ## How fast, next to slapd, back-ldap and HAProxy; writes tests/bench/results (10 minutes, quiet machine)
	@.ci/install-system-packages .ci/bench-packages.txt
	$(BIN)/python -m tests.bench $(ARGS)

.PHONY: format
format: $(VENV)/.dev ## Put the code into its style
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

.PHONY: lock
lock: $(VENV)/.dev ## Write lock/ anew from pyproject.toml: make lock UPGRADE=--upgrade takes newer releases too
	.ci/lock $(BIN)/uv $(UPGRADE)

.PHONY: audit
audit: $(VENV)/.dev ## Ask PyPI whether a locked release is known to be vulnerable (needs the network)
	for list in lock/*.txt; do $(BIN)/pip-audit --strict --disable-pip --require-hashes --requirement "$$list"; done

.PHONY: clean
clean: ## Remove .venv and every cache
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# --- set-up ----------------------------------------------------------------------------------------------------

.PHONY: system
system:
	@.ci/install-system-packages .ci/system-packages.txt

$(BIN)/python:
	@python="$$(PYTHON="$(PYTHON)" .ci/find-python)" && "$$python" -m venv $(VENV)

$(VENV)/.demo: pyproject.toml lock/build.txt lock/demo.txt | $(BIN)/python
	@echo "Installing ldapproxy and its demo into $(VENV) ..."
	@$(LOCKED) --requirement lock/build.txt --requirement lock/demo.txt
	@$(EDITABLE)
	@touch $@

$(VENV)/.dev: pyproject.toml lock/build.txt lock/dev.txt | $(BIN)/python
	@echo "Installing ldapproxy and what its tests need into $(VENV) ..."
	@$(LOCKED) --requirement lock/build.txt --requirement lock/dev.txt
	@$(EDITABLE)
	@touch $@
