# make demo: run the main job.   make test: pass the tests.   Everything else is for those who change lighterage.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIN := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --python-version 3.11 \
  --custom-compile-command "make lock" pyproject.toml
ENGINE := --constraints requirements.lock --extra data --extra samples --extra s3 --extra gcs --extra azure

.PHONY: demo test test-all lint format faults bench bench-edge docs golden lock clean

demo: $(READY)  ## real sensor data to a verified .tflite on this machine
	$(BIN)/lighterage run workflows/motion.yaml

test: $(READY)  ## all tests, side by side
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/mypy

faults: $(READY)  ## what is done to it, hundreds of times over; make faults ARGS="--only F1 --seed 7"
	$(BIN)/python -m tests.faults $(ARGS)

bench: $(READY)  ## figures beside what one would use instead; installs the peers in .bench/
	$(BIN)/python -m benchmarks

bench-edge: $(READY)  ## are the edge's variants what they must be? MNIST and a table, several seeds
	$(BIN)/python -m benchmarks.edge $(ARGS)

docs: $(READY)  ## what is generated: JSON Schemas, the language reference, the pages of diagnostics
	$(BIN)/python -m lighterage.schemas.reference schemas/json docs/language.md
	$(BIN)/python -m lighterage.diagnostics docs/diagnostics

golden: $(READY)  ## write the golden manifests anew, on purpose
	$(BIN)/python -m tests.golden

lock: $(READY)  ## pin what the next install takes
	$(PIN) --all-extras --group dev -o requirements.lock
	$(PIN) $(ENGINE) -o steps/images/engine/requirements.lock
	$(PIN) $(ENGINE) --extra litert -o steps/images/litert/requirements.lock
	$(PIN) $(ENGINE) --extra litert --extra tensorflow -o steps/images/tensorflow/requirements.lock

$(READY): requirements.lock pyproject.toml
	@test -d src/lighterage/schemas || { echo "this checkout was made without symbolic links: clone it again with git clone -c core.symlinks=true"; exit 3; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which with make PYTHON=python3.12"; exit 3; }
	@$(PYTHON) -m venv --clear $(VENV) 2>/dev/null || ./.ci/venv $(PYTHON) $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(READY)

clean:
	rm -rf $(VENV) .bench .lighterage build dist
