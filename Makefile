# `make help` lists the targets.

VENV ?= .venv
DEMO_FOR ?= 30
export DEMO_FOR

# The Python to use: python3 if it is new enough, otherwise the newest one that is.
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
endif
export PYTHON
BIN := $(VENV)/bin
# Where it is set, every worker and every program under test compiles its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check test-all lint types imports unit slow-tests most apart lab-tests gamedays fuzz kill-matrix packages env lock clean python

help:  ## List the targets.
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "%-10s %s\n", $$1, $$2 }'

demo: packages env  ## Install what is missing, bring up the lab and open the dashboard on it.
	@$(BIN)/sretool demo

test: PACKAGES = --all
test: packages env  ## Install what is missing and run every check the project has.
	@$(MAKE) --no-print-directory check slow-tests lab-tests EXAMPLES=sretool

check: env lint types imports unit  ## The fast checks: format, lint, types, imports, quick unit tests.

test-all: test  ## As test, then the tests on every newer Python of this machine.
	@for minor in 12 13 14; do \
		for python in python3.$$minor "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.$$minor.*/bin/python; do \
			"$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, int(sys.argv[1])))' $$minor 2>/dev/null || continue; \
			"$(BIN)/python" -c 'import sys; sys.exit(sys.version_info[:2] >= (3, int(sys.argv[1])))' $$minor || continue; \
			echo "== Python 3.$$minor"; \
			$(MAKE) --no-print-directory unit slow-tests lab-tests EXAMPLES=sretool PYTHON=$$python VENV=.venv-3.$$minor || exit; \
			break; \
		done; \
	done

lint: env
	@$(BIN)/ruff format --check --quiet . || { echo "format: run $(BIN)/ruff format"; exit 1; }
	@$(BIN)/ruff check --quiet .

types: env
	@$(BIN)/mypy --no-error-summary

imports: env
	@$(BIN)/lint-imports --no-logo

# How many examples a property gets: one of the profiles in tests/conftest.py.
EXAMPLES ?= quick

unit: env
	@$(MAKE) --no-print-directory -j2 most apart MARKED="not slow"

slow-tests: env
	@$(MAKE) --no-print-directory -j2 most apart MARKED=slow EXAMPLES=sretool

most:
	@$(BIN)/pytest -q -n auto --dist worksteal -m "$(MARKED) and not lab" --hypothesis-profile=$(EXAMPLES)

# What runs inside Locust has a process of its own, where gevent came first. It waits most of the time.
apart:
	@found=$$($(BIN)/python -m pytest -q -m "$(MARKED) and not lab" -p tests.load.patched \
		--hypothesis-profile=$(EXAMPLES) tests/load 2>&1); code=$$?; printf '\n%s\n' "$$found"; exit $$code

FUZZ_SECONDS ?= 300
fuzz: env  ## Let atheris look for answers that break the load tests' client (not part of test).
	@$(BIN)/uv run --quiet --no-project --python $(BIN)/python --with 'atheris>=3' python -m tests.fuzz.fuzz_client \
		-dict=tests/fuzz/http.dict -max_len=2000 -len_control=20 -print_final_stats=1 -max_total_time=$(FUZZ_SECONDS)

lab-tests: env
	@$(BIN)/pytest -q -m "lab and not gameday"

gamedays: packages env  ## Every bundled experiment on a real lab, under sretool and under Chaos Toolkit: twenty minutes.
	@$(BIN)/pytest -q tests/gamedays tests/kill/test_gameday.py

SEEDS ?= 3
kill-matrix: env  ## Experiments × moments × ways to end them: nothing is left. Hours; SEEDS=1 for a third.
	@$(BIN)/python -m tests.kill.matrix --seeds $(SEEDS)

packages: python  ## Install the system packages the lab needs, where any is missing.
	@$(PYTHON) -m sretool.adapters.lab.install $(PACKAGES)

env: python  ## Build the locked virtual environment in $(VENV).
	@$(PYTHON) .ci/environment.py $(VENV)

lock: env  ## Renew requirements.lock to the newest versions pyproject.toml allows.
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --upgrade \
		--python-version 3.11 pyproject.toml --all-extras --group dev --output-file requirements.lock

clean:  ## Remove environments, caches and build results.
	@rm -rf .venv .venv-3.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@test -n "$(PYTHON)" || { echo "sretool needs Python 3.11 or newer, and there is none on PATH" >&2; \
		echo "  → install it (Debian: sudo apt-get install python3) and try again" >&2; exit 1; }
