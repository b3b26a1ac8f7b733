# Everything a user does. `make help` lists it.
PROFILE ?= digits
PROFILES ?= $(PROFILE)
PYTHON  ?= python3
BIN     := $(CURDIR)/.venv/bin
# Stages are started by DVC as `python -m stages...`: that must be the environment's python. So are programs here,
# by their modules: as commands they name the folder that the environment was made in, and do not survive a move.
export PATH := $(BIN):$(PATH)
# Packages go into the environment, and modules come from this folder, whatever a user's settings say elsewhere.
export PIP_USER := 0
export PYTHONSAFEPATH :=
# PYTHONWARNINGS=error would have DVC end at what its libraries will change some day.
export PYTHONWARNINGS :=
# DVC gives its commands to SHELL, which of a service may be nologin, and of a person fish.
export SHELL := /bin/sh
# In a container a user may have no name, which DVC asks for.
export USER ?= $(shell id -u)
# One thread a process: processes, not threads, share the cores.
export OMP_NUM_THREADS := 1

ifeq ($(PROFILE),digits)
PIPELINE := dvc.yaml
else
PIPELINE := profiles/$(PROFILE)/dvc.yaml
endif

# Rows that are published lie in this repository, and are not made again.
PULL = ! grep -q 'remote: published' $(PIPELINE) || python -m dvc pull $(PIPELINE):run

.DEFAULT_GOAL := help
.PHONY: help repro tables report estimate test test-all lint bench gpu-check ui docs pictures profiles clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 18
	@echo "  PROFILE=digits (default), desk, paper or your own profiles/NAME.yaml, e.g. make repro PROFILE=desk"

repro: .venv/installed .dvc/plots.html  ## install if needed, then run the whole pipeline of a profile (embedded digits)
	@python -m stages.profiles $(PROFILE)
	@$(PULL)
	@python -m stages.track --profile $(PROFILE) --follow & \
	  follower=$$!; echo dvc repro $(PIPELINE); python -m dvc repro $(PIPELINE); status=$$?; kill $$follower 2>/dev/null; exit $$status

tables: .venv/installed .dvc/plots.html  ## every table and figure, the report and the MLflow runs again from rows: no training
	@python -m stages.profiles $(PROFILE)
	@$(PULL)
	@python -m dvc repro --force --single-item $(PIPELINE):analyse $(PIPELINE):report $(PIPELINE):publish

report: .venv/installed  ## one report of several profiles that were run, side by side: PROFILES="digits desk"
	@python -m stages.report --profile $(PROFILES)

estimate: .venv/installed  ## how long a profile will take on this machine, and how much memory, before it is run
	python -m stages.estimate --profile $(PROFILE)

test: .venv/installed-test  ## minutes: test all that is computed, from the mathematics to the report, and what is refused
	python -m pytest -n auto -m "not slow" $(ARGS)

# In this order: what fails soon comes first.
test-all: lint test  ## style, types, `make test`, then kills, servers, a browser, and profile smoke as a user runs it
	python -m pytest -n auto -m slow $(ARGS)

lint: .venv/installed-test  ## check style and types
	python -m ruff check .
	python -m ruff format --check .
	python -m mypy

bench: .venv/installed  ## measure how fast this machine trains, beside a plain loop (minutes; ARGS=--help for options)
	@python -m benchmarks $(ARGS)

gpu-check: .venv/installed-test  ## everything that only a CUDA device can show, in one table (about ten minutes at most)
	@python -m benchmarks.gpu_check $(ARGS)

ui: .venv/installed  ## publish what MLflow does not have yet, and open MLflow on this machine
	python -m stages.track --profile $(PROFILE)
	python -m stages.ui $(ARGS)

docs: .venv/installed-test  ## make the API reference, docs/api/index.html, docs/rows.md, what rows mean, and the table of claims
	python docs/api.py
	python -m docs.rows
	python -m docs.claims

pictures: .venv/installed-test  ## make the pictures of the README, from the results of profile digits
	python docs/pictures.py

profiles: .venv/installed  ## bring params.yaml and dvc.yaml of the profiles that were run up to date, as repro does
	@python -m stages.profiles

clean:  ## remove everything that the pipeline made (data, results, reports, runs), and nothing else; not .venv
	@"$(or $(wildcard .venv/bin/python),$(PYTHON))" -m stages.clean

# Its pip is made last: an environment that was begun in vain, as without Debian's python3-venv, is made again.
.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than Python 3.11; give a newer one, e.g. make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/pip pyproject.toml
	python -m pip install --quiet --disable-pip-version-check --editable '.[pipeline]'
	@touch $@

.venv/installed-test: .venv/bin/pip pyproject.toml
	python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ .venv/installed

# What `dvc plots` makes its page from: with the scripts in it, so that the page works offline.
.dvc/plots.html: .venv/installed stages/plots_page.py
	@python -m stages.plots_page $@
	@python -m dvc config --local plots.html_template plots.html
