# Every command of the project; CI knows no other.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

# Python keeps what it compiled, whatever the environment says: a worker that compiles all that it
# imports takes three times as long to start, and tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

# uv reads the certificates that the machine trusts, as pip does.
export UV_SYSTEM_CERTS := 1

# What `make demo` shows: a folder of pictures, a sentence, and the sheet it writes.
PHOTOS ?=
QUERY ?=
SHEET ?= contact-sheet.png

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Make .venv and install everything into it

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) scripts/check_python.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv -c constraints.txt
	$(BIN)/uv pip install --python $(BIN)/python -c constraints.txt -e '.[worker,starter,embedded,demo,test,fuzz,lint]'
	touch $@

.PHONY: lock
lock: ## Pin the newest versions that fit pyproject.toml in constraints.txt
	$(BIN)/uv pip compile --quiet --universal --all-extras --upgrade --no-header --no-annotate --no-emit-index-url \
	  --python-version 3.11 pyproject.toml -o constraints.txt

.PHONY: format
format: setup ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --exit-zero .

.PHONY: check
check: setup ## Lint, check types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.audit

.PHONY: audit
audit: setup ## Ask for known vulnerabilities of what is pinned; fail where nobody could be asked
	$(BIN)/python -m scripts.audit --strict

# Files of tests that run side by side, each with parts of its own: one more than the cores of a
# small machine, since most of them wait a lot.
TEST_PROCESSES ?= 3

.PHONY: test
test: setup ## Run all tests against real parts
	scripts/install_system_packages.sh
	$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --durations=20

.PHONY: test-unit
test-unit: setup ## Run the tests that need no other process
	$(BIN)/pytest tests/unit

# How often `make test-chaos` makes each attack by chance, and `make bench-*` lets the ways that
# are compared take turns; each has a number of its own where none is given.
ROUNDS ?=

.PHONY: test-chaos
test-chaos: setup ## Kill, freeze and cut off real processes in their work (ROUNDS=n)
	scripts/install_system_packages.sh
	ROUNDS=$(ROUNDS) $(BIN)/pytest tests/chaos

# Seconds that `make fuzz` gives to each target, and what chance begins with.
FUZZ_S ?= 60
FUZZ_SEED ?= $(shell echo $$RANDOM)

.PHONY: fuzz
fuzz: setup ## Send the parsers of strangers' bytes what means harm, FUZZ_S seconds each
	FUZZ_S=$(FUZZ_S) FUZZ_SEED=$(FUZZ_SEED) $(BIN)/pytest tests/fuzz

# What `make fuzz` says of a case that failed: its target, and its round or its input.
TARGET ?=
ROUND ?=
INPUT ?=

.PHONY: fuzz-again
fuzz-again: setup ## Try a case of `make fuzz` again (TARGET=name and ROUND=number or INPUT=base64)
	$(BIN)/python -m tests.fuzz $(TARGET) $(if $(INPUT),again --input $(INPUT),rounds --seed $(ROUND))

.PHONY: coverage
coverage: setup ## Run all tests and show what they do not reach
	scripts/install_system_packages.sh
	$(BIN)/pytest --cov --cov-report=term-missing:skip-covered

.PHONY: bench
bench: setup ## Measure: search in the embedded store, and retrieval on PHOTOS
	$(BIN)/python -m benchmarks.store_search --rows 10000
	$(if $(PHOTOS),$(BIN)/python -m benchmarks.retrieval --photos "$(PHOTOS)" --model starter)

.PHONY: bench-ingest
bench-ingest: setup ## Measure: pictures a second, from the upload to the store, on PHOTOS
	@test -n "$(PHOTOS)" || { echo "It measures on photographs: make bench-ingest PHOTOS=DIR"; exit 2; } >&2
	$(BIN)/python -m benchmarks.ingest --photos "$(PHOTOS)" --rounds $(or $(ROUNDS),3) --json benchmarks/results/ingest.json

.PHONY: bench-search
bench-search: setup ## Measure: how long searches take, idle and beside ingest, on PHOTOS
	@test -n "$(PHOTOS)" || { echo "It measures on photographs: make bench-search PHOTOS=DIR"; exit 2; } >&2
	$(BIN)/python -m benchmarks.search --photos "$(PHOTOS)" --rounds $(or $(ROUNDS),3) --json benchmarks/results/search.json
	$(BIN)/python -m benchmarks.recall --server lite --json benchmarks/results/recall-lite.json
	$(BIN)/python -m benchmarks.recall --server milvus --json benchmarks/results/recall-milvus.json

.PHONY: bench-api
bench-api: setup ## Measure: requests a second of the API, and what each costs
	$(BIN)/python -m benchmarks.api --rounds $(or $(ROUNDS),3) --json benchmarks/results/api.json

.PHONY: screenshots
screenshots: setup ## Take the README's pictures of the web page (PHOTOS=dir QUERY="a white dog")
	scripts/install_system_packages.sh
	$(BIN)/python -m scripts.take_screenshots --photos "$(PHOTOS)" --query "$(QUERY)"

.PHONY: up
up: setup ## Run the whole stack on this machine
	$(BIN)/glimpse up

.PHONY: demo
demo: setup ## Ingest photographs and search them (PHOTOS=dir QUERY="a white dog" SHEET=file)
	@$(BIN)/glimpse demo --photos "$(PHOTOS)" --query "$(QUERY)" --sheet "$(SHEET)"
