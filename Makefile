# Needs Python >= 3.11 and make; everything else goes into .venv. `make` alone lists the targets.
# Another Python, beside the first: make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV   ?= .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.ready
FUZZ   := $(VENV)/.fuzz

.DELETE_ON_ERROR:
.PHONY: help setup versions demo test check sim bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with Syncara and the tools, or bring it up to date

demo: $(READY) ## a run whose process is killed in the middle, and an assistant's reply that starts one
	$(PY) examples/onboarding/demo.py
	$(PY) examples/assistant/demo.py

test: check ## the checks, then every test
	$(PY) -m pytest

check: $(READY) ## format, lint, types, layers
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo

sim: $(READY) $(FUZZ) ## 10,000 simulated runs, each from its seed, and 100,000 texts for the scanner
	$(PY) -m syncara.testing --seeds 10000
	$(PY) tests/shortcodes/fuzz_scanner.py --runs 100000

bench: $(READY) ## measure speed and this machine's limits
	$(PY) benchmarks/run.py

clean: ## remove the environment, the caches and what was built
	rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

versions: $(READY)
	$(PY) -c 'import sqlite3, sys; print("Python", sys.version); print("SQLite", sqlite3.sqlite_version)'
	$(PY) -m pip list

ifeq ($(CI),true)
check: versions
endif

# Debian and Ubuntu ship Python without ensurepip, which venv needs; it is in a package of its own.
define MISSING_VENV
package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
then set -x; apt-get update && apt-get install --yes "$$package"; \
else echo "$(PYTHON) cannot make a virtual environment: ensurepip is missing. On Debian or Ubuntu: sudo apt install $$package" >&2; exit 1; \
fi
endef

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Syncara needs Python 3.11 or newer, and $(PYTHON) is " + sys.version)'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(MISSING_VENV); }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --constraint constraints.txt --editable '.[dev]'
	@touch $@

# Where atheris cannot be had, the next `make sim` tries again; until then the texts for the scanner come from a seed.
$(FUZZ): $(READY)
	$(PY) -m pip install --constraint constraints.txt --only-binary atheris --editable '.[fuzz]' && touch $@ || true
