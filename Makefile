# `make help` lists the commands.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help retrain server deploy worker cluster test test-services faults soak test-arm check format docs bench clean

# Prefect's own variables decide where its server is; these are for when they are not set.
PREFECT_SERVER_API_PORT ?= 4200
PREFECT_API_URL ?= http://127.0.0.1:$(PREFECT_SERVER_API_PORT)/api
server: export PREFECT_SERVER_API_PORT := $(PREFECT_SERVER_API_PORT)
deploy worker: export PREFECT_API_URL := $(PREFECT_API_URL)

help:  ## list the commands
	@sed -n 's/^\([a-z-]*\):.*##\(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

retrain: .venv/runtime  ## retrain on the bundled corpus, under Prefect's embedded server
	$(BIN)/python -m flows.retrain

server: .venv/runtime  ## Prefect's server and UI, on this machine alone
	$(BIN)/python -m flows.server

deploy: .venv/runtime  ## send prefect.yaml to the server; again after each change to it
	$(BIN)/python -m flows.deploy

worker: .venv/runtime  ## run what the server schedules
	$(BIN)/python -m flows.worker

# How many workers share the cores, and where the scheduler listens.
CLUSTER_WORKERS ?= 2
CLUSTER_PORT ?= 8786
cluster: .venv/runtime .venv/dask  ## a Dask scheduler and workers on this machine, for `--engine tcp://127.0.0.1:8786`
	$(BIN)/python -m flows.cluster --workers $(CLUSTER_WORKERS) --port $(CLUSTER_PORT)

test: .venv/dev  ## all tests that need only Python
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test-services: .venv/dev .venv/services  ## tests with real servers, which they start on loopback
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder tests/services

faults: .venv/dev .venv/services  ## the long fault tests
	$(BIN)/pytest --numprocesses 3 --dist worksteal tests/faults

soak: .venv/dev  ## a year of nights on a small network, about ten minutes
	$(BIN)/pytest tests/soak

# apt-get keeps all its files in build/arm, so it needs no rights. `emulated` is a script, so that a
# test which starts Python starts the emulator.
ARM := $(CURDIR)/build/arm
ARM_RUN ?= -m pytest tests/rnncore
ARM_APT := apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
    -o Dir::State=$(ARM)/apt -o Dir::State::status=/dev/null -o Dir::Cache=$(ARM)/apt
test-arm: build/arm/ready  ## tests of the kernels on an emulated ARM processor
	NUMBA_CACHE_DIR=$(ARM)/cache PYTHONPATH=$(ARM)/packages:$(CURDIR) $(ARM)/usr/bin/emulated $(ARM_RUN)

build/arm/ready: constraints.txt | .venv/bin/python
	rm -rf $(ARM) && mkdir -p $(ARM)/apt/lists/partial $(ARM)/apt/archives/partial
	$(ARM_APT) update
	$(ARM_APT) install --yes --download-only --no-install-recommends python3 libstdc++6
	for package in $(ARM)/apt/archives/*.deb; do dpkg -x $$package $(ARM) || exit; done
	version=$$(readlink $(ARM)/usr/bin/python3) && \
	    $(BIN)/pip install --quiet --target $(ARM)/packages -c constraints.txt --only-binary=:all: \
	    --platform manylinux_2_28_aarch64 --platform manylinux_2_17_aarch64 \
	    --python-version $${version#python} hypothesis numba pytest
	printf '#!/bin/sh\nexec qemu-aarch64-static -0 "$$0" -L %s %s "$$@"\n' \
	    $(ARM) $(ARM)/usr/bin/python3 > $(ARM)/usr/bin/emulated
	chmod +x $(ARM)/usr/bin/emulated
	touch $@

check: .venv/dev  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/dev  ## let ruff fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/dev  ## write docs/cli.md and docs/report-schema.md again, after a change of parameters or columns
	$(BIN)/python docs/write_cli.py
	$(BIN)/python docs/write_report_schema.py

bench: .venv/bench  ## print the benchmarks
	$(BIN)/python -m benchmarks

clean:  ## remove environment and caches; the store stays
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) \
	    else f"Python 3.11 to 3.13 is needed, {v[0]}.{v[1]} found: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv

# A stamp file for each set of packages, so that a second `make` installs nothing.
.venv/runtime: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/dev .venv/services .venv/bench .venv/dask: .venv/%: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$*]'
	@touch .venv/runtime $@
