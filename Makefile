# paf-haproxy. As root on Debian 12: `make demo` or `make test`; each sets up all that it needs.
SHELL := /bin/bash
PREFIX ?= /usr
PYTHON := /usr/bin/python3
VENV := .venv
LAB := $(VENV)/bin/lab

.PHONY: demo test lint setup setup-test install clean

demo: setup
	$(LAB) up
	$(LAB) drill switchover

test: setup-test
	$(VENV)/bin/pytest

lint: setup-test
	$(VENV)/bin/ruff check && $(VENV)/bin/ruff format --check && $(VENV)/bin/mypy

setup: $(VENV)/.lab
setup-test: $(VENV)/.lab $(VENV)/.dev

$(VENV)/.made:
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv; }
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.lab: pyproject.toml $(VENV)/.made
	$(VENV)/bin/pip install -q -e '.[lab]'
	touch $@

$(VENV)/.dev: pyproject.toml tests/packages.txt $(VENV)/.made
	dpkg -s $$(cat tests/packages.txt) >/dev/null 2>&1 || \
	  { apt-get update -q && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -q --no-install-recommends $$(cat tests/packages.txt); }
	$(VENV)/bin/pip install -q -e '.[lab,dev]'
	touch $@

# The agent on this machine, or into DESTDIR for a package.
install:
	provision/install-agent.sh . "$(DESTDIR)"

clean:
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
