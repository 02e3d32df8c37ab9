# `make demo`, `make test` and `make docs` do all of their own set-up in .venv; nothing is installed anywhere else.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test lint docs clean

demo: $(VENV)/.installed-demo  ## from nothing to a tally and a report, on real faces
	$(BIN)/python -m scripts.demo

test: lint  ## lint, types and tests, one process more than there are cores, as some wait
	$(BIN)/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadgroup --no-loadscope-reorder

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf .types && mkdir -p .types/facetally  # mypy does not see an editable install's import hook
	ln -s $(CURDIR)/pipeline/* $(CURDIR)/detection $(CURDIR)/gender .types/facetally/
	$(BIN)/mypy

docs: $(VENV)/.installed-test  ## the documentation as a web site, in build/docs
	$(BIN)/python -m scripts.write_reference
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

$(VENV)/.installed-demo: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	touch $@

$(VENV)/.installed-test: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[label,live,s3,ray,train,insightface,demo,benchmark,docs,dev]'
	touch $@ $(VENV)/.installed-demo

clean:
	rm -rf $(VENV) .types demo build *.egg-info
