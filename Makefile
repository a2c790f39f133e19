# What people type. The set-up is in provision/, in scripts that can be read, and run, by themselves.

PREFIX ?= /usr/local
VM_SECONDS ?= 3000
# A file of tests stays with one worker. Each worker has a store, and a network, of its own.
AT_ONCE ?= --numprocesses auto --dist loadfile

export PREFIX
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Python may keep its bytecode: without it each start compiles all of minidock again.
unexport PYTHONDONTWRITEBYTECODE

# One failing check must not hide what the others have to say.
MAKEFLAGS += --keep-going --no-print-directory
.NOTPARALLEL:
.PHONY: help run man labs test tools lint style types layers unit integration commands peers vm bench clean

help: ## Say what can be made
	@awk -F ':.*[#][#] ' 'NF == 2 { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Set minidock up, once, and run a container (root)
	@provision/machine run
	$(PREFIX)/bin/minidock run --rm busybox echo 'Hello from a container made by minidock'

man: ## Write the manual pages into build/man/man1, to be read with man -l
	@provision/machine run
	@.venv/bin/python -I -S minidock/launch.py minidock.cli.manual build/man/man1

labs: ## Write docs/labs anew, from the texts that `minidock lab` shows
	@provision/machine run
	@.venv/bin/python -I -S minidock/launch.py minidock.labs.book docs/labs

test: lint unit integration commands peers vm ## Set up for tests as well, once, and run them all (root)

tools:
	@provision/machine test

lint: style types layers ## Style, types, and the rule that imports only go down

style: tools
	ruff check --output-format concise
	ruff format --check

types: tools
	mypy

layers: tools
	lint-imports

unit: tools ## Tests that need no root
	python -m pytest $(AT_ONCE) tests/unit

integration: tools ## Tests on this kernel (root)
	python -m pytest $(AT_ONCE) tests/integration

commands: tools ## Tests of single commands, of many at once, of killing them, and of the page (root)
	python -m pytest $(AT_ONCE) tests/commands tests/page
	python -m pytest tests/endurance

peers: tools ## Tests with other engines, and with packages that Debian serves (root)
	python -m pytest tests/network
	python -m pytest tests/peers

vm: tools ## The same on a stock Debian kernel with cgroup v2, in virtual machines (root, once)
	python -m pytest tests/vm
	tests/vm/integration --timeout $(VM_SECONDS)

bench: tools ## Measure minidock beside its peers (root)
	python -m bench

clean: ## Remove what was made in this directory
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
