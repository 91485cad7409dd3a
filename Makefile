# Two commands are enough: `make demo` and `make test`. Each makes its own .venv first, with Python 3.11+ and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
FUZZ_BIN := .venv-fuzz/bin
FUZZ_READY := .venv-fuzz/.ready
SECONDS ?= 60

.PHONY: demo sandbox test test-long test-all lint format coverage bench fuzz mutants constraints clean help

help:            ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

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

# Many tests wait for daemons: five processes keep two cores busy. Whole files go to one process, which starts their servers.
# Their processes start with compiled modules, also where Python may write none by itself.
PYTEST := $(BIN)/python -m compileall -q src && $(BIN)/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder

# A file that ARGS names is run, however long it takes.
test: $(READY)   ## all tests but the long ones; ARGS="-n0 tests/e2e/test_policy.py" for one file, a long one too
	$(PYTEST) $(if $(findstring tests/,$(ARGS)),,-m "not long") $(ARGS)

test-long: $(READY) ## the long ones: crashes, power cuts, outages of minutes, two hosts, all that is at random
	$(PYTEST) -m long $(ARGS)

test-all: $(READY) ## both in one run
	$(PYTEST) $(ARGS)

lint: $(READY)   ## ruff, mypy strict, import contracts, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

format: $(READY) ## let ruff set the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What decides, by rooms and files; every branch of it is taken by a test without a process.
PURE := approval/* mail/parse/* mail/early_endings.py mail/headers.py mail/intake.py mail/reply.py mail/sender.py core/clock.py
coverage: $(READY) ## branch coverage of what decides must be 100 %
	$(BIN)/coverage run --data-file=build/coverage -m pytest -q tests/unit tests/house
	$(BIN)/coverage report --data-file=build/coverage --fail-under=100 --include="$(shell printf 'src/approvald/%s,' '$(subst $() ,' ',$(PURE))')"

bench: $(READY)  ## count and time against the sandbox, into build/bench.json
	$(BIN)/python benchmarks/run.py

$(FUZZ_READY): constraints.txt fuzz/requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv-fuzz
	$(FUZZ_BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(FUZZ_BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r fuzz/requirements.txt
	$(FUZZ_BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	@touch $(FUZZ_READY)

fuzz: $(FUZZ_READY) ## hostile mails found by coverage (atheris, Linux on x86-64), for SECONDS=60; findings into build/fuzz
	$(FUZZ_BIN)/python fuzz/fuzz_reading.py -max_total_time=$(SECONDS) $(ARGS)

mutants: $(FUZZ_READY) ## change the code that guards an approval, and see a test fail each time; into build/mutants.txt
	$(FUZZ_BIN)/python fuzz/mutants.py $(ARGS)

constraints:     ## renew constraints.txt (needs pip-tools)
	pip-compile --quiet --upgrade --extra dev --extra sandbox --generate-hashes --allow-unsafe --strip-extras \
	  --no-annotate --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o constraints.txt pyproject.toml
	pip-compile --quiet --upgrade -c constraints.txt --generate-hashes --allow-unsafe --strip-extras \
	  --no-annotate --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o fuzz/requirements.txt fuzz/requirements.in

clean:           ## remove what the build made
	rm -rf $(VENV) .venv-fuzz build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
