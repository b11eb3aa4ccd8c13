# Every target makes what it needs: from a fresh clone, `make demo` or `make test` is all there is.
#   make PYTHON=/path/to/python3.12 ...   another Python
#   make VENV=/path/to/venv ...           another virtual environment
#   make test COVERAGE=--cov              measure coverage, too, as CI does

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
OLDEST ?= .venv-oldest
READY := $(VENV)/.hwsk-ready
SOURCES := hwsk tests examples docs benchmarks
# Torch is pinned by constraints.txt: where pip can see a CPU build of that version, it takes it.
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt

export MPLBACKEND := Agg

# The smallest instruction sets that torch, oneDNN and OpenBLAS still know, and two threads: what an
# old processor computes, and what most users have.
OLD_PROCESSOR := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OPENBLAS_CORETYPE=Nehalem \
  OMP_NUM_THREADS=2
SPHINX = $(BIN)/sphinx-build -W --keep-going --quiet -b html

.PHONY: help demo test test-slow test-oldest test-arithmetic lint docs docs-check docs-text bench \
  clean

help:
	@echo "make demo             what the pretrained models do; train a small recognizer on generated lines"
	@echo "make test             lint, types, layers, text of the docs, tests"
	@echo "make test-slow        the tests that take 20 seconds or more each (CI runs them, too)"
	@echo "make test-arithmetic  the numerical tests as an old processor computes, with two threads"
	@echo "make lint             the first three parts of make test alone"
	@echo "make docs             the documentation with its gallery, in docs/_build/html"
	@echo "make docs-check       open the built documentation in Chromium: nothing cut, no dead link"
	@echo "make test-oldest      the tests with the oldest versions that setup.cfg allows"
	@echo "make bench            the training loop against a hand-written one"
	@echo "make clean            remove what these made"
	@echo "How long they take: README.md"

$(READY): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' || { \
	  echo "hwsk needs Python 3.11.4 or newer, and '$(PYTHON)' is" \
	    "$$($(PYTHON) --version 2>&1). Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { \
	  echo "'$(PYTHON)' has no venv module (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@echo "== Making the virtual environment $(VENV) (about 3 minutes, no output until done)"
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
	@echo "== Documentation; the gallery's examples that changed are run"
	@$(SPHINX) docs docs/_build/html
	@echo "docs/_build/html/index.html"

docs-check: docs
	@echo "== Documentation in a browser, at 1,400 and 400 pixels"
	@$(BIN)/python docs/check_rendering.py docs/_build/html

docs-text: $(READY)
	@echo "== Documentation, the gallery's examples not run"
	@$(SPHINX) -t text docs docs/_build/text

test: lint docs-text
	@echo "== Tests, doctests, docstrings"
	@$(BIN)/python -m pytest -m "not slow" $(COVERAGE) -n auto --dist worksteal

test-slow: $(READY)
	@echo "== Tests that take 20 seconds or more each"
	@$(BIN)/python -m pytest -q -m slow -n auto --dist worksteal tests

test-oldest: $(OLDEST)/.hwsk-ready
	@echo "== Tests with the oldest versions that setup.cfg allows"
	@$(OLDEST)/bin/python -m pytest -q -m "not slow" -n auto --dist worksteal tests

$(OLDEST)/.hwsk-ready: setup.cfg constraints-oldest.txt
	@echo "== Making the virtual environment $(OLDEST)"
	@$(PYTHON) -m venv $(OLDEST)
	@$(OLDEST)/bin/python -m pip install -qq --disable-pip-version-check \
	  -c constraints-oldest.txt -e '.[test]'
	@touch $@

test-arithmetic: $(READY)
	@echo "== Numerical tests without vector units, with two threads"
	@$(OLD_PROCESSOR) $(BIN)/python -m pytest -q -m arithmetic tests

bench: $(READY)
	@$(BIN)/python -m benchmarks.speed.overhead

clean:
	rm -rf .venv .venv-oldest build *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis \
	  .import_linter_cache docs/_build docs/auto_examples docs/generated docs/models docs/api.rst \
	  docs/parameters.rst \
	  docs/sg_execution_times.rst hwsk_demo
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
