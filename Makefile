# Talkwright. `make` lists the targets. A fresh clone needs make and Python 3.10 or newer, nothing else.

PYTHON ?= python3
VENV ?= .venv
# Address of a package index with CPU-only builds of torch, on Linux without a GPU (see README.md).
TORCH_INDEX ?=

BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup dev model demo test slow fuzz bench chaos check docs format clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|' 2>/dev/null \
	  || grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST)

setup: $(VENV)/.installed  ## make .venv with talkwright and its pinned dependencies

dev: $(VENV)/.installed-dev  ## the same, with what tests and checks need

demo: $(VENV)/.installed  ## train, evaluate and report on the example data
	$(BIN)/talkwright run recipes/quickstart.yaml

model: $(VENV)/.installed  ## fetch the small base model that the demo and some tests use
	$(BIN)/python -c 'from talkwright.models import find_base; print(find_base("smollm2-135m").origin)'

test: $(VENV)/.installed-dev  ## the fast tests
	@$(MAKE) --no-print-directory model || echo "the tests of the real base model will be skipped" >&2
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

slow: $(VENV)/.installed-dev  ## the slow tests
	$(BIN)/python -m pytest -m slow

fuzz: $(VENV)/.installed-dev  ## the tests of properties, with inputs that are new each time
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "hypothesis and not slow" --hypothesis-profile chance

bench: $(VENV)/.installed-dev  ## speed beside TRL: data, then training (an hour and more; alone on the machine)
	$(BIN)/python bench/data.py
	$(BIN)/python bench/train.py

chaos: $(VENV)/.installed-dev  ## kill training, cut its power, break its disk: is anything lost?
	OMP_NUM_THREADS=1 $(BIN)/python scripts/chaos.py

check: $(VENV)/.installed-dev  ## format, lint, types, import rules, generated docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/docs.py --check

docs: $(VENV)/.installed  ## write docs/cli.md and docs/recipe.md anew
	$(BIN)/python scripts/docs.py

format: $(VENV)/.installed-dev  ## put the code into the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove .venv, builds and caches; runs stay
	rm -rf $(VENV) dist build .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are written last, so an interrupted install is taken up again by the next make.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "Talkwright needs Python 3.10 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) -e '.[dev]'
	@touch $@
