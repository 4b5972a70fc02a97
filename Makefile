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

# Photographs for `make demo`, the benchmarks and the screenshots, and what is searched for.
PHOTOS ?=
QUERY ?=
# The file that `make demo` writes.
SHEET ?= contact-sheet.png
# Where `make up` and `make demo` keep their data, and where `make up` listens.
DATA ?=
PORT ?=

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Create .venv and install everything into it

$(STAMP): pyproject.toml glimpse_client/pyproject.toml constraints.txt
	$(PYTHON) scripts/check_python.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv -c constraints.txt
	$(BIN)/uv pip install --python $(BIN)/python -c constraints.txt -e '.[worker,jxl,s3,traces,places,openvino,starter,openclip,embedded,mcp,demo,test,bench,fuzz,lint]'
	touch $@

# The file of pins. `make lock UPGRADE=` keeps the versions in it that still fit.
PINS ?= constraints.txt
UPGRADE ?= --upgrade

.PHONY: lock
lock: setup ## Pin the newest versions that fit pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --all-extras $(UPGRADE) --no-header --no-annotate --no-emit-index-url \
	  --no-emit-package glimpse-client --python-version 3.11 pyproject.toml -o "$(PINS)"

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
	$(BIN)/hadolint docker/*.Dockerfile
	$(BIN)/python -m scripts.audit

# An OSV database to ask instead of PyPI's.
OSV_URL ?=

.PHONY: audit
audit: setup ## Look up known vulnerabilities of the pins; fail if no database is reachable
	$(BIN)/python -m scripts.audit --strict --pins "$(PINS)" $(if $(OSV_URL),--osv-url "$(OSV_URL)")

# A revision of git to compare with, in `make house` and `make bench-guard`.
BASE ?=

.PHONY: house
house: setup ## Show files and imports by folder and the longest functions (BASE=revision)
	$(BIN)/python -m scripts.house $(if $(BASE),--base "$(BASE)")

# Test files that run in parallel, each with services of its own: more than the cores of a small
# machine, since they wait for most of their time.
TEST_PROCESSES ?= 7

.PHONY: test
test: setup ## Run all tests against real services
	scripts/install_system_packages.sh
	$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --durations=20

# Files, folders or options of pytest, instead of all tests of a target below.
TESTS ?=

.PHONY: test-unit
test-unit: setup ## Run the tests that need no other process (TESTS=file)
	$(BIN)/pytest $(or $(TESTS),tests/unit)

# Rounds of each random attack in `make test-chaos`, and of each comparison in `make bench-*`,
# instead of their defaults.
ROUNDS ?=

.PHONY: test-chaos
test-chaos: setup ## Kill, freeze and disconnect real processes (ROUNDS=n TESTS=file)
	scripts/install_system_packages.sh
	ROUNDS=$(ROUNDS) $(BIN)/pytest $(or $(TESTS),tests/chaos)

# Seconds for each target of `make fuzz`, and the seed of its random choices.
FUZZ_S ?= 60
FUZZ_SEED ?= $(shell echo $$RANDOM)
# One target; `make fuzz-again` takes it from what `make fuzz` printed, with its round or its input.
TARGET ?=
ROUND ?=
INPUT ?=

.PHONY: fuzz
fuzz: setup ## Send hostile input to every parser of foreign bytes (FUZZ_S=seconds TARGET=name)
	FUZZ_S=$(FUZZ_S) FUZZ_SEED=$(FUZZ_SEED) $(BIN)/pytest tests/fuzz $(if $(TARGET),-k "$(TARGET)")

.PHONY: fuzz-again
fuzz-again: setup ## Repeat a case of `make fuzz` (TARGET=name and ROUND=number or INPUT=base64)
	$(BIN)/python -m tests.fuzz $(TARGET) $(if $(INPUT),again --input $(INPUT),rounds --seed $(ROUND))

.PHONY: coverage
coverage: setup ## Run all tests and show what they do not reach (TESTS=file)
	scripts/install_system_packages.sh
	$(BIN)/pytest --cov --cov-report=term-missing:skip-covered $(TESTS)

# Any value makes a benchmark run in some seconds, on so little that its figures say nothing.
QUICK ?=
# The encoder of `make bench-retrieval` and `make screenshots`.
MODEL ?= starter
# A Milvus server for `make bench-store`, which otherwise starts one.
MILVUS_URI ?=
# A folder for the results and their page, instead of the published ones.
RESULTS ?=
# Benchmarks of `make bench` (benchmarks/suite.py), and parts of `make bench-scale`, instead of all.
ONLY ?=
BENCH = $(BIN)/python -m benchmarks --model $(MODEL) $(if $(QUICK),--quick) $(if $(PHOTOS),--photos "$(PHOTOS)") \
  $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(MILVUS_URI),--uri "$(MILVUS_URI)") $(if $(RESULTS),--results "$(RESULTS)")

.PHONY: bench
bench: setup ## Run the benchmarks below on PHOTOS, and render docs/benchmarks.md (ONLY="name ...")
	$(BENCH) $(ONLY)

.PHONY: bench-retrieval
bench-retrieval: setup ## Measure which of PHOTOS are found, and a model's noise thresholds (MODEL=name)
	$(BENCH) retrieval

.PHONY: bench-store
bench-store: setup ## Measure searches, lists, recall and consistency of both kinds of Milvus
	$(BENCH) store

.PHONY: bench-limits
bench-limits: setup ## Measure the encoder, decoding, the store, Redis and a socket, each alone, on PHOTOS
	$(BENCH) limits

.PHONY: bench-ingest
bench-ingest: setup ## Measure ingest, from the upload to the store, on PHOTOS
	$(BENCH) ingest

.PHONY: bench-search
bench-search: setup ## Measure searches, idle and beside ingest, on PHOTOS
	$(BENCH) search

.PHONY: bench-reindex
bench-reindex: setup ## Measure a reindex with another model, and searches beside it, on PHOTOS
	$(BENCH) reindex

.PHONY: bench-scale
bench-scale: setup ## Measure what grows with images, tasks, workers and callers (ONLY=part)
	$(BENCH) $(or $(ONLY:%=scale-%),scale)

.PHONY: bench-api
bench-api: setup ## Measure the API's requests per second, and the cost of each
	$(BENCH) api

.PHONY: bench-engines
bench-engines: setup ## Compare what can run the model on a CPU: torch, OpenVINO, ONNX Runtime
	$(BENCH) engines

.PHONY: bench-cold
bench-cold: setup ## Measure starts: of the stack, of a worker to its first image, and their parts
	$(BENCH) cold

.PHONY: bench-peers
bench-peers: setup ## Compare Glimpse with other ways to the same search, on PHOTOS
	$(BENCH) peers

.PHONY: bench-gpu
bench-gpu: setup ## Measure the encoder and ingest on a GPU, on PHOTOS
	$(BENCH) gpu

.PHONY: bench-queues
bench-queues: setup ## Compare with the same work on Celery, celery-batches, dramatiq and taskiq
	$(BENCH) queues

.PHONY: bench-guard
bench-guard: setup ## Compare the speed of the working tree with a commit's (BASE=commit)
	$(BIN)/python -m benchmarks.guard --base "$(or $(BASE),HEAD)" $(if $(ROUNDS),--rounds $(ROUNDS)) \
	  $(if $(QUICK),--quick) $(if $(RESULTS),--json "$(RESULTS)/guard.json")

# The folder that `make bench-docs`, `make screenshots` and `make dashboard-picture` write to.
OUT ?= docs

.PHONY: bench-docs
bench-docs: setup ## Render the tables and plots of docs/benchmarks.md from the results
	$(BIN)/python -m benchmarks.page $(if $(RESULTS),--results "$(RESULTS)") --out "$(OUT)"

.PHONY: screenshots
screenshots: setup ## Take the README's screenshots of the web page (PHOTOS=dir QUERY="a white dog")
	scripts/install_system_packages.sh
	$(BIN)/python -m scripts.take_screenshots --photos "$(PHOTOS)" --query "$(QUERY)" --model $(MODEL) --out "$(OUT)"

# Seconds of load for `make dashboard-picture`.
SECONDS_OF_LOAD ?= 120

.PHONY: dashboard-picture
dashboard-picture: setup ## Plot Grafana's dashboard from a stack under load (OUT=dir MODEL=name)
	scripts/install_system_packages.sh
	$(BIN)/python -m scripts.plot_dashboard --model $(MODEL) --seconds $(SECONDS_OF_LOAD) --out "$(OUT)"

.PHONY: up
up: setup ## Run the whole stack on this machine (DATA=dir PORT=number)
	$(BIN)/glimpse up $(if $(DATA),--data "$(DATA)") $(if $(PORT),--port $(PORT))

.PHONY: demo
demo: setup ## Ingest photographs and search them (PHOTOS=dir QUERY="a white dog" SHEET=file)
	@$(BIN)/glimpse demo --photos "$(PHOTOS)" --query "$(QUERY)" --sheet "$(SHEET)" $(if $(DATA),--data "$(DATA)")
