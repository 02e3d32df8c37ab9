# `make demo` and `make test` do all of their own set-up in .venv; nothing is installed anywhere else.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test lint clean

demo: $(VENV)/.installed-demo  ## from nothing to a tally and a report, on real faces
	$(BIN)/python -m scripts.demo

test: lint  ## lint, types and tests
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf .types && mkdir -p .types/facetally
	ln -s $(CURDIR)/pipeline/* $(CURDIR)/detection $(CURDIR)/gender .types/facetally/
	$(BIN)/mypy

$(VENV)/.installed-demo: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(VENV)/.installed-test: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[train,insightface,demo,dev]'
	touch $@ $(VENV)/.installed-demo

clean:
	rm -rf $(VENV) demo build *.egg-info
