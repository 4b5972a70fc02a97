# Every command of the project; CI uses no others.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

# Make uv use the system's trusted certificates, as pip does.
# Python keeps what it compiled, even where the environment forbids it: a worker that compiles
# everything it imports takes three times as long to start, and tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE
export UV_SYSTEM_CERTS := 1

# Input of `make demo`, a folder of pictures and a sentence, and the contact sheet that it writes.
PHOTOS ?=
QUERY ?=
SHEET ?= contact-sheet.png

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Create .venv and install everything into it

$(STAMP): pyproject.toml glimpse_client/pyproject.toml constraints.txt
	$(PYTHON) scripts/check_python.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv -c constraints.txt
	$(BIN)/uv pip install --python $(BIN)/python -c constraints.txt -e '.[worker,starter,embedded,demo,test,fuzz,lint]'
	touch $@

.PHONY: lock
lock: ## Pin the newest versions that pyproject.toml allows in constraints.txt
	$(BIN)/uv pip compile --quiet --universal --all-extras --upgrade --no-header --no-annotate --no-emit-index-url \
	  --no-emit-package glimpse-client --python-version 3.11 pyproject.toml -o constraints.txt

.PHONY: format
format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --exit-zero .

.PHONY: check
check: setup ## Lint, and check types, import rules and pinned versions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.audit

.PHONY: audit
audit: setup ## Check pinned versions for known vulnerabilities; fail if the database is unreachable
	$(BIN)/python -m scripts.audit --strict

# Test files that run in parallel, each with services of its own: one more than the cores of a
# small machine, since most of them wait a lot.
TEST_PROCESSES ?= 3

.PHONY: test
test: setup ## Run all tests against real services
	scripts/install_system_packages.sh
	$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --durations=20

.PHONY: test-unit
test-unit: setup ## Run the unit tests, which start no other process
	$(BIN)/pytest tests/unit

# Rounds of each random attack in `make test-chaos`, and of each comparison in `make bench-*`;
# every target has its own default.
ROUNDS ?=

.PHONY: test-chaos
test-chaos: setup ## Kill, freeze and disconnect real processes at work (ROUNDS=n)
	scripts/install_system_packages.sh
	ROUNDS=$(ROUNDS) $(BIN)/pytest tests/chaos

# Seconds that `make fuzz` spends on each target, and its random seed.
FUZZ_S ?= 60
FUZZ_SEED ?= $(shell echo $$RANDOM)

.PHONY: fuzz
fuzz: setup ## Fuzz the parsers of untrusted input, FUZZ_S seconds each
	FUZZ_S=$(FUZZ_S) FUZZ_SEED=$(FUZZ_SEED) $(BIN)/pytest tests/fuzz

# A failed case as reported by `make fuzz`: its target, and its round or its input.
TARGET ?=
ROUND ?=
INPUT ?=

.PHONY: fuzz-again
fuzz-again: setup ## Repeat a case of `make fuzz` (TARGET=name and ROUND=number or INPUT=base64)
	$(BIN)/python -m tests.fuzz $(TARGET) $(if $(INPUT),again --input $(INPUT),rounds --seed $(ROUND))

.PHONY: coverage
coverage: setup ## Run all tests and show the lines that they do not reach
	scripts/install_system_packages.sh
	$(BIN)/pytest --cov --cov-report=term-missing:skip-covered

.PHONY: bench
bench: setup ## Measure search in the embedded store, and retrieval on PHOTOS
	$(BIN)/python -m benchmarks.store_search --rows 10000
	$(if $(PHOTOS),$(BIN)/python -m benchmarks.retrieval --photos "$(PHOTOS)" --model starter)

.PHONY: bench-ingest
bench-ingest: setup ## Measure pictures per second, from the upload to the store, on PHOTOS
	@test -n "$(PHOTOS)" || { echo "This benchmark needs photographs: make bench-ingest PHOTOS=DIR"; exit 2; } >&2
	$(BIN)/python -m benchmarks.ingest --photos "$(PHOTOS)" --rounds $(or $(ROUNDS),3) --json benchmarks/results/ingest.json

.PHONY: bench-search
bench-search: setup ## Measure search latency, idle and during ingest, on PHOTOS
	@test -n "$(PHOTOS)" || { echo "This benchmark needs photographs: make bench-search PHOTOS=DIR"; exit 2; } >&2
	$(BIN)/python -m benchmarks.search --photos "$(PHOTOS)" --rounds $(or $(ROUNDS),3) --json benchmarks/results/search.json
	$(BIN)/python -m benchmarks.recall --server lite --json benchmarks/results/recall-lite.json
	$(BIN)/python -m benchmarks.recall --server milvus --json benchmarks/results/recall-milvus.json

.PHONY: bench-api
bench-api: setup ## Measure the API's requests per second, and the cost of each
	$(BIN)/python -m benchmarks.api --rounds $(or $(ROUNDS),3) --json benchmarks/results/api.json

.PHONY: screenshots
screenshots: setup ## Take the README's screenshots of the web page (PHOTOS=dir QUERY="a white dog")
	scripts/install_system_packages.sh
	$(BIN)/python -m scripts.take_screenshots --photos "$(PHOTOS)" --query "$(QUERY)"

.PHONY: up
up: setup ## Run the whole stack on this machine
	$(BIN)/glimpse up

.PHONY: demo
demo: setup ## Ingest photographs and search them (PHOTOS=dir QUERY="a white dog" SHEET=file)
	@$(BIN)/glimpse demo --photos "$(PHOTOS)" --query "$(QUERY)" --sheet "$(SHEET)"
