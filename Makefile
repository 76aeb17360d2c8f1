# The two commands of the README are `make demo` and `make test`; each does all its set-up on a fresh machine.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SERVERS := prometheus prometheus-alertmanager prometheus-node-exporter victoria-metrics

.PHONY: help demo test check unit servers lab record-demo screenshots docs bench clean

help:
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | column -t -s '	'

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tocsin needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Cannot make a virtual environment: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@echo "Making Tocsin's own environment in $(VENV): once, about a minute."
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q --editable . --group dev
	@touch $@

demo: $(STAMP) ## open the console on the bundled recording of an incident
	@$(BIN)/tocsin demo

test: check unit ## lint, types, import contracts and all tests (gets the real servers first)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(STAMP) servers
	$(BIN)/python -m pytest -n 2 --dist loadfile

servers:
	@sh tests/lab/install-servers.sh $(SERVERS)

lab: $(STAMP) servers ## real servers on loopback with a simulated shop and faults to switch on and off
	@$(BIN)/python -m tests.lab

record-demo: $(STAMP) servers ## make the bundled recording anew from the lab's servers
	$(BIN)/python -m tests.lab.record_demo

screenshots: $(STAMP) ## write screenshots/ from the bundled recording
	$(BIN)/python -m screenshots.make

docs: $(STAMP) ## write the generated pages of docs/
	$(BIN)/python -m docs.generate

bench: $(STAMP) servers ## measure what benchmarks/RESULTS.md claims
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .lab .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
