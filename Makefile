# Everything runs in .venv, which the first target that needs it makes.
PYTHON ?= python3
BIN := .venv/bin
RUNS ?= runs

.PHONY: help setup demo test wording coverage stress matrix lint types format docs site wheel bench clean

help:  ## Say what there is to make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

setup: $(BIN)/.ready  ## Make .venv with cvkit and its development tools

$(BIN)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("cvkit needs Python 3.11 or later, and $(PYTHON) is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: setup  ## Train the embedded data set and print where the report is
	$(BIN)/cvkit run recipes/shapes.yaml --output $(RUNS)

# Two processes of one thread each: the tests' nets are too small for more. Tests of one file stay together, as they
# share environments and trained runs.
test: lint types  ## Check everything: lint, types, tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

wording: setup  ## Accept the sentences that users read as they are now, after reading their changes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --snapshot-update
	git diff --stat -- '*.ambr'

coverage: setup  ## Run the tests and say which lines and branches they reach; htmlcov/ has them
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --cov --cov-report=term --cov-report=html

stress: setup  ## Kill, damage and mutate at length, then test under every instruction set of this CPU
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m stress tests/stress
	$(BIN)/python tests/stress/matrix.py

matrix: setup  ## Run the tests under every instruction set that this CPU has
	$(BIN)/python tests/stress/matrix.py

lint: setup  ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## Check types of cvkit and the built-in plugins; a test checks the packages that new-plugin writes
	$(BIN)/mypy

format: setup  ## Put style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup  ## Write the generated parts of docs/ again
	$(BIN)/python docs/generate.py

site: setup  ## Build the documentation as a site into site/; any warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the site: site/index.html"

wheel: setup  ## Build the wheel and the source archive into dist/, and check them
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

bench: setup  ## Measure the training loop against the bare step and a plain loop
	$(BIN)/python benchmarks/throughput.py

clean:  ## Remove .venv and caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .coverage .coverage.* htmlcov dist site
