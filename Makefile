# Every target makes what it needs, beginning with .venv in this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := bundles/nih_mse/configs/train.json

NUMERIC := $(addprefix tests/,losses metrics networks transforms engines parity bundles/test_distributed.py)
PYTEST := $(BIN)/python -m pytest -n 2
EXAMPLES := --doctest-modules monai_mocoi tests

.PHONY: demo test test-fast test-portable test-oldest test-newest coverage check docs wheel format bundles bench help clean

$(STAMP): pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dicom,onnx,docs,dev]"
	touch $(STAMP)

demo: $(STAMP)  ## pretrain on generated chest phantoms (no medical data needed), with the main command
	@if [ -e runs/nih_mse/pretrain/encoder.pt ]; then \
		echo "runs/nih_mse/pretrain holds a finished run. Next: $(BIN)/mocoi run nih_mse/finetune"; \
		echo "To make the run anew: rm -r runs/nih_mse/pretrain && make demo"; \
	elif [ -e runs/nih_mse/pretrain ]; then \
		echo "$(BIN)/mocoi run nih_mse/train --resume true"; \
		$(BIN)/mocoi run nih_mse/train --resume true; \
	else \
		echo "$(BIN)/python -m monai.bundle run --config_file $(DEMO)"; \
		$(BIN)/python -m monai.bundle run --config_file $(DEMO); \
	fi

test: $(STAMP)  ## the whole suite, with the examples of docstrings
	$(PYTEST) $(EXAMPLES)

test-fast: $(STAMP)  ## everything that takes no more than a few seconds
	$(PYTEST) -m "not slow" $(EXAMPLES)

coverage: $(STAMP)  ## the whole suite once more, and the modules of which it runs less than 90 %
	$(PYTEST) --cov --cov-report=
	-$(BIN)/coverage combine --append --quiet  # of processes that ended after pytest did
	@$(BIN)/coverage report --sort=cover | awk 'NR <= 2 || /^TOTAL/ || $$NF + 0 < 90'

# As on a processor without AVX, with one thread, and on one without AVX-512, with two; `make test` is neither. Waiting
# threads sleep: two processes of two threads each would else spin on two cores.
test-portable: $(STAMP)  ## the numeric tests as other processors compute
	ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 OMP_NUM_THREADS=1 $(PYTEST) -m "not slow or numeric" $(NUMERIC)
	ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive $(PYTEST) -m "not slow or numeric" $(NUMERIC)

test-oldest: .venv-oldest/.installed  ## the fast tests with the lowest versions that pyproject.toml allows
	.venv-oldest/bin/python -m pytest -n 2 -m "not slow"

.venv-oldest/.installed: pyproject.toml constraints-oldest.txt
	rm -rf .venv-oldest
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --constraint constraints-oldest.txt --editable ".[dicom,dev]"
	touch $@

test-newest:  ## the fast tests with the newest versions that pyproject.toml allows, installed anew
	rm -rf .venv-newest
	$(PYTHON) -m venv .venv-newest
	grep '^torch==' constraints.txt > .venv-newest/constraints.txt
	.venv-newest/bin/python -m pip install --quiet --constraint .venv-newest/constraints.txt --editable ".[dicom,dev]"
	.venv-newest/bin/python -m pytest -n 2 -m "not slow"

check: $(STAMP)  ## style, types, imports, and bundles that match their templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/files.py
	$(BIN)/python bundles/templates/write.py --check && echo "Bundles match their templates."

docs: $(STAMP)  ## the site, in site/; a broken link or a name that does not exist fails
	$(BIN)/mkdocs build

wheel: $(STAMP)  ## dist/: source distribution and wheel, as they are released
	$(BIN)/python -m build --no-isolation

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bundles: $(STAMP)  ## write bundles/<data>_<method>/ from bundles/templates/
	$(BIN)/python bundles/templates/write.py

bench: $(STAMP)  ## how fast it is, and against what; JSON and Markdown in runs/benchmarks/
	$(BIN)/python -m benchmarks

help:  ## what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-15s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean:
	rm -rf $(VENV) .venv-oldest .venv-newest build dist .mypy_cache .ruff_cache .pytest_cache .coverage site *.egg-info
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
