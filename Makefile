# What can be done here? `make help` lists it. Everything installs what it needs, says how far it is, and can be repeated.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SLIPWAY_CACHE ?= $(HOME)/.cache/slipway
export SLIPWAY_CACHE CLUSTER
# A plain `su` leaves root without these, and with them without modprobe, iptables, debootstrap and a working dpkg.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

PYTHON := .venv/bin/python
CHECKS := $(PYTHON) -m e2e.setup.checks
EXTRAS := operator data train-torch eval-blender serve-llamacpp serve-proxy object-store
COMPILE := UV_CACHE_DIR=$(SLIPWAY_CACHE)/uv UV_CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/uv pip compile --quiet \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links

.PHONY: help
help: ## show this list
	@echo "Slipway: data, training, quality gates, canary and automatic rollback for models, as four Kubernetes kinds."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  CLUSTER=embedded|kind|existing chooses the cluster; without it the choice is automatic and printed."

.PHONY: venv
venv:
	@e2e/setup/bootstrap

.PHONY: demo
demo: venv ## the whole chain on real data: three models come and go, one stays
	@$(PYTHON) -m e2e.demo

.PHONY: example-blueprint
example-blueprint: venv ## one run of the Blueprint assistant, and a table of what it gained over the base model
	@$(PYTHON) -m e2e.example blueprint $(ARGUMENTS)

.PHONY: example-blender
example-blender: venv ## one run of the Blender agent, judged in the real Blender, and the same table
	@$(PYTHON) -m e2e.example blender $(ARGUMENTS)

.PHONY: test
test: venv ## every check but test-kills, test-ray and test-mlflow: lint, unit, world, engine, apiserver, train, blender, e2e
	@$(CHECKS) all

.PHONY: lint
lint: venv ## ruff, mypy --strict, import-linter
	@$(CHECKS) lint

.PHONY: test-unit
test-unit: venv ## decisions and everything else that is pure, in about four minutes
	@$(CHECKS) unit

.PHONY: test-world
test-world: venv ## random histories of releases in virtual time; SLIPWAY_HISTORIES says how many
	@$(CHECKS) world

.PHONY: test-engine
test-engine: venv ## the engine under faults and crashes
	@$(CHECKS) engine

.PHONY: test-apiserver
test-apiserver: venv ## the API on a real etcd and kube-apiserver
	@$(CHECKS) apiserver

.PHONY: test-train
test-train: venv ## the trainer with torch, on CPU
	@$(CHECKS) train

.PHONY: test-blender
test-blender: venv ## what models write for Blender, run in the real one
	@$(CHECKS) blender

.PHONY: test-kills
test-kills: venv ## runs killed at random moments and for memory, preempted by Kueue, on two nodes, and a search, on a real cluster
	@$(CHECKS) kills

.PHONY: test-ray
test-ray: venv ## the heavy steps of a Dataset on a real Ray cluster of one node
	@$(CHECKS) ray

.PHONY: test-mlflow
test-mlflow: venv ## what a training run tells MLflow, against the real server
	@$(CHECKS) mlflow

.PHONY: test-e2e
test-e2e: venv ## the demo's story with small numbers, and releases under load, on a real cluster
	@$(CHECKS) e2e

.PHONY: bench-rollback
bench-rollback: venv ## how long a bad version keeps its traffic, beside argo-rollouts; writes docs/benchmarks.md
	@$(PYTHON) -m bench.rollback $(ARGUMENTS)

.PHONY: bench-scale
bench-scale: venv ## what thousands of Rollouts cost, beside argo-rollouts; writes docs/benchmarks.md
	@$(PYTHON) -m bench.scale $(ARGUMENTS)

.PHONY: bench-train
bench-train: venv ## how fast and how well a language model is tuned, beside TRL; writes docs/benchmarks.md
	@$(PYTHON) -m bench.train $(ARGUMENTS)

.PHONY: bench-compile
bench-compile: venv ## whether torch.compile pays for the recipe on this CPU
	@$(PYTHON) -m bench.compile $(ARGUMENTS)

.PHONY: bench-data
bench-data: venv ## how fast text is filtered, redacted and deduplicated, beside datatrove; writes docs/benchmarks.md
	@$(PYTHON) -m bench.data $(ARGUMENTS)

.PHONY: generate
generate: venv ## write CRDs, the chart's CRDs and the reference documentation from the models
	@$(PYTHON) -m slipway.api.crds

.PHONY: lock
lock: venv ## resolve dependencies again and write the hashed locks
	$(COMPILE) --universal --extra dev pyproject.toml -o requirements/dev.lock
	$(COMPILE) --extra train-test pyproject.toml -o requirements/train.lock
	$(COMPILE) --extra mlflow-server pyproject.toml -o requirements/mlflow.lock
	$(COMPILE) --extra bench-trl --constraint requirements/train.lock pyproject.toml -o requirements/bench-trl.lock
	$(COMPILE) --extra bench-datatrove pyproject.toml -o requirements/bench-datatrove.lock
	$(COMPILE) --extra bench-daft pyproject.toml -o requirements/bench-daft.lock
	$(COMPILE) --extra bench-ray pyproject.toml -o requirements/bench-ray.lock
	$(COMPILE) --extra bench-text --no-deps pyproject.toml -o requirements/bench-text.lock
	@for extra in $(EXTRAS); do \
		echo "locking images/$$extra/requirements.lock" && \
		$(COMPILE) --extra $$extra pyproject.toml -o images/$$extra/requirements.lock || exit 1; \
	done
	$(COMPILE) --extra data-ray --constraint images/data/requirements.lock pyproject.toml -o images/data/ray.lock
	@# torch is the image's lowest layer, so it has a lock that changes only when torch does.
	echo torch | $(COMPILE) --constraint images/train-torch/requirements.lock - -o images/train-torch/requirements.torch.lock

.PHONY: up
up: venv ## bring the cluster up, or find it running
	@$(PYTHON) -m e2e.cluster up

.PHONY: images
images: venv ## build what changed of images/ and push it to the cluster's registry
	@$(PYTHON) -m e2e.cluster images

.PHONY: prepare
prepare: venv ## what the tutorial needs: cluster, images, data, base model, the chart's values in out/demo
	@$(PYTHON) -m e2e.demo prepare

.PHONY: shell
shell: venv ## a shell with kubectl and helm pointed at the cluster
	@$(PYTHON) -m e2e.cluster shell

.PHONY: down
down: venv ## remove the cluster: no process, mount, bridge or rule stays
	@$(PYTHON) -m e2e.cluster down

.PHONY: clean
clean: ## remove the cluster, the caches, the environment and everything generated
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m e2e.cluster down && $(PYTHON) -m e2e.setup clean; else rm -rf "$(SLIPWAY_CACHE)"; fi
	rm -rf .venv out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
