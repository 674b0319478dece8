# Plain `python3 -m venv` and pip; everything stays in .venv and .haemony.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet

.PHONY: demo test check package bench figures clean

PATIENTS ?= 1500
demo: $(VENV)/.installed  ## make up three hospitals, build the graph, ask it four questions
	@$(BIN)/haemony demo --patients $(PATIENTS)
	@echo
	@echo "The command is $(BIN)/haemony; to say just haemony: . $(BIN)/activate"

PYTEST ?= -n auto --dist loadfile
test: $(VENV)/.dev  ## run the tests
	$(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/.dev package  ## style, types, layers, and the package as others install it
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases tests docs/figures.py
	MYPYPATH=benchmarks $(BIN)/mypy --explicit-package-bases benchmarks
	$(BIN)/lint-imports

package: $(VENV)/.dev  ## sdist → wheel → an environment outside the checkout
	$(BIN)/python .ci/package.py

bench: $(VENV)/.dev  ## run the benchmarks
	@found=0; for file in benchmarks/*.py; do \
	  if [ -e "$$file" ]; then found=1; $(BIN)/python "$$file" || exit 1; fi; \
	done; [ $$found = 1 ] || echo "There are no benchmarks yet."

figures: $(VENV)/.installed  ## draw the pictures of the README again
	$(BIN)/python docs/figures.py

clean:  ## remove what these targets made
	rm -rf $(VENV) .haemony build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Haemony needs Python 3.11 or newer: make PYTHON=python3.11 demo")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing Haemony into $(VENV); this takes a minute, once."
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.installed
