# Everything runs from here: `make demo`, `make test`, `make lint`. Each builds .venv when missing.
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-slow lint format stubs clean

help:
	@echo "make demo [CLIP=path]  edit a procedural timeline (and your clip); results in demo/"
	@echo "make test              all tests, two files at a time (WORKERS=N: another number)"
	@echo "make test-slow         checkpoints of full size (gigabytes, minutes)"
	@echo "make lint              style, types, contract, freshness of the stubs"
	@echo "make format            apply the style"
	@echo "make stubs             regenerate proto/via/v1/*_pb2*"
	@echo "make clean             remove .venv and demo/"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Via needs Python 3.11 or newer; try: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "installing Via and its packages into $(VENV) (several GB with torch, minutes)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[server,timelines,dev]'
	# Their own requirements would bring a second cv2 that needs a desktop's libraries.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --constraint constraints.txt groundingdino-py scenedetect
	@touch $@

demo: $(READY)
	$(BIN)/via demo $(if $(CLIP),"$(CLIP)")

test: $(READY)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow --timeout 1800

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd proto && ../$(BIN)/buf lint
	$(BIN)/python proto/generate.py --check

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

stubs: $(READY)
	$(BIN)/python proto/generate.py

clean:
	rm -rf $(VENV) demo
