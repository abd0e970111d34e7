# Every target makes what it needs, beginning with .venv in this folder.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := bundles/nih_mse/configs/train.json

.PHONY: demo test test-fast check format bundles clean

$(STAMP): pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dicom,dev]"
	touch $(STAMP)

demo: $(STAMP)  ## pretrain on generated chest phantoms (no medical data needed), with the main command
	@if [ -e runs/nih_mse/pretrain ]; then \
		echo "runs/nih_mse/pretrain holds a run already, finished or not; to make it anew: rm -r runs/nih_mse && make demo"; \
		test -e runs/nih_mse/pretrain/encoder.pt; \
	else \
		echo "$(BIN)/python -m monai.bundle run --config_file $(DEMO)"; \
		$(BIN)/python -m monai.bundle run --config_file $(DEMO); \
	fi

test: $(STAMP)  ## the whole suite
	$(BIN)/python -m pytest -n 2

test-fast: $(STAMP)  ## everything that takes no more than a few seconds
	$(BIN)/python -m pytest -n 2 -m "not slow"

check: $(STAMP)  ## style, types, and bundles that match their templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python bundles/templates/write.py --check && echo "Bundles match their templates."

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bundles: $(STAMP)  ## write bundles/<data>_<method>/ from bundles/templates/
	$(BIN)/python bundles/templates/write.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache *.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
