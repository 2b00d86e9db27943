# Two promises: on a machine with only Python 3.11+, `make demo` and `make test` do all their own
# set-up. Everything goes into .venv; delete that folder to start anew.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz soak mutants check format dashboards picture rules alert-quality \
  bench bench-micro kernel lock clean

help: ## What there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 15

demo: $(READY) ## Ten weeks of four invented brands, live, with a broker and a worker of its own
	@$(BIN)/closeknit demo

test: $(READY) check ## All checks and tests; what needs Kafka or Prometheus is skipped without them
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

fuzz: $(READY) ## Hostile input for every decoder, ten minutes of it (MINUTES=60 for an hour)
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10)

soak: $(READY) ## An hour of random faults on Apache Kafka, everything compared (needs Java)
	@$(BIN)/python -m tests.faults.soak

mutants: $(READY) ## Break the code in all known ways and show which tests notice (needs Java)
	$(BIN)/python -m tests.mutants

check: $(READY) ## Lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## Put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dashboards: $(READY) ## Build grafana/dashboards
	$(BIN)/python -m grafana
	$(BIN)/python deploy/kubernetes/build.py

picture: $(READY) ## Draw docs/demo.svg from a run of the demo, docs/dashboard.svg with Prometheus
	$(BIN)/python docs/picture.py
	$(BIN)/python -m tests.grafana.picture

rules: $(READY) ## Build deploy/prometheus/rules with the thresholds of deploy/prometheus/alerts.toml
	$(BIN)/python -m streams.alerting deploy/prometheus/alerts.toml deploy/prometheus/rules
	$(BIN)/python deploy/kubernetes/build.py

alert-quality: $(READY) ## Measure what the alerts are worth (half an hour; needs Prometheus)
	$(BIN)/python -m benchmarks.alerts

bench: $(READY) ## Measure Closeknit beside other engines, and under load (half an hour; Linux)
	$(BIN)/python -m benchmarks.compare

bench-micro: $(READY) ## What each stage costs, without Kafka (a minute)
	@$(BIN)/python -m benchmarks.core

kernel: $(READY) ## Compile the core: faster, never needed (a minute; needs a C compiler)
	$(BIN)/python -m streams.compile_kernel

lock: $(READY) ## Choose the newest allowed versions and write their hashes (needs uv)
	uv pip compile pyproject.toml --extra dev --extra embedded --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --upgrade -o requirements.lock
	uv pip compile pyproject.toml --constraints requirements.lock --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate -o requirements-runtime.lock

clean: ## Remove what make made
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Closeknit needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
