# Every target makes what it needs: from a fresh clone, `make demo` or `make test` is all there is.
#   make PYTHON=/path/to/python3.12 ...   another Python
#   make VENV=/path/to/venv ...           another virtual environment

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.hwsk-ready
SOURCES := hwsk tests examples docs benchmarks
# Torch is pinned by constraints.txt: where pip can see a CPU build of that version, it takes it.
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

export MPLBACKEND := Agg

.PHONY: help demo test lint docs bench clean

help:
	@echo "make demo    make handwriting, train a small recognizer on it, read lines (5 minutes)"
	@echo "make test    lint, types, layers, docs, tests with coverage (20 minutes at most)"
	@echo "make lint    the first three of these alone"
	@echo "make docs    the documentation, in docs/_build/html"
	@echo "make bench   the training loop against a hand-written one"
	@echo "make clean   remove what these made"

$(READY): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' || { \
	  echo "hwsk needs Python 3.11.4 or newer, and '$(PYTHON)' is" \
	    "$$($(PYTHON) --version 2>&1). Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { \
	  echo "'$(PYTHON)' has no venv module (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@echo "== Making the virtual environment $(VENV) (1 to 5 minutes, no output until done)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) -e '.[all]'
	@touch $@

demo: $(READY)
	@$(BIN)/python -m hwsk demo

lint: $(READY)
	@echo "== Lint, types and layers"
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

docs: $(READY)
	@echo "== Documentation (about 3 minutes the first time)"
	@$(BIN)/sphinx-build -W --keep-going --quiet -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

test: lint docs
	@echo "== Tests, doctests, docstrings, coverage"
	@$(BIN)/python -m pytest --cov

bench: $(READY)
	@$(BIN)/python benchmarks/overhead.py

clean:
	rm -rf .venv build *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis \
	  .import_linter_cache docs/_build docs/auto_examples docs/generated docs/api.rst \
	  docs/sg_execution_times.rst hwsk_demo
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
