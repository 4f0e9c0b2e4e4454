# `make help` lists the commands. Each does all it needs from a bare checkout.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help run test check test-client test-generated test-browser bench chaos chaos-short chaos-planted audit schemathesis mutants deploy-check image-check up down cluster-check cluster cluster-down format lock clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1|/' | awk -F'|' '{printf "make %-14s %s\n", $$1, $$2}'

run: .venv/.run  ## serve on 127.0.0.1:8000 (HOST, PORT); prints a curl line that works
	@scripts/run.sh

test: .venv/.test  ## run the tests on SQLite and on a real PostgreSQL
	$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=worksteal --cov --cov-report=term

check: .venv/.audit  ## lint, types, import contracts, migrations without drift, known vulnerabilities
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	scripts/check-migrations.sh
	scripts/audit.sh

test-client: .venv/.run  ## run the platform's JavaScript client against a running server
	VENV=.venv tests/live/client/run

test-generated: .venv/.generated  ## generate clients from the OpenAPI document and use them
	$(BIN)/python -m pytest -c setup.cfg tests/live/generated

test-browser: .venv/.browser  ## drive the documentation and the example pages in Chromium
	$(BIN)/python -m pytest -c setup.cfg tests/live/browser -m browser

bench: .venv/.bench  ## compare with FastAPI, Django REST Framework and the floor; writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks compare cost growth --write

chaos: .venv/.test  ## break the database and the workers under load; about 15 minutes
	$(BIN)/python -m tests.chaos

chaos-short: .venv/.test  ## the short form, about a minute
	$(BIN)/python -m tests.chaos --short

chaos-planted: .venv/.test  ## the same with planted defects that it must find
	$(BIN)/python -m tests.chaos --planted

audit: .venv/.audit  ## look for known vulnerabilities in the pinned packages
	scripts/audit.sh

schemathesis: .venv/.schemathesis  ## try the OpenAPI document on the live service (CASES=2900: the long form)
	$(BIN)/python -m tests.security.run_schemathesis $(or $(CASES),150)

mutants: .venv/.mutants  ## change the code here and there and see whether the tests notice
	nice $(BIN)/python -m tests.mutation

deploy-check: .venv/.test  ## run nginx, gunicorn and PostgreSQL from deploy/ and test the public port
	scripts/deploy-check.sh

image-check: .venv/.image  ## build the image and run it, read-only; check compose.yaml and the Kubernetes manifest
	scripts/image-check.sh

up: .venv/.test  ## leave that stack running (PORT, 8080) and print its address
	scripts/install.sh nginx:nginx
	$(BIN)/python -m tests.deploy up

down: .venv/.test  ## stop it
	$(BIN)/python -m tests.deploy down

cluster-check: .venv/.cluster  ## run three nodes and two instances from deploy/cluster/ and break them
	scripts/cluster-check.sh

cluster: .venv/.cluster  ## leave that cluster running (PORT, 8080) and print its addresses
	scripts/cluster-check.sh up

cluster-down: .venv/.cluster  ## end it
	$(BIN)/python -m tests.cluster down

format: .venv/.test  ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock:  ## resolve the dependencies again and pin them in constraints.txt
	scripts/lock.sh

clean:  ## remove what the commands made, except instance/ with its data
	rm -rf .venv mutants build *.egg-info .coverage .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "This needs Python 3.11 or newer; name one with make PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "This needs Python's venv; on Debian: apt-get install python3-venv." >&2; exit 1; }

.venv/.run: .venv/bin/pip setup.cfg constraints.txt
	$(INSTALL) --editable .
	@touch $@

.venv/.test: .venv/.run
	$(INSTALL) --editable '.[test,check]'
	@touch $@

.venv/.audit .venv/.bench .venv/.browser .venv/.cluster .venv/.generated .venv/.image .venv/.mutants .venv/.schemathesis: .venv/.test
	$(INSTALL) --editable '.[$(patsubst .venv/.%,%,$@)]'
	@touch $@
