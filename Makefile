# fluxq. `make demo` and `make test` need only Swift and a Debian 12 on which missing packages can be installed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

IMAGE ?= Samples/photograph.jpg
PROMPT ?= Convert to quick pencil sketch
SEEDS ?= $(if $(CI),500,5000)
ROUNDS ?= $(if $(CI),50,1000)
RELEASE := -c release --static-swift-stdlib
SOURCES := Package.swift Sources Tests migrations Benchmarks Proofs Fuzz

# Directories of `make install`, below DESTDIR.
PREFIX ?= /usr
SYSCONFDIR ?= /etc
UNITDIR ?= /usr/lib/systemd/system
VERSION = $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)

.PHONY: help build release test demo bench format lint packages install deb hosttest fuzz simtest crashtest faulttest powertest attacktest apitest clients

help:
	@echo "make demo     edit a picture end to end against a stand-in of the API (IMAGE=… PROMPT=…)"
	@echo "make test     run all tests"
	@echo "make simtest  run the workers with a simulated clock, API and failures (SEEDS=5000, or SEED=n to replay one)"
	@echo "make crashtest  kill the daemon at every crash point and at random times (ROUNDS=… SEED=…)"
	@echo "make faulttest  fail every write, fsync, rename and open of the daemon, one after the other (STRIDE=… ONLY=…)"
	@echo "make powertest  cut the power at every fsync of a recorded daemon (STRIDE=… SEED=… VARIANTS=…)"
	@echo "make attacktest  run hostile local users against the daemon and measure the effect on another user (as root)"
	@echo "make fuzz     fuzz the parsers of external input (SECONDS=… or RUNS=10000000, TARGETS=…)"
	@echo "make apitest  check the HTTP interface against docs/openapi.yaml with schemathesis (EXAMPLES=… SEED=…)"
	@echo "make clients  run clients of OpenAI's images API against the daemon, and count requests, bills and pictures (ONLY=…)"
	@echo "make bench    measure a release build"
	@echo "make release  build the programs for installing, with manual pages and completions"
	@echo "make install  install what make release has built (as root; DESTDIR=…)"
	@echo "make deb      build a Debian package in build/"
	@echo "make hosttest install that package on Debian 12 in a container and use it as a user would (as root)"
	@echo "make format   format the sources;  make lint  check them"

# Packages that the build and the tests need in addition to Swift; missing ones are installed.
packages:
	@scripts/install-packages

build: packages
	swift build

release: packages
	for product in fluxqd fluxq fluxq-sandbox; do swift build $(RELEASE) --product $$product; done
	@mkdir -p build/bin
	cp "$$(swift build $(RELEASE) --show-bin-path)"/{fluxqd,fluxq,fluxq-sandbox} build/bin/
	scripts/man-pages build/man
	scripts/completions build/completions build/bin

