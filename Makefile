# make demo    the main job: tasks -> episodes with mistakes and repairs -> fine-tuning -> evaluation, one table
# make test    the tests, on every sandbox engine that answers
# make check   lint and types
# make bench   the speed of steps and resets against their floors
# make dataset the episodes of a release: 200 over all tasks, with mistakes and repairs, in dist/dataset

PYTHON ?= python3
SANDBOX ?= auto
EPISODES ?= 200
DATASET ?= dist/dataset
VENV := .venv
BIN := $(VENV)/bin
# What ARGS selects may all be in one of the two runs.
NONE_IS_WELL = $(if $(ARGS),|| [ $$? -eq 5 ])

.PHONY: demo test check bench dataset setup tools clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile

demo: setup
	$(BIN)/termigen demo --sandbox $(SANDBOX)

test: setup
	@[ "$$(id -u)" -ne 0 ] || bash .ci/tools $(PYTHON) podman
	$(BIN)/python -m pytest -m "not alone" --numprocesses auto --dist loadfile $(ARGS) $(NONE_IS_WELL)
	$(BIN)/python -m pytest -m alone $(ARGS) $(NONE_IS_WELL)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python benchmarks/latency.py --quick

dataset: setup
	$(BIN)/termigen collect --out $(DATASET).run --episodes $(EPISODES) --sandbox $(SANDBOX)
	$(BIN)/termigen export $(DATASET).run --format messages --split 0.8 --out $(DATASET)
	gzip --no-name < $(DATASET).run/episodes.jsonl > $(DATASET)/episodes.jsonl.gz

setup: tools $(VENV)/.installed

# The CPU build of torch is enough for the demo and the tests; on a GPU machine: pip install -e '.[train]'.
$(VENV)/.installed: pyproject.toml constraints/cpu.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints/cpu.txt --editable '.[train,llm,ray,report,export]' --group dev
	@touch $@

# What the embedded engine needs and pip can't bring.
tools:
	@bash .ci/tools $(PYTHON)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
