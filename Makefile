# The front door. Everything is made in .venv; nothing is installed elsewhere.
RUN ?= demo
DATA ?=
SET ?=
JOBS ?= 0
PROFILE ?= local
SNAKEMAKE_ARGS ?=
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ACCELERATOR ?=
ARCHIVE ?=
STUDY ?=
PYTEST_ARGS ?=
BENCH_ARGS ?=

# What a user gives reaches the commands through the environment, letter by letter: neither make nor the shell reads it
override RUN := $(value RUN)
override DATA := $(value DATA)
override SET := $(value SET)
override JOBS := $(value JOBS)
override PROFILE := $(value PROFILE)
override SNAKEMAKE_ARGS := $(value SNAKEMAKE_ARGS)
override STUDY := $(value STUDY)
override ARCHIVE := $(value ARCHIVE)
override ACCELERATOR := $(value ACCELERATOR)
export RUN DATA SET JOBS PROFILE SNAKEMAKE_ARGS STUDY ARCHIVE
# Another checkout's modules, which a user's PYTHONPATH may name, would run in place of this one's, and write there
unexport PYTHONPATH

# A cluster's login node may have no GPU where its other nodes do, so ACCELERATOR wins over what is found here
FOUND := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L 2>/dev/null | grep -q '^GPU' && echo cuda || echo cpu)
LOCK_cpu := requirements.lock
LOCK_cuda := requirements-cuda.lock
LOCK := $(LOCK_$(or $(ACCELERATOR),$(FOUND)))
ifeq ($(LOCK),)
$(error ACCELERATOR: found '$(ACCELERATOR)', expected cpu or cuda; leave it out to take what this machine has)
endif

.PHONY: reproduce study help data reference archive verify test lint lab report bench clean environment lock

reproduce: environment  ## every notebook and the report: RUN=demo|cpu|paper DATA=/path SET="key=value ..." JOBS=n PROFILE=local|slurm ACCELERATOR=cpu|cuda
	@$(BIN)/python -m workflow.front

study: environment  ## what goes beyond the paper, on the same rows: STUDY=shortcuts|augmentation|search RUN=demo, and as above
	@$(BIN)/python -m workflow.front --study "$$STUDY"

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

data: environment  ## fetch the public archives: RUN=paper DATA=/path
	@$(BIN)/python -m workflow.download

reference: environment  ## keep what the finished run gave, to compare with: RUN=demo
	@$(BIN)/python -m workflow.reference

report: environment  ## rebuild the report alone
	@$(BIN)/python -m workflow.report --execute

bench: environment  ## ratios of speed, measured side by side: BENCH_ARGS='--rounds 3'
	@$(BIN)/python -m workflow.bench $(BENCH_ARGS)
	@$(BIN)/python -m workflow.execute notebooks/benchmark.ipynb results/bench/benchmark.ipynb

# Tests that run the DAG come last and one by one, since each of them takes all cores itself. A process has its own
# TensorFlow, so their number is bounded by memory, too.
WHOLE := tests/end_to_end tests/robustness/test_faults.py tests/cluster
test: environment  ## every test, on all cores: PYTEST_ARGS='tests/models -q' for some, on one
	@$(BIN)/python -m pytest $(or $(PYTEST_ARGS),--numprocesses auto --maxprocesses 8 --dist loadfile $(addprefix --ignore ,$(WHOLE)))
	@$(if $(PYTEST_ARGS),,$(BIN)/python -m pytest $(WHOLE))

lint: environment  ## ruff, snakefmt, snakemake --lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check workflow/Snakefile
	$(BIN)/snakemake --snakefile workflow/Snakefile --lint

archive: environment  ## a finished run in one zip that others can check: RUN=demo
	@$(BIN)/python -m workflow.archive

verify: environment  ## check such a zip: ARCHIVE=results/demo/demo.zip
	@$(BIN)/python -m workflow.archive --verify

# Notebook 09 takes uploads as large as data preparation reads; by default one of 10 MiB is lost without a word
LAB := --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/00_data_preparation.ipynb \
	--ServerApp.tornado_settings='{"websocket_max_message_size": 600000000}'
lab: environment  ## JupyterLab on the notebooks
	@$(BIN)/jupyter lab $(LAB)

clean: environment  ## delete what a run made: RUN=demo
	@$(BIN)/python -m workflow.clean

environment: $(VENV)/.installed

# .installed names the lock file that it was made from; another one is installed over it
$(VENV)/.installed: $(LOCK) pyproject.toml $(if $(filter-out $(LOCK),$(shell cat $(VENV)/.installed 2>/dev/null)),FORCE)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v < (3, 14) else f"Python 3.11 to 3.13 is needed, found {v.major}.{v.minor}; set PYTHON=/path/to/python3.12")'
	@test -x $(BIN)/python || { echo 'Making the environment in $(VENV) from $(LOCK) (a few minutes, once)'; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo $(LOCK) > $@

FORCE:

UV := uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-header --quiet

lock:  ## resolve the pinned versions anew (needs uv)
	$(UV) --override requirements-overrides.txt -o requirements.lock
	sed 's/^tensorflow==/tensorflow[and-cuda]==/' requirements-overrides.txt > .overrides-cuda.txt
	$(UV) --extra cuda --override .overrides-cuda.txt -c requirements.lock -o requirements-cuda.lock
	rm .overrides-cuda.txt
