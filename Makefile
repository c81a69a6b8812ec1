# paf-haproxy. As root on Debian 12: `make demo` or `make test`; each sets up all that it needs.
SHELL := /bin/bash
PREFIX ?= /usr
PYTHON := /usr/bin/python3
VENV := .venv
VERSION = $(shell sed -n 's/^Version: *//p' rpm/paf-haproxy.spec)
LAB := $(VENV)/bin/lab
HOURS ?= 4
SEED ?=

.PHONY: help demo test lint compare soak migrations docs pictures deb rpm setup setup-test install clean

help: ## Name these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## Boot a real three-node cluster and switch it over.
	$(LAB) up
	$(LAB) drill switchover

test: setup-test ## Run all tests, that cluster's among them.
	$(VENV)/bin/pytest

lint: setup-test ## Run the linters and the type checker alone.
	$(VENV)/bin/ruff check && $(VENV)/bin/ruff format --check && $(VENV)/bin/mypy

compare: setup ## Measure this and what one would have instead, side by side: hours.
	$(VENV)/bin/pip install -q -e '.[lab,compare,open-loop]'
	$(LAB) compare --fencing-delay 5 --pooled --open-loop 4 --json results/compared.json --page docs/comparison.md
	$(LAB) compare --drills poweroff --no-steady --json results/compared-instant.json
	$(LAB) compare vip multihost multihost-vip --drills switchover --slower-clients 2 --no-steady \
	  --json results/multihost.json
	$(LAB) grow --json results/growth.json --picture docs/growth.png
	$(MAKE) docs

soak: setup ## Overlapping random faults for HOURS hours (4), drawn from SEED, on the three-node lab.
	$(LAB) up
	$(LAB) soak --hours $(HOURS) $(if $(SEED),--seed $(SEED)) --json results/soak.json

migrations: setup-test ## Test the three migrations of docs/operations.md on the three-node lab: many minutes.
	$(VENV)/bin/pytest -m long tests/lab/test_migrations.py

docs: setup ## Make what of the documentation is made.
	$(VENV)/bin/python docs/make.py parameters >docs/parameters.md
	$(VENV)/bin/python docs/make.py drills >docs/drills/README.md
	$(VENV)/bin/python docs/make.py failures
	$(VENV)/bin/python docs/make.py blast >docs/drills/blast.md
	$(VENV)/bin/python docs/make.py alarms >docs/drills/false-alarms.md
	$(VENV)/bin/python docs/make.py rest >docs/rest.md
	$(VENV)/bin/python docs/make.py drivers >docs/drills/drivers.md
	$(VENV)/bin/python docs/make.py picture >docs/drills/switchover.svg
	$(VENV)/bin/python docs/make.py growth >docs/growth.md
	$(VENV)/bin/python docs/make.py measured >docs/measured.md
	$(VENV)/bin/python docs/make.py readme
	test ! -e results/noise.json || $(VENV)/bin/python docs/make.py noise
	command -v dot >/dev/null || apt-get install -y -q --no-install-recommends graphviz
	dot -Tsvg docs/voices.dot >docs/voices.svg

pictures: setup-test ## Draw docs/pictures anew; needs chromium.
	$(VENV)/bin/python docs/pictures.py

deb: ## Build the Debian package, into the directory above.
	dpkg-buildpackage -us -uc -b

rpm: ## Build the RPMs, into build/rpm; on Debian with its packages rpm, checkpolicy, semodule-utils.
	mkdir -p build/rpm/SOURCES
	git archive --prefix=paf-haproxy-$(VERSION)/ HEAD | gzip >build/rpm/SOURCES/paf-haproxy-$(VERSION).tar.gz
	rpmbuild -bb --nodeps --define '_topdir $(CURDIR)/build/rpm' rpm/paf-haproxy.spec

setup: $(VENV)/.lab ## Make the command lab in .venv/bin.
setup-test: $(VENV)/.lab $(VENV)/.dev ## Make all that the tests need.

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

install: ## Put the agent onto this machine, or below DESTDIR.
	provision/install-agent.sh . "$(DESTDIR)"

clean: ## Remove what was made here.
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
