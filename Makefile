# Everything does its own set-up on a Debian or Ubuntu machine; what uses the lab runs as root.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON_ENVIRONMENT := scripts/bootstrap python
LAB_ENVIRONMENT := scripts/bootstrap lab
RUN := . scripts/env.sh &&

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

.PHONY: demo
demo: ## Deploy a cluster on nodes on this machine, add a worker, leave it running
	@$(LAB_ENVIRONMENT)
	@$(RUN) python scripts/demo.py

.PHONY: check
check: ## Format, style, types, import contracts and the tests that need no node
	@$(PYTHON_ENVIRONMENT)
	@$(RUN) python scripts/run_tests.py lint unit

.PHONY: test
test: ## The above and the flows on real nodes
	@$(LAB_ENVIRONMENT)
	@$(RUN) python scripts/run_tests.py lint unit fuzz artifacts lab

.PHONY: test-all
test-all: ## Everything: a second Kubernetes version and the full counts; run again to resume
	@$(LAB_ENVIRONMENT)
	@$(RUN) python scripts/run_tests.py --resume lint unit fuzz fuzz-full artifacts lab lab-full-kills lab-full-changes lab-full-rollout lab-full-drift lab-variants artifacts-second lab-second

.PHONY: bench
bench: ## Compare with raw kubeadm; prints a table and writes build/bench.json
	@$(LAB_ENVIRONMENT)
	@$(RUN) kubewright artifacts build
	@$(RUN) python -m bench.run
	@$(RUN) python -m bench.many_nodes
	@$(RUN) python -m bench.validate
	@$(RUN) python -m bench.planning
	@$(RUN) python -m bench.controller

.PHONY: clean-lab
clean-lab: ## Take down the labs of this checkout
	@$(PYTHON_ENVIRONMENT)
	@$(RUN) python scripts/clean_lab.py

.PHONY: clean-tests
clean-tests: ## Forget test results
	rm -rf build/tests .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: format
format: ## Format the sources
	@$(PYTHON_ENVIRONMENT)
	@$(RUN) ruff format src tests scripts bench
