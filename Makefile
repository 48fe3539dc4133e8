# Second Look: `make demo` shows it, `make test` checks it, `make test-all` checks it on real
# material. Everything lands in this folder.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
ARGS ?=
WORKERS ?= 2
PYTEST_ARGS ?=

RUN := "$(VENV)/bin/python"
PYTEST = $(RUN) -m pytest -n $(WORKERS) --dist loadgroup
# The installer's own lines are for people at a terminal; in a log only its warnings matter.
PIP = $(RUN) -m pip install --disable-pip-version-check $$([ -t 1 ] || echo --quiet --quiet)

.PHONY: help demo test test-all lint api-docs format venv venv-dev clean

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 18

demo: $(VENV)/.runtime ## Set up, take in a scene and serve the review pages (ARGS="--help" for options)
	@echo "== Database"
	@$(RUN) manage.py migrate --verbosity 0
	@echo "== Demo"
	@exec $(RUN) manage.py demo $(ARGS)

test: CHOSEN = not slow
test-all: CHOSEN = slow or not slow
test: ## Check style, migrations and all that is quick to test
test-all: ## Check all: real models and films, and every key of the longer pages too
test test-all: lint
	@echo "== Migrations"
	@$(RUN) manage.py makemigrations --check --dry-run
	@if [ -n "$${TEST_POSTGRES_URL:-}" ]; then \
	  echo "== Tests of SQL and concurrency on PostgreSQL"; \
	  TEST_DATABASE_URL="$$TEST_POSTGRES_URL" $(PYTEST) -m "sql and ($(CHOSEN))" $(PYTEST_ARGS); \
	fi
	@echo "== Tests"
	@$(PYTEST) -m "$(CHOSEN)" $(PYTEST_ARGS)

lint: $(VENV)/.dev ## Check the style
	@echo "== Style"
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

api-docs: $(VENV)/.runtime ## Write docs/api.md from the API's schema
	@$(RUN) manage.py describe_api

format: $(VENV)/.dev ## Rewrite the code in the project's style
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

venv: $(VENV)/.runtime ## Install what the product needs into .venv

venv-dev: $(VENV)/.dev ## Install what its tests need too

clean: ## Remove caches and the virtual environment; var/ (database, media, models) stays
	rm -rf .pytest_cache .ruff_cache .hypothesis test-results
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
	[ ! -f "$(VENV)/pyvenv.cfg" ] || rm -rf "$(VENV)"

$(VENV)/bin/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Second Look needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" --version 2>&1 || true)." \
	       "Name another with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "== Virtual environment in $(VENV)"
	@"$(PYTHON)" -m venv "$(VENV)" || { rm -f "$(VENV)/bin/python"; \
	  echo "$(PYTHON) could not make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }

# A stamp is newer than the requirement files it was installed from, or pip runs again.
$(VENV)/.runtime: requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "== Packages (about 8 GB and several minutes the first time)"
	@$(PIP) -r requirements.txt
	@touch "$@"

$(VENV)/.dev: requirements-dev.txt requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "== Packages, with those for tests (about 8 GB and several minutes the first time)"
	@$(PIP) -r requirements-dev.txt
	@touch "$(VENV)/.runtime" "$@"
