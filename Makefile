# Everything runs in .venv, made on first use. `make PYTHON=python3.12 install` chooses the interpreter.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# What `make compose` asks for beyond the defaults: a fixed seed, so that everybody gets the tune of the README.
ARGS ?= --seed 1
# Seconds that `make fuzz` takes for each reader.
SECONDS ?= 60

.PHONY: help install compose test fuzz lint clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s  %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(INSTALLED)  ## make .venv with everything that composing, tests and lint need

compose: $(INSTALLED)  ## compose a tune with the embedded checkpoint into out/
	$(BIN)/remi-two-stage compose --output out/ $(ARGS)

test: $(INSTALLED)  ## run the tests
	$(BIN)/python -m pytest

fuzz: $(INSTALLED)  ## read hostile input for a minute each reader; SECONDS=600 for longer
	$(BIN)/python tests/fuzzing.py --seconds $(SECONDS)

lint: $(INSTALLED)  ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:  ## remove .venv, out/, builds and caches
	rm -rf .venv out build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The build backend is installed first and not fetched by pip, so that the constraints hold for it too.
$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"Python 3.11 or later is needed, $(PYTHON) is {sys.version.split()[0]}: run make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt setuptools
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-build-isolation --editable '.[all]'
	@touch $@
