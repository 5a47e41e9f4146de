# Works with Python 3.11+ and make; uses uv where it is installed.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test lint types format lock docs

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

install: $(INSTALLED) ## .venv with lakefall, every extra and the tools for tests

$(INSTALLED): requirements.lock pyproject.toml tools/install
	@sh tools/install "$(PYTHON)"
	@touch $@

demo: $(INSTALLED) ## real CSV files become Iceberg tables, in a temporary folder
	@$(BIN)/python examples/demo.py

lint: $(INSTALLED) ## ruff
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED) ## mypy --strict
	$(BIN)/mypy

test: lint types ## lint, types, and every test: unit, contracts, docs, acceptance
	$(BIN)/pytest -n auto

format: $(INSTALLED) ## let ruff lay out and repair the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(INSTALLED) ## write docs/ anew from the code
	$(BIN)/python tools/reference.py

lock: ## write requirements.lock anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --all-extras --group dev \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	  --output-file requirements.lock pyproject.toml
