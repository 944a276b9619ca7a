# Shorthands only; `python3 bootstrap.py demo` and `python3 bootstrap.py test` need no make.
BIN := .venv/bin
.PHONY: setup demo test lint format types imports check bench dev lock

setup:             ## install into .venv
	python3 bootstrap.py setup

demo:              ## the whole lifecycle on a simulated market
	python3 bootstrap.py demo

test:              ## all tests, on four processes: the scenarios mostly wait
	python3 bootstrap.py test -n 4 --dist loadfile --no-loadscope-reorder

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

check: lint types imports test

bench: setup       ## the benchmarks
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

dev: setup         ## the Dagster UI on http://localhost:3000
	eval "$$($(BIN)/mlreg env)" && $(BIN)/dagster dev

lock:              ## write constraints.txt again, with the newest versions that pyproject.toml allows
	rm -rf build/lock && python3 -m venv build/lock
	build/lock/bin/pip install --quiet --editable ".[dev]"
	(grep '^#' constraints.txt; build/lock/bin/pip freeze --exclude-editable) > build/constraints.txt
	mv build/constraints.txt constraints.txt
