# Works with Python 3.11+ and make. The servers need what stack/bootstrap installs.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
CORES := $(shell getconf _NPROCESSORS_ONLN)
# Tests wait for servers part of their time: one more than there are cores.
WORKERS ?= $(shell expr $(CORES) + 1)
# With AIRFLOW=1. AIRFLOW=local is the smaller one: no workers, SQLite.
CELERY_WORKERS ?= 2
UV := $(shell command -v uv || echo $(BIN)/uv)
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --no-header

.DEFAULT_GOAL := help
.PHONY: help install demo check quick test bench chaos soak lint types format lock docs env \
  stack-up stack-down stack-status stack-env stack-remove

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

install: $(INSTALLED) ## .venv with lakefall, every extra and the tools for tests

$(INSTALLED): requirements.lock pyproject.toml tools/install
	@sh tools/install "$(PYTHON)"
	@touch $@

demo: $(INSTALLED) ## real CSV files become Iceberg tables, in a temporary folder
	@$(BIN)/python examples/demo.py

stack-up: $(INSTALLED) ## start SeaweedFS, Iceberg REST, Trino, Superset; AIRFLOW=1: Airflow too
	@$(BIN)/python -m stack up $(if $(filter local,$(AIRFLOW)),--airflow local,\
	  $(if $(AIRFLOW),--airflow celery --workers $(CELERY_WORKERS)))

stack-down: $(INSTALLED) ## stop them; their data stay
	@$(BIN)/python -m stack down

stack-status: $(INSTALLED) ## a table of them
	@$(BIN)/python -m stack status

stack-env: $(INSTALLED) ## their addresses and credentials as export lines
	@$(BIN)/python -m stack env

stack-remove: $(INSTALLED) ## stop them and delete their data
	@$(BIN)/python -m stack remove

env: ## .env for docker-compose, with fresh secrets
	@"$(PYTHON)" tools/env.py

lint: $(INSTALLED) ## ruff
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED) ## mypy --strict
	$(BIN)/mypy

# Properties are tried with a third of their usual examples, and tests that take seconds each are
# marked `slow` and left to `make test`, which runs and tries all.
check: $(INSTALLED) ## lint, types, unit, contract and documentation tests: 3.5 minutes
	@$(MAKE) --no-print-directory -j3 lint types quick

quick: $(INSTALLED)
	LAKEFALL_TEST_EXAMPLES=8 $(BIN)/pytest -q -n $(CORES) -m "not slow" tests/unit tests/contracts tests/docs

test: lint types ## lint, types, and every test, with servers of their own
	$(BIN)/python -m stack run -- $(BIN)/pytest -n $(WORKERS)

bench: $(INSTALLED) ## the short set of benchmarks, on servers of its own; under 5 minutes
	$(BIN)/python -m stack run -- $(BIN)/python benchmarks/limits.py --only large many nothing --runs 3

SEED ?=
MINUTES ?= 10
chaos: $(INSTALLED) ## kills, faults, rivals, clocks, full disks: SEED=N to repeat, MINUTES=10
	PYTHONPATH=tests:. $(BIN)/python -m stack run --only seaweedfs --only rest -- \
	  $(BIN)/python -m chaos --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

soak: $(INSTALLED) ## 20,000 files through one watcher, 200 uploads to Trino: half an hour
	PYTHONPATH=tests:benchmarks:. $(BIN)/python -m stack run -- $(BIN)/python benchmarks/soak.py

format: $(INSTALLED) ## let ruff lay out and repair the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(INSTALLED) ## write docs/ anew from the code
	$(BIN)/python tools/reference.py

lock: ## write the lock files anew (with uv)
	$(COMPILE) --extra all --group dev --output-file requirements.lock pyproject.toml
	$(COMPILE) --output-file stack/requirements-tools.lock stack/requirements-tools.in
	$(COMPILE) --output-file stack/requirements-superset.lock stack/requirements-superset.in
	$(COMPILE) --output-file benchmarks/dlt_side/requirements.lock benchmarks/dlt_side/requirements.in
	$(COMPILE) --output-file benchmarks/peers_side/requirements.lock benchmarks/peers_side/requirements.in
	$(COMPILE) --extra all --output-file stack/requirements-airflow.lock \
	  stack/requirements-airflow.in pyproject.toml
