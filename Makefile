# Shorthands only; `python3 bootstrap.py demo` and `python3 bootstrap.py test` need no make.
BIN := .venv/bin
.PHONY: setup demo test doctest coverage lint format types imports docs check bench dev lock

setup:             ## install into .venv
	python3 bootstrap.py setup

demo:              ## the whole lifecycle on a simulated market
	python3 bootstrap.py demo

test:              ## all tests, on four processes: the scenarios mostly wait
	python3 bootstrap.py test -n 6 --dist loadfile --no-loadscope-reorder

doctest: setup     ## the examples in docstrings
	$(BIN)/python -m pytest -q --doctest-modules mlreg_dagster --ignore=mlreg_dagster/client

coverage: setup    ## the share of the code that the fast tests run; fails below the floor of pyproject.toml
	$(BIN)/python -m pytest -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered

lint: setup        ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup      ## fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup       ## mypy, strict
	$(BIN)/mypy

imports: setup     ## which module may import which
	$(BIN)/lint-imports

docs: setup        ## the documentation, with strict links, in build/docs
	$(BIN)/sphinx-build -n -W --keep-going -q docs build/docs

check: lint types imports docs test

bench: setup       ## the benchmarks
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

dev: setup         ## the Dagster UI on http://localhost:3000
	eval "$$($(BIN)/mlreg env)" && $(BIN)/dagster dev

lock:              ## write constraints.txt again, with the newest versions that pyproject.toml allows
	rm -rf build/lock && python3 -m venv build/lock
	build/lock/bin/pip install --quiet --editable ".[dev]"
	(grep '^#' constraints.txt; build/lock/bin/pip freeze --exclude-editable) > build/constraints.txt
	mv build/constraints.txt constraints.txt
