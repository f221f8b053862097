# Concord: `make help` lists what there is to say.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.concord-setup
LOG := var/log/setup.log
HOST ?= 127.0.0.1
PORT ?= 8000
SIZE ?= full
ARGS ?=
# Two at a time keeps two cores busy: many tests wait for processes, not for the processor.
TESTS := $(PY) -m pytest -n 2 --maxschedchunk 1

.DEFAULT_GOAL := help
.PHONY: help setup run test test-sqlite test-postgres test-deep demo lint fmt clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv and install everything under constraints.txt (PYTHON= names the interpreter)
	@echo "Concord is set up in $(VENV). Next: make run"

# Redone only when what to install has changed.
$(STAMP): pyproject.toml constraints.txt scripts/setup
	@PYTHON="$(PYTHON)" scripts/setup $(VENV) $(LOG)
	@touch $@

run: $(STAMP) ## serve Concord with its demo project and workers (HOST=, PORT=)
	@exec $(PY) manage.py serve --host $(HOST) --port $(PORT)

test: test-sqlite test-postgres ## run the default tests on SQLite, then on PostgreSQL and Redis

test-sqlite: $(STAMP) ## run the default tests on SQLite (ARGS= goes to pytest)
	@$(TESTS) $(ARGS)

test-postgres: $(STAMP) ## run the default integration and Celery tests on PostgreSQL and Redis (ARGS= too)
	@$(TESTS) --database postgres tests/integration tests/celery $(ARGS)

test-deep: $(STAMP) ## run storms, kills and long journeys, on SQLite, then on PostgreSQL and Redis
	@$(TESTS) -m deep $(ARGS)
	@$(TESTS) -m deep --database postgres tests/integration tests/celery $(ARGS)

demo: $(STAMP) ## run the whole loop unattended with simulated experts (SIZE=small or full)
	@exec $(PY) manage.py demo --size $(SIZE)

lint: $(STAMP) ## check style, imports between apps and missing migrations
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(VENV)/bin/lint-imports --no-cache
	@$(PY) manage.py makemigrations --check --dry-run

fmt: $(STAMP) ## format the code
	@$(PY) -m ruff check --fix . && $(PY) -m ruff format .

clean: ## remove .venv and caches; var/ (your data) stays
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis test-results
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
