# Needs Python 3.11 or newer with venv, git and make. Everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The tests decide which database they run on, not the shell that they are started from.
ALONE := env -u DATABASE_URL -u BANGFU_HOME -u DJANGO_SETTINGS_MODULE
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# Files beside each other on all cores; kills, which count on time, and the browser run by themselves.
BESIDE := --numprocesses auto --dist loadfile
ARGS ?=
SERVE ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup dev demo test test-all check crawl bench docs screenshots lock clean
.DELETE_ON_ERROR:

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

setup: $(VENV)/run.stamp ## Install what bangfu needs to run into .venv

dev: $(VENV)/dev.stamp ## The same, with what tests and checks need

demo: setup ## Build the example county and serve it (SERVE=0: build it, print the summary and end)
	$(BIN)/bangfu demo $(if $(filter 0,$(SERVE)),--no-serve) $(ARGS)

test: dev ## The tests on SQLite, without the slow ones
	$(ALONE) $(BIN)/python -m pytest $(BESIDE) -m "not faults and not postgres and not browser and not large" $(ARGS)

test-all: dev ## All tests: kills and pages in Chromium among them on SQLite, then the others on PostgreSQL
	@echo "All tests on SQLite"
	$(ALONE) $(BIN)/python -m pytest $(BESIDE) -m "not faults and not postgres and not browser and not large" $(ARGS)
	@echo "Kills at many moments, pages in Chromium, and what is large"
	$(ALONE) $(BIN)/python -m pytest -m "faults or browser or large" $(ARGS)
	@echo "All tests on PostgreSQL"
	$(ALONE) $(BIN)/python tests/postgres.py $(BESIDE) -m "not faults and not browser and not large" $(ARGS)

check: dev build/check-venv/stamp ## Lint, format, types, imports, security rules, stale docs, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(ALONE) $(BIN)/mypy
	$(BIN)/lint-imports
	build/check-venv/bin/bandit --quiet --recursive --configfile pyproject.toml bangfu
	$(BIN)/python -m checks
	$(ALONE) $(BIN)/python -m docs.make --check
	@mkdir -p build/check-home
	$(ALONE) DJANGO_SETTINGS_MODULE=bangfu.settings BANGFU_HOME=build/check-home \
		$(BIN)/django-admin makemigrations --check --dry-run

crawl: dev build/crawl-venv/stamp ## Crawl and attack a demo on loopback, signed in as each role
	$(ALONE) $(BIN)/python -m tests.crawl $(ARGS)

bench: dev ## Measure speed
	$(ALONE) $(BIN)/python -m tests.bench $(ARGS)

docs: dev ## Make the generated pages of docs/
	$(ALONE) $(BIN)/python -m docs.make $(ARGS)

# A folder of its own: uv is not among what it locks.
LOCK_VENV := build/lock-venv
LOCK := env -u VIRTUAL_ENV $(LOCK_VENV)/bin/uv pip compile --no-config --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-emit-index-annotation

screenshots: dev ## A picture of every page of the demo, in both sizes and languages (needs Chromium)
	$(ALONE) $(BIN)/python -m tests.browser.shots $(ARGS)

lock: ## Make the locks in requirements/ again (ARGS=--upgrade for newer versions)
	@echo "Locking versions and hashes into requirements/"
	@$(PYTHON) -m venv $(LOCK_VENV)
	@$(LOCK_VENV)/bin/python -m pip --disable-pip-version-check install --quiet uv
	$(LOCK) pyproject.toml --extra build -o requirements/run.txt $(ARGS)
	$(LOCK) pyproject.toml --extra build --extra dev -c requirements/run.txt -o requirements/dev.txt $(ARGS)
	$(LOCK) requirements/check.in -o requirements/check.txt $(ARGS)
	$(LOCK) requirements/crawl.in -o requirements/crawl.txt $(ARGS)

clean: ## Remove what make and the tools made (never bangfu-home)
	rm -rf $(VENV) build out bangfu-demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Cannot find '$(PYTHON)'. Install Python 3.11 or newer, or say 'make PYTHON=/path/to/python3'." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version) is too old: bangfu needs Python 3.11 or newer. Install it, or say 'make PYTHON=/path/to/python3.11'." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "[1/3] Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# On a terminal pip shows its progress; elsewhere it would only fill a log.
install = q=--quiet; if [ -t 1 ]; then q=; fi; \
	$(PIP) install $$q --require-hashes -r $(1) || { echo "Installing from $(1) failed, see above. If it could not download: this needs the network; behind a proxy set HTTPS_PROXY, for a mirror set PIP_INDEX_URL." >&2; exit 1; }

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "[2/3] Installing $$(grep -c == $<) locked packages"
	@$(call install,$<)
	@echo "[3/3] Installing bangfu itself, editable"
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "[dev] Installing $$(grep -c == $<) locked packages for tests and checks (a minute or two)"
	@$(call install,$<)
	@touch $@

# Tools whose needs and ours do not go together: a folder for each.
build/%-venv/stamp: requirements/%.txt | $(BIN)/python
	@echo "[$*] Installing locked packages into build/$*-venv"
	@$(PYTHON) -m venv build/$*-venv
	@build/$*-venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet --require-hashes -r $<
	@touch $@