# Copies files only; it compiles nothing, so root does not have to build.
install:
	@test -x build/bin/fluxqd || { echo "Nothing is built yet. First, as yourself: make release" >&2; exit 1; }
	install -D -m 755 build/bin/fluxq "$(DESTDIR)$(PREFIX)/bin/fluxq"
	install -D -m 755 build/bin/fluxqd "$(DESTDIR)$(PREFIX)/sbin/fluxqd"
	@# fluxqd looks for it beside itself.
	install -D -m 755 build/bin/fluxq-sandbox "$(DESTDIR)$(PREFIX)/sbin/fluxq-sandbox"
	install -D -m 644 -t "$(DESTDIR)$(UNITDIR)" systemd/fluxqd.service systemd/fluxqd.socket systemd/fluxqd-http.socket
	install -D -m 644 systemd/fluxq.sysusers "$(DESTDIR)/usr/lib/sysusers.d/fluxq.conf"
	install -D -m 644 systemd/fluxq.tmpfiles "$(DESTDIR)/usr/lib/tmpfiles.d/fluxq.conf"
	@# A configuration that is there is the administrator's.
	test -e "$(DESTDIR)$(SYSCONFDIR)/fluxq/fluxqd.yaml" || \
	    install -D -m 644 systemd/fluxqd.yaml "$(DESTDIR)$(SYSCONFDIR)/fluxq/fluxqd.yaml"
	for page in build/man/*; do \
	    install -D -m 644 -t "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}" "$$page"; done
	for program in fluxq fluxqd fluxq-sandbox; do \
	    install -D -m 644 build/completions/$$program.bash "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$program"; \
	    install -D -m 644 build/completions/$$program.zsh "$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_$$program"; \
	    install -D -m 644 build/completions/$$program.fish "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$program.fish"; done

deb: release
	@scripts/install-packages debhelper fakeroot
	fakeroot debian/rules binary DEB_OUTPUT="$(CURDIR)/build"
	@echo "build/fluxq_$(VERSION)_$$(dpkg --print-architecture).deb"

# The modules' tests run first, two for each processor at a time. Then those that start programs run one at a time,
# because concurrent ones would compete for processor time.
test: packages
	swift build --build-tests
	SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$$(( 2 * $$(nproc) )) swift test --skip-build --skip 'FluxqEndToEndTests|FluxqSimulationTests|FluxqProofTests'
	swift test --skip-build --no-parallel --filter 'FluxqEndToEndTests|FluxqSimulationTests|FluxqProofTests'

demo: packages
	for product in fluxqd fluxq fluxq-sandbox; do swift build --product $$product; done
	@scripts/demo "$(IMAGE)" "$(PROMPT)"

# About three minutes; BENCH=--quick takes a few seconds.
bench: release
	swift build $(RELEASE) --product fluxq-bench
	"$$(swift build $(RELEASE) --show-bin-path)/fluxq-bench" $(BENCH)

# A separate build in which every branch of our modules reports to libFuzzer. SECONDS and RUNS are for all targets
# together. New inputs are kept in .build-fuzz/found, and inputs that break a rule in .build-fuzz/broken.
TARGETS ?= picture answer base64 submission multipart
fuzz: SECONDS := $(if $(filter command line environment,$(origin SECONDS)),$(SECONDS),$(if $(RUNS),0,20))
fuzz: packages
	FLUXQ_FUZZ=1 swift build -c release --scratch-path .build-fuzz --product fluxq-fuzz
	mkdir -p .build-fuzz/broken $(TARGETS:%=.build-fuzz/found/%)
	for target in $(TARGETS); do \
	    words=Fuzz/dictionaries/$$target; \
	    SWIFT_BACKTRACE=enable=no .build-fuzz/release/fluxq-fuzz $$target -verbosity=0 -print_final_stats=1 \
	        -max_len=4096 -timeout=5 -rss_limit_mb=512 -artifact_prefix=.build-fuzz/broken/$$target- \
	        $$(test ! -e $$words || echo -dict=$$words) \
	        -max_total_time=$$(( $(SECONDS) / $(words $(TARGETS)) )) \
	        $(if $(RUNS),-runs=$$(( $(RUNS) / $(words $(TARGETS)) ))) \
	        .build-fuzz/found/$$target Fuzz/corpus/$$target; done

# Optimised, because a seed has a thousand steps. SEED=n prints every step of that seed.
simtest: packages
	swift build $(RELEASE) --product fluxq-simtest
	"$$(swift build $(RELEASE) --show-bin-path)/fluxq-simtest" $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

# The proofs need the daemon, the preloaded library, and a fast file system: their results do not depend on the disk.
# With CI=true they take a sample, in about a minute; a full run takes half an hour.
PROOF_DIRECTORY ?= $(shell test -d /dev/shm -a -w /dev/shm && echo /dev/shm || echo /tmp)

faulttest: packages
	swift build
	TMPDIR="$(PROOF_DIRECTORY)" "$$(swift build --show-bin-path)/faulttest" \
	    --stride $(or $(STRIDE),$(if $(CI),60,1)) $(if $(ONLY),--only "$(ONLY)")

powertest: packages
	swift build
	TMPDIR="$(PROOF_DIRECTORY)" "$$(swift build --show-bin-path)/powertest" \
	    --stride $(or $(STRIDE),$(if $(CI),15,1)) --variants $(or $(VARIANTS),$(if $(CI),4,6)) $(if $(SEED),--seed $(SEED))

# Optimised, to measure the program as it is released. Root, because each attacker is a separate user with subordinate
# uids.
attacktest: packages
	@scripts/install-packages uidmap
	for product in fluxqd fluxq attacktest FluxqSystemCallShim; do swift build $(RELEASE) --product $$product; done
	"$$(swift build $(RELEASE) --show-bin-path)/attacktest" --seconds $(or $(SECONDS),$(if $(CI),3,10)) \
	    $(if $(LIMIT),--limit $(LIMIT)) $(if $(ONLY),--only "$(ONLY)") $(if $(SEED),--seed $(SEED))

# The same SEED gives the same rounds.
crashtest: packages
	swift build
	TMPDIR="$(PROOF_DIRECTORY)" "$$(swift build --show-bin-path)/crashtest" \
	    --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

# schemathesis comes from PyPI, into .build/schemathesis; a debug build of fluxqd is tested.
apitest: packages
	for product in fluxqd fluxq-sandbox; do swift build --product $$product; done
	scripts/apitest "$$(swift build --show-bin-path)/fluxqd" $(or $(EXAMPLES),$(if $(CI),20,100)) $(SEED)

# The clients come from PyPI, into .build/clients; a debug build of fluxqd is tested, because it has crash points.
clients: packages
	for product in fluxqd fluxq-sandbox; do swift build --product $$product; done
	scripts/clienttest "$$(swift build --show-bin-path)/fluxqd" $(if $(ONLY),--only "$(ONLY)")

format:
	swift format --in-place --recursive $(SOURCES)

lint:
	swift format lint --strict --recursive $(SOURCES)

# Needs root, and about 300 MB below build/.
hosttest: deb
	@scripts/install-packages debootstrap systemd-container
	swift build --product fluxq-sandbox
	scripts/hosttest
