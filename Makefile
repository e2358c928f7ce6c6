# make demo: set up and run the main job.  make test: set up and run every check.
BIN := .venv/bin
# One thread a process: two processes then share two cores without fighting over them.
export OMP_NUM_THREADS ?= 1
export MPLBACKEND ?= Agg
# Processes of the tests; one file stays in one process.
JOBS ?= 2

.PHONY: help setup demo test proof lint bench golden experiments fuzz
help:
	@echo "make demo    set up .venv, run the whole chain, write femristor-demo/index.html"
	@echo "make test    set up .venv, check style and architecture, run all tests"
	@echo "make proof   the long tests: meshes, 3-D, MPI, seven decades of rates, tables off their grid, coverage of fits"
	@echo "make setup   only set up .venv"
	@echo "make lint    only style and architecture"
	@echo "make bench   time us against named peers"
	@echo "make experiments  train all networks of experiments/, but those whose results are kept in docs/results (hours)"
	@echo "make fuzz    1200 changed inputs, full disks, 30 kills (half an hour); docs/robustness.md has the counts"
	@echo "make golden  refresh the I-V curves in tests/golden after a wanted change of physics"

setup:
	@bash scripts/setup.sh

demo: setup
	@$(BIN)/femristor demo

test: setup
	@status=0; \
	$(BIN)/ruff check --quiet . || status=1; \
	$(BIN)/lint-imports --no-logo --no-cache || status=1; \
	$(BIN)/mypy || status=1; \
	$(BIN)/python -m pytest -m "not proof" -n $(JOBS) --dist loadfile || status=1; \
	exit $$status

proof: setup
	$(BIN)/python -m pytest -m proof -n $(JOBS) --dist load

lint: setup
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/mypy

bench: setup
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

CARDS := mnist text table1 ablation
experiments: setup
	@for card in $(CARDS); do \
	  echo "== $$card"; \
	  $(BIN)/femristor experiment run experiments/$$card.toml --processes 2 --kept docs/results/$$card.jsonl \
	    --out femristor-experiment/$$card || exit $$?; \
	  cp femristor-experiment/$$card/results.jsonl docs/results/$$card.jsonl; \
	  $(BIN)/femristor experiment report docs/results/$$card.jsonl --figure docs/results/$$card.png || exit $$?; \
	done

golden: setup
	$(BIN)/python -m pytest tests/golden --refresh-golden

# One after the other: all of them count processes, memory and time.
fuzz: setup
	@status=0; \
	$(BIN)/python tests/fuzz --inputs 1200 --jobs $(JOBS) || status=1; \
	$(BIN)/python tests/fuzz/full_disk.py || status=1; \
	$(BIN)/python tests/fuzz/kills.py --kills 30 || status=1; \
	exit $$status
