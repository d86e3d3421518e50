# fluxq. `make demo` and `make test` need nothing but Swift and a Debian 12 to install what is missing.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

IMAGE ?= Samples/photograph.jpg
PROMPT ?= Convert to quick pencil sketch
RELEASE := -c release --static-swift-stdlib
SOURCES := Package.swift Sources Tests migrations Benchmarks

.PHONY: help build release test demo bench format lint packages

help:
	@echo "make demo     edit a picture end to end against the built-in stand-in of the API (IMAGE=… PROMPT=…)"
	@echo "make test     run all tests"
	@echo "make bench    measure a release build"
	@echo "make release  build fluxqd and fluxq for installing"
	@echo "make format   format the sources;  make lint  check them"

# The modules' tests first, then those that start daemons: together they would wait for each other's processor time.

# What the build and the tests need besides Swift; installed where it is missing.
packages:
	@scripts/install-packages

build: packages
	swift build

release: packages
	swift build $(RELEASE) --product fluxqd
	swift build $(RELEASE) --product fluxq

test: packages
	swift build --build-tests
	swift test --skip-build --skip FluxqEndToEndTests
	swift test --skip-build --filter FluxqEndToEndTests

demo: packages
	swift build --product fluxqd
	swift build --product fluxq
	@scripts/demo "$(IMAGE)" "$(PROMPT)"

# About three minutes; BENCH=--quick takes a few seconds.
bench: release
	swift build $(RELEASE) --product fluxq-bench
	"$$(swift build $(RELEASE) --show-bin-path)/fluxq-bench" $(BENCH)

format:
	swift format --in-place --recursive $(SOURCES)

lint:
	swift format lint --strict --recursive $(SOURCES)
