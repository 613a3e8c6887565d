# Every target works on a fresh machine that has make and Python 3.10 or later. Their own set-up comes first.

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11 python3.10,$(shell \
	$(name) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && echo $(name))))
VENV := .venv
RUN := $(VENV)/bin/python
# Pip may be set up for another index or another certificate. Uv uses the system's certificates, and that index from
# pip's variable only. Without a folder for its cache, as in a container without a home, uv would fail.
UV_CACHE := folder=$$($(VENV)/bin/uv cache dir); mkdir -p "$$folder" 2>/dev/null && test -w "$$folder" || echo --no-cache
UV := UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$PIP_INDEX_URL}" UV_SYSTEM_CERTS=1 $(VENV)/bin/uv $$($(UV_CACHE))
INSTALL := $(UV) pip install --quiet --python $(RUN)
SOURCES := $(shell find provider/pulumi_justt -type f -not -name '*.pyc')

# Where the scripts of tools/ find one another, what they share with the tests, and the package.
SCRIPTS := provider:tests:tools/engine:tools/benchmarks:tools/docs

.PHONY: up preview refresh destroy stop env test test-unit test-slow test-all test-environments faults errors docs lint fleet bench sdks audit dist lock clean help

help: ## show the targets
	@sed -n 's/^\([a-z][a-z -]*\):.*## /\1: /p' Makefile

up: $(VENV)/.package ## a real `pulumi up` of examples/quickstart, against a simulator; all that it needs is made first
	@$(RUN) tools/engine/project.py $@
	@$(RUN) tools/engine/project.py next

preview refresh destroy stop env: $(VENV)/.package ## preview, refresh or destroy that stack; stop the simulator; print the environment
	@$(RUN) tools/engine/project.py $@

test: $(VENV)/.dev ## run the main test of each guarantee and all quick ones, on the real engine
	@$(RUN) tools/engine/test.py -m "not slow"

# The tests of hosts take longest, so they begin first.
test-unit: $(VENV)/.dev ## run the quick tests that need no engine
	@PYTHONPATH=$(CURDIR)/provider $(RUN) -m pytest --numprocesses 4 --dist worksteal -m "not engine and not slow" \
	    tests/host tests/unit

test-slow: $(VENV)/.dev $(VENV)/.docs ## run the tests that `make test` leaves out, and report branch coverage
	@$(RUN) tools/engine/test.py --slow

test-all: $(VENV)/.dev $(VENV)/.docs ## run all tests, and report branch coverage
	@$(RUN) tools/engine/test.py --all

test-environments: $(VENV)/.dev ## run a part of the tests in a dozen environments (ARGS="umask proxy" for some of them)
	@$(RUN) tools/release/environments.py $(ARGS)

test-newest: $(VENV)/.dev ## run `make test` with the newest Pulumi: CLI, language host and SDK (ARGS=test-unit for another target)
	@$(RUN) tools/release/newest.py $(ARGS)

faults: $(VENV)/.dev ## print what each fault leaves behind, here and with a plain dynamic provider
	@PYTHONPATH=$(SCRIPTS) $(RUN) tools/benchmarks/fault_table.py

errors: $(VENV)/.dev ## write docs/errors.md, the table of all errors, from the source
	@PYTHONPATH=$(SCRIPTS) $(RUN) tools/docs/error_table.py > docs/errors.md.new && mv docs/errors.md.new docs/errors.md

docs: errors $(VENV)/.docs ## write what is made from the source (errors.md, reference, installation), and build site/ of docs/
	@PYTHONPATH=$(SCRIPTS) $(RUN) tools/docs/reference.py
	@PYTHONPATH=$(SCRIPTS) $(RUN) tools/docs/install.py
	@$(RUN) tools/docs/website.py site

