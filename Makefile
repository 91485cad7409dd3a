# Two commands are enough: `make demo` and `make test`. Each makes its own .venv first, with Python 3.11+ and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo sandbox test lint format bench constraints clean help

help:            ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("approvald needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)   ## forwarded mails become confirmations, over the real protocols, in half a minute
	$(BIN)/python -m approvald_sandbox demo

sandbox: $(READY) ## keep the pretend Exchange, directory, PVWA and Vault up, with a ready configuration
	$(BIN)/python -m approvald_sandbox serve

test: $(READY)   ## all tests
	$(BIN)/python -m pytest $(ARGS)

lint: $(READY)   ## ruff, mypy strict, import contracts, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

format: $(READY) ## let ruff set the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## count and time against the sandbox, into build/bench.json
	$(BIN)/python benchmarks/run.py

constraints:     ## renew constraints.txt (needs pip-tools)
	pip-compile --quiet --upgrade --extra dev --extra sandbox --generate-hashes --allow-unsafe --strip-extras \
	  --no-annotate --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o constraints.txt pyproject.toml

clean:           ## remove what the build made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
