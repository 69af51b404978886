# Every target sets up what it needs by itself; nothing happens when nothing changed.

export PYTHONPATH := $(CURDIR)/layers/core
SETUP = @python=$$(sh infra/local/find_python.sh) && "$$python" infra/local/setup.py
PYTHON_HERE = .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run demo test bench bench-gpu models web voices restore restore-objects redrive admin lint deploy-check openapi costs format lock clean setup-run setup-dev setup-tests

help:  ## What can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

run: setup-run  ## Start everything on this machine and keep it running until Ctrl-C (ANTIPHON_PORT, ANTIPHON_HOME)
	@exec $(PYTHON_HERE) -m infra.local.supervisor

demo: setup-run  ## Do the main job once on real audio, from the upload to the signed callback
	@exec $(PYTHON_HERE) -m infra.local.demo

test: setup-tests  ## All checks and tests
	@exec $(PYTHON_HERE) -m infra.local.checks

bench: setup-tests  ## Measure what the README promises
	@exec $(PYTHON_HERE) -m tests.load.bench

bench-gpu: setup-dev  ## Measure the engines with models of the real size on this machine's GPU (needs python3.12 and 15 GB of disk)
	@for image in transcriber synthesizer; do \
		ANTIPHON_UV=.venvs/uv/bin/uv python3.12 infra/images/build.py environment infra/locks/$$image.txt .build/gpu/$$image; done
	@$(PYTHON_HERE) -c 'import sys; from infra.local.recordings import spoken_wav; sys.stdout.buffer.write(spoken_wav(4))' > .build/gpu/speech.wav
	@HF_HUB_OFFLINE=1 .build/gpu/transcriber/bin/python -m tests.load.gpu_bench transcriber --speech .build/gpu/speech.wav
	@HF_HUB_OFFLINE=1 .build/gpu/synthesizer/bin/python -m tests.load.gpu_bench synthesizer

models: setup-dev  ## Fetch the models of an image where the hub can be reached (IMAGE=transcriber|synthesizer, TO=s3://bucket/prefix)
	@exec $(PYTHON_HERE) -m infra.images.models $(IMAGE) $(if $(TO),--to $(TO))

web: setup-dev  ## Bring the web app into the bucket of a stack in the cloud (STACK=antiphon-prod)
	@exec $(PYTHON_HERE) -m infra.publish $(STACK)

lint: setup-dev  ## Style and dependency rules
	@exec $(PYTHON_HERE) -m infra.local.checks lint

voices: setup-dev  ## Wake a synthesizer of a stack in the cloud once, to make the samples of the voices (STACK=antiphon-prod)
	@exec $(PYTHON_HERE) -m infra.voices $(STACK)

restore: setup-dev  ## Bring rows of a restored table into a stack's own (FROM=…, STACK=…, OVER=--over; infra/restore.md)
	@exec $(PYTHON_HERE) -m infra.restore $(FROM) $(STACK) $(OVER)

restore-objects: setup-dev  ## Bring the objects of a stack's buckets back as they were (STACK=…, AT=2026-11-27T09:00:00Z, OVER=--over; infra/restore.md)
	@exec $(PYTHON_HERE) -m infra.restore_objects $(STACK) $(AT) $(OVER)

redrive: setup-dev  ## Bring the dead letters of a queue back to work (QUEUE=…; `. .antiphon/run/env` first for the laptop)
	@exec $(PYTHON_HERE) -m infra.local.redrive $(QUEUE)

admin: setup-dev  ## Make a registered user an administrator (EMAIL=…; `. .antiphon/run/env` first for the laptop)
	@exec $(PYTHON_HERE) -m infra.local.admin $(EMAIL)

deploy-check: setup-tests  ## All that can be known of the templates before they are deployed: sam validate, cfn-lint, checkov, sizes, rights, alarms
	@exec $(PYTHON_HERE) -m infra.local.checks infra

openapi: setup-dev  ## Write the OpenAPI document and its pages anew from the code
	@exec $(PYTHON_HERE) -m infra.openapi

costs: setup-dev  ## Write README's table of costs anew from infra/prices.json
	@exec $(PYTHON_HERE) -m infra.local.costs --write

format: setup-dev  ## Bring the code into the house style
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

lock:  ## Write all locks anew from their lists
	$(SETUP) locks

clean:  ## Remove what set-up, builds and tests wrote (state in .antiphon stays)
	rm -rf .venv .venvs .build .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache

setup-dev:
	$(SETUP) dev

setup-run:
	$(SETUP) dev emulator

setup-tests:
	$(SETUP) dev emulator sam checkov $(if $(wildcard infra/local/install_engines.py),engines)
