# Every target that runs something sets up its own virtual environment first.

PYTHON ?= python3
VENV ?= .venv
PY = $(VENV)/bin/python
BACKENDS = tensorflow jax torch
JOBS ?= 2
# Further options for pytest: make test PYTEST_ARGS=-x
PYTEST_ARGS ?=
PYTEST = $(PY) -m pytest -q --durations=5 $(PYTEST_ARGS)

EXTRAS_demo = tensorflow,export
EXTRAS_test = test

# What trains is tested on each backend, the rest on one.
TRAINING_TESTS = tests/zoo $(wildcard tests/recipes/test_training*.py)
OTHER_TESTS = $(filter-out $(TRAINING_TESTS),$(wildcard tests/recipes/test_*.py)) \
	$(wildcard tests/test_*.py)
CROSS_TESTS = $(shell grep -lr --include='test_*.py' 'mark.cross_backend' tests)
EXPLORER_TESTS = $(wildcard tests/export/test_explorer_*.py)
EXPORT_TESTS = $(filter-out $(EXPLORER_TESTS),$(wildcard tests/export/test_*.py))

# Of the inner loop; BACKEND=jax or tensorflow takes another than the fastest to start.
BACKEND ?= torch
FAST_TESTS = $(addprefix tests/zoo/test_zoo_,$(addsuffix .py,auxiliary bad_input \
	distributions divergence fit flow full_and_mixture golden guide levels \
	likelihood_contract likelihoods_of_levels objectives presets quantizers samples \
	shapes)) tests/export/test_export_threefry.py \
	tests/test_laziness.py

