# Everything runs in .venv, made on first use. `make PYTHON=python3.12 install` chooses the interpreter.
PYTHON ?= python3
# Where torch without CUDA comes from; with `make TORCH_INDEX= compose`, pip takes its usual one, on Linux with CUDA.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# What `make compose` asks for beyond the defaults: a fixed seed, so that everybody gets the tune of the README.
ARGS ?= --seed 1
# How many processes share the tests; auto is one a core.
PROCESSES ?= auto
# Seconds that `make fuzz` takes for each reader.
SECONDS ?= 60

BIN := .venv/bin
COMPOSES := .venv/.composes
INSTALLED := .venv/.installed
FLOOR := .venv-floor/.installed
# What runs on the oldest versions too: loading, generating, training and saving, here and as a stranger does.
FLOOR_TESTS := $(addprefix tests/test_,models.py loading.py requirements.py offloading.py trainer.py training.py hub.py)
# Bytecode is compiled where it is first imported, and kept: pip would take longer for all of it than for all else.
PIP = $(BIN)/python -m pip install --no-compile --constraint constraints.txt
PYTEST = -m pytest --numprocesses $(PROCESSES) --dist worksteal
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install compose test test-all fuzz lint clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s  %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(INSTALLED)  ## make .venv with everything that composing, training, tests and lint need

compose: $(COMPOSES)  ## compose a tune with the embedded checkpoint into out/; installs what composing needs
	$(BIN)/remi-two-stage compose --output out/ $(ARGS)

test: $(INSTALLED)  ## run the tests that take no minutes: nine of ten
	$(BIN)/python $(PYTEST) -m 'not slow'

test-all: $(INSTALLED) $(FLOOR)  ## run all tests, and on the oldest versions those of the models, as CI does
	$(BIN)/python $(PYTEST)
	PYTHONPATH=$(CURDIR) .venv-floor/bin/python $(PYTEST) $(FLOOR_TESTS)

fuzz: $(INSTALLED)  ## read hostile input for a minute each reader; SECONDS=600 for longer
	$(BIN)/python tests/fuzzing.py --seconds $(SECONDS)

lint: $(INSTALLED)  ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:  ## remove .venv, out/, builds and caches
	rm -rf .venv .venv-floor out build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The build backend is not fetched by pip, so that the constraints hold for it too. torch comes alone, so that no other
# package is looked for in its index.
$(COMPOSES): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(f"Python 3.11 or later is needed, $(PYTHON) is {sys.version.split()[0]}: run make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(PIP) setuptools
	$(PIP) --no-deps $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	$(PIP) --no-build-isolation --editable '.[render]'
	@touch $@

# The oldest versions that are promised, in front of those of .venv.
$(FLOOR): $(INSTALLED) constraints-floor.txt
	$(PYTHON) -m venv .venv-floor
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$(.venv-floor/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/newest.pth"
	.venv-floor/bin/python -m pip install --no-compile --requirement constraints-floor.txt
	@touch $@

$(INSTALLED): $(COMPOSES)
	$(PIP) --no-build-isolation --editable '.[all]'
	@touch $@
