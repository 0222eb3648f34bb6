# The verbs of the pipeline. Each is one line here; what it does lives in the package tools/.

.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

# Any Python will do to begin with: tools/ looks for a 3.11 from there.
PYTHON ?= $(shell command -v python3 || command -v python3.11 || echo $${FACEPIPE_PYTHON:-python3})
BUILD := $(PYTHON) -m tools
STACK := .venvs/tools/bin/python -m tools.stack

.PHONY: help setup start worker stop status logs demo ingest test check lint format types audit sbom proto \
        lock clean chaos mutants bench redis-acl certificates accuracy train-face_detector train-age_gender detector-pt \
        reindex migrate-ledger import-model fetch-deepface up down image-sizes screenshots

help: ## Show these verbs
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / {printf "  \033[36m%-20s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Build one virtual environment a service (seconds when nothing changed)
	@$(BUILD) setup

start: setup ## Start Redis and every service on this machine, without Docker
	@$(STACK) start

worker: setup ## Start the stages alone on this machine, for a stack on another one (docs/operations.md)
	@$(STACK) worker

stop: ## Stop exactly what `make start` or `make worker` started
	@$(BUILD) stop

status: setup ## Show each service, its workers and the length of its queue
	@$(STACK) status

logs: setup ## Follow the central log (IMAGE=id for one image)
	@$(STACK) logs "$$IMAGE"

demo: setup ## Start, analyse a photograph and print what was found (PHOTO=path for your own)
	@$(STACK) demo "$$PHOTO"

ingest: setup ## Send a whole folder, resumable: make ingest DIR=path
	@$(STACK) ingest "$$DIR"

test: ## Run every test (those that need a browser or Docker skip with a reason)
	@$(BUILD) test

check: ## What CI runs: lint, types, audit, every test
	@$(BUILD) check

lint: ## Lint, format check, secret scan, import rules
	@$(BUILD) lint

format: ## Format the code and bring generated files up to date
	@$(BUILD) format

types: ## mypy --strict over everything
	@$(BUILD) types

proto: ## Generate the gRPC stubs from shared/proto
	@$(BUILD) proto

audit: ## Known flaws of every locked package (asks the OSV database)
	@$(BUILD) audit

sbom: ## Write a CycloneDX bill of materials a service to dist/sbom/
	@$(BUILD) sbom

lock: ## Resolve what every package declares into requirements.lock (UPGRADE=1 for newer versions)
	@$(BUILD) lock

bench: setup ## Throughput and latency of the running stack, beside the bare models
	@$(BUILD) bench

accuracy: ## Measure the models on the data sets and print the tables (ARGS="--every 10": a quick pass)
	@$(BUILD) accuracy $(ARGS)

train-face_detector: ## Train the face detector on the data sets (MINUTES=480)
	@$(BUILD) train face_detector $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

train-age_gender: ## Train age and gender on the data sets (VARIANT=research or open, MINUTES=240)
	@$(BUILD) train age_gender $(if $(VARIANT),--variant $(VARIANT)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

detector-pt: ## Make run/face_detector.pt, which ultralytics.YOLO loads, from the committed weights
	@$(BUILD) detector-pt

reindex: setup ## Build the index of results anew from the files
	@$(STACK) reindex

migrate-ledger: setup ## Carry the ledger over to the PostgreSQL of FACEPIPE_STORAGE_DATABASE_URL, with the stack stopped
	@$(STACK) migrate-ledger

import-model: setup ## Export volumes/models/model.pt for serving, once, through Ultralytics (6 GB)
	@$(STACK) import-model

redis-acl: setup ## Print the users for a Redis of your own (FACEPIPE_REDIS_URL)
	@.venvs/tools/bin/python -m facepipe.queue.redis_acl

certificates: setup ## A private authority, and TLS between machines (NAMES="names and addresses of this one", FOLDER=run/secrets)
	@$(STACK) certificates $(or $(FOLDER),volumes/secrets) $(NAMES)

fetch-deepface: setup ## Fetch DeepFace's own age and gender weights (1.1 GB)
	@$(STACK) fetch-deepface

up: ## Build the images and start the stack with Docker Compose, until it is ready
	@docker compose up --build --detach --wait

down: ## Stop the Docker stack; volumes/ is left alone
	@docker compose down

image-sizes: ## What the Docker images take on disk
	@$(BUILD) image-sizes

screenshots: setup ## Take six pictures of the running page into docs/screenshots/
	@$(BUILD) screenshots $(ARGS)

mutants: ## Change the code in small ways and see whether unit tests notice (ARGS=<package>: one of them)
	@$(BUILD) mutants $(ARGS)

chaos: setup ## The long tests, an hour or more: random kills, damaged files, people beside 10,000 images, memory over 3,000
	@$(BUILD) chaos

clean: ## Remove environments and caches; volumes/ is left alone
	@$(BUILD) clean