EXPLORER = export/explorer
EXPLORER_SOURCES = $(wildcard $(addprefix $(EXPLORER)/web/,*.mjs *.json *.html *.css \
	src/*.ts src/panels/*.ts))

export TF_CPP_MIN_LOG_LEVEL ?= 3
# Two backends may share a GPU: neither takes all of its memory.
export TF_FORCE_GPU_ALLOW_GROWTH ?= true
export XLA_PYTHON_CLIENT_PREALLOCATE ?= false

.PHONY: help demo test test-slow lint bench readme clean
.PHONY: test-fast test-runtimes docs explorer built-explorer pictures
.PHONY: $(BACKENDS:%=test-%) test-cross-backend test-export test-once test-explorer

help:
	@echo "make demo    fine-tune a shipped preset, export it, sample without Keras"
	@echo "make test    lint, and all tests on TensorFlow, JAX and PyTorch"
	@echo "make test-slow  score all presets again, and more: an hour, and the prepared data"
	@echo "make test-runtimes  exported files in every client: half an hour, a network"
	@echo "make test-fast  the inner loop: lint, and the core on one backend (BACKEND=torch)"
	@echo "make lint    ruff check, ruff format --check, and the type checker"
	@echo "make docs    the API reference, from the docstrings, into build/docs"
	@echo "make explorer  build the parts of vae-zoo explore's page: Node.js and npm"
	@echo "make bench   speed and memory, side by side; writes tests/benchmarks/RESULTS.md"
	@echo "make pictures  those of README.md and of presets: prepared MNIST and Chromium"
	@echo "make readme  rewrite the tables, and the page of all presets' samples"
	@echo "make clean   remove caches, the demo's output and the page's parts"
	@echo "PYTHON=python3.12 chooses the interpreter, VENV=folder the environment."

demo: $(VENV)/.installed-demo
	$(VENV)/bin/vae-zoo demo

# The longest first, two at a time: a test uses little more than one core, and threads
# of two groups would wait for each other. What each prints comes when it is done.
test: export OMP_NUM_THREADS ?= 1
test: export TF_NUM_INTRAOP_THREADS ?= 1
test: export TF_NUM_INTEROP_THREADS ?= 1
test: lint built-explorer
	@$(MAKE) --no-print-directory --jobs=$(JOBS) --output-sync=target --keep-going \
		test-jax test-tensorflow test-once test-export test-cross-backend \
		test-torch test-explorer

test-slow: $(VENV)/.installed-test
	$(PYTEST) -m slow tests

# Installs eight other runtimes, under build/.
test-runtimes: export OMP_NUM_THREADS ?= 1
test-runtimes: $(VENV)/.installed-test
	KERAS_BACKEND=$(BACKEND) $(PY) tests/runtimes/check.py

lint: $(VENV)/.installed-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/basedpyright --pythonpath $(PY)

# Less than three minutes on two cores: what most changes break first. No browser, no
# export, no shipped preset; `make test` has the rest.
test-fast: export OMP_NUM_THREADS ?= 1
test-fast: export XLA_FLAGS ?= $(FAST_XLA)
test-fast: lint
	KERAS_BACKEND=$(BACKEND) $(PYTEST) -x -m "not cross_backend" $(FAST_TESTS)

docs: $(VENV)/.installed-test
	KERAS_BACKEND=$(BACKEND) $(PY) tests/api_reference.py

# The tests' models are tiny: to compile them well takes longer than to run them. JAX's
# tests take half the time without the emitters of fused loops.
FAST_XLA = --xla_backend_optimization_level=0 \
	--xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false
test-jax test-cross-backend test-export test-once test-explorer: \
	export XLA_FLAGS ?= $(FAST_XLA)

# What says the same wherever Keras runs, each with its reason, is left to PyTorch, where
# nothing is traced or compiled.
MARKS = not cross_backend
test-jax test-tensorflow: MARKS = not cross_backend and not one_backend

$(BACKENDS:%=test-%): test-%: $(VENV)/.installed-test
	@echo "== training and models on $*"
	KERAS_BACKEND=$* $(PYTEST) -m "$(MARKS)" $(TRAINING_TESTS)

test-cross-backend: $(VENV)/.installed-test
	@echo "== from each backend to each other"
	KERAS_BACKEND=torch $(PYTEST) -m cross_backend $(CROSS_TESTS)

test-export: $(VENV)/.installed-test
	@echo "== export and runtime (on tensorflow)"
	KERAS_BACKEND=tensorflow $(PYTEST) $(EXPORT_TESTS)

test-explorer: $(VENV)/.installed-test built-explorer
	@echo "== the explorer's page, in a browser"
	KERAS_BACKEND=tensorflow $(PYTEST) -s $(EXPLORER_TESTS)

test-once: $(VENV)/.installed-test
	@echo "== data, command line, demo, documentation, project (on torch)"
	KERAS_BACKEND=torch $(PYTEST) -m "not cross_backend" $(OTHER_TESTS)

bench: $(VENV)/.installed-test
	$(PY) tests/benchmarks/bench.py

explorer: $(EXPLORER)/dist/versions.json

# What tests need; where there is no npm, they say that they are skipped.
built-explorer:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory explorer; \
		else echo "Without npm the explorer's page is not built."; fi

$(EXPLORER)/dist/versions.json: $(EXPLORER)/web/node_modules/.stamp $(EXPLORER_SOURCES)
	@echo "Building the explorer's page"
	@cd $(EXPLORER)/web && npm run --silent check && npm run --silent build

$(EXPLORER)/web/node_modules/.stamp: $(addprefix $(EXPLORER)/web/,package.json \
		package-lock.json .npmrc)
	@command -v npm >/dev/null || { echo "Node.js and npm are needed."; exit 1; }
	@cd $(EXPLORER)/web && npm ci --loglevel=error
	@touch $@

pictures: $(VENV)/.installed-test explorer
	$(PY) tests/pictures.py
	$(PY) -m recipes.documents.readme

readme: $(VENV)/.installed-test
	$(PY) -m recipes.documents.readme

clean:
	rm -rf build dist demo .pytest_cache .ruff_cache .hypothesis $(EXPLORER)/dist
	find zoo recipes export tests -name __pycache__ -prune -exec rm -rf {} +

# Stamps: installed again when the requirements or the pins change.
$(VENV)/.installed-%: pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "Python 3.11 or later is needed: make PYTHON=python3.12"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): some minutes the first time"
	@$(PY) -m pip install --quiet --disable-pip-version-check \
		-c constraints.txt -e ".[$(EXTRAS_$*)]"
	@# The tests' environment has all that the demo needs.
	@touch $@ $(VENV)/.installed-demo