lint: $(VENV)/.dev ## check style, formatting, types and the workflows
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	$(VENV)/bin/zizmor --offline --quiet .github examples/workflows
	! git ls-files --cached --ignored --exclude-standard | grep .  # what git is to ignore is not committed
	set -e; for program in examples/*/__main__.py; do $(RUN) -m mypy --no-explicit-package-bases $$(dirname $$program); done

fleet: $(VENV)/.dev ## print what fleets of 10 to 10,000 integrations cost under the vendor's quota
	@PYTHONPATH=$(SCRIPTS) $(RUN) tools/benchmarks/fleet.py

bench: $(VENV)/.dev ## measure this beside a no-op resource, a plain provider and Terraform (ARGS=--quick, ARGS=--help)
	@PYTHONPATH=$(SCRIPTS) $(RUN) tools/benchmarks/bench.py $(ARGS)

sdks: $(VENV)/.package ## generate the plugin's SDKs for Python, Node and Go into sdks/; makes the language hosts first
	@$(RUN) tools/engine/sdks.py

audit: $(VENV)/.dev ## look up known vulnerabilities of what is locked (REQUIRED=--required: fail where that can't be done)
	@$(RUN) tools/release/audit.py $(REQUIRED)

dist: $(VENV)/.dev ## build wheel, sdist and the wheel's bill of materials (CycloneDX) into dist/
	@rm -rf dist
	@$(RUN) tools/release/dist.py dist

.PHONY: test-newest wheel record-state release-prepare release-dry-run

wheel: $(VENV)/.dev ## build twice, compare, and run the wheel in empty environments on the oldest and the newest Python here
	@$(RUN) tools/release/wheel.py

release-prepare: $(VENV)/.dev ## write VERSION=0.3.0 and today's date into the package, the changelog and the docs
	@$(RUN) tools/release/release.py prepare $(VERSION)

record-state: $(VENV)/.dev ## record the state that this version writes (VERSION=0.3.0), for the tests of later versions
	@PYTHONPATH=$(SCRIPTS) $(RUN) tests/support/recorded_state.py $(VERSION)

release-dry-run: $(VENV)/.dev ## check and build into dist/ what the tag of a release publishes (TAG=v0.3.0: check that too)
	@$(RUN) tools/release/release.py build $(TAG)

lock: $(VENV)/.uv ## resolve the dependencies anew (UPGRADE= keeps each version that still fits)
	$(UV) pip compile $(LOCK) --group uv -o requirements-uv.lock
	$(UV) pip compile $(LOCK) --group go -o requirements-go.lock
	$(UV) pip compile $(LOCK) --group node -o requirements-node.lock
	$(UV) pip compile $(LOCK) $(PACKAGE) -o requirements.lock
	$(UV) pip compile $(LOCK) $(PACKAGE) --group dev -c requirements.lock -o requirements-dev.lock
	$(UV) pip compile $(LOCK) --group docs -c requirements-dev.lock -o requirements-docs.lock

LOCK := --universal --python-version 3.10 --generate-hashes --no-header --no-emit-index-url --quiet $(UPGRADE)
UPGRADE := --upgrade
PACKAGE := pyproject.toml --extra cli --extra simulator --group build

clean: ## remove what the targets made, the engine and the stack's state included
	-$(RUN) tools/engine/project.py stop
	rm -rf $(VENV) .dev Pulumi.dev.yaml dist sdks site .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "No Python 3.10 or later with venv and pip was found: install one (on Debian and\
	 Ubuntu: apt install python3 python3-venv), or run 'make PYTHON=/path/to/python3'." >&2; exit 1; }
	@echo "python: making $(VENV) with $$($(PYTHON) --version)" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.uv: requirements-uv.lock $(VENV)/.made
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.locked: requirements.lock $(VENV)/.uv
	@echo "python: installing the locked dependencies" >&2
	@$(INSTALL) --require-hashes -r $<
	@touch $@

$(VENV)/.package: pyproject.toml README.md LICENSE $(SOURCES) $(VENV)/.locked
	@$(INSTALL) --no-deps --no-build-isolation --reinstall-package pulumi-justt .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.package
	@echo "python: installing the locked tools of the tests" >&2
	@$(INSTALL) --require-hashes -r $<
	@touch $@

$(VENV)/.docs: requirements-docs.lock $(VENV)/.dev
	@echo "python: installing the locked tools of the documentation" >&2
	@$(INSTALL) --require-hashes -r $<
	@touch $@
