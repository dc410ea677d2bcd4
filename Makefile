# Each target installs the packages that it needs, and then builds with CMake (see CMakePresets.json).

PREFIX ?= /usr/local
DESTDIR ?=
BUILD := build
JOBS ?= $(shell nproc)
# The time in seconds for each fuzzer and for each part of `make stress`.
SECONDS ?= 30
# The number of pods that `make soak` runs one after another.
CYCLES ?= 50

DEPS := scripts/install-deps
NINJA := ninja -C $(BUILD) -j $(JOBS) --quiet
say = @printf '\033[1m==> %s\033[0m\n' '$(1)'
# The first configuration leaves out the tests, which need GoogleTest. `make test` adds them, and they stay.
FIRST = $(if $(wildcard $(BUILD)/CMakeCache.txt),,-DVIRTCONTAINERS_TESTS=OFF)
configure = @cmake --preset release --log-level=WARNING $(1) >/dev/null

.PHONY: help build guest demo test lint install clean
.DEFAULT_GOAL := help

help:
	@echo 'make build     builds the library, the monitor and virtc, in $(BUILD)/bin'
	@echo 'make guest     builds the guest image, a kernel and an initramfs, in $(BUILD)/guest'
	@echo 'make demo      runs two containers in a pod on this machine, step by step'
	@echo 'make test      runs every test, also on real virtual machines'
	@echo 'make lint      checks format, layout, shell scripts (shellcheck) and sources (clang-tidy)'
	@test ! -x bench/run || echo 'make bench     measures starts, commands and streams, as ratios'
	@echo 'make fuzz      runs each fuzzer for SECONDS=$(SECONDS) seconds'
	@echo 'make stress    makes random calls from many processes for SECONDS=$(SECONDS) seconds, then again with real VMs'
	@echo 'make soak      runs CYCLES=$(CYCLES) pods one after another, and checks that no resource grows'
	@echo 'make fault     kills the programs at each of their steps, lets each step fail, and checks the recovery'
	@echo 'make install   installs into PREFIX=$(PREFIX), below DESTDIR'
	@echo 'make clean     removes $(BUILD)/'

build:
	$(call say,build: install packages)
	@$(DEPS) build
	$(call say,build: library and programs in $(BUILD)/)
	$(call configure,$(FIRST))
	@$(NINJA)

guest:
	$(call say,guest: install packages)
	@$(DEPS) build guest
	$(call say,guest: the agent)
	$(call configure,$(FIRST))
	@$(NINJA) virtcontainers-agent
	$(call say,guest: the image in $(BUILD)/guest)
	@guest/image/build-image --agent $(BUILD)/guest/virtcontainers-agent --output $(BUILD)/guest

demo: build guest
	$(call say,demo: install packages)
	@$(DEPS) run
	$(call say,demo)
	@scripts/demo

test: guest
	$(call say,test: install packages)
	@$(DEPS) run test
	$(call say,test: build)
	$(call configure,-DVIRTCONTAINERS_TESTS=ON)
	@$(NINJA)
	$(call say,test: build for the address and undefined-behaviour sanitizers)
	@cmake --preset asan -DVIRTCONTAINERS_GUEST=OFF --log-level=WARNING >/dev/null
	@ninja -C $(BUILD)/asan -j $(JOBS) --quiet unit_tests
	$(call say,test: run)
	@test/run $(BUILD) $(BUILD)/asan:unit

# Unit tests only. The guest's agent is static and cannot use sanitizers.
.PHONY: test-tsan
test-tsan:
	@$(DEPS) build test
	$(call say,test-tsan: build for the thread sanitizer)
	@cmake --preset tsan -DVIRTCONTAINERS_GUEST=OFF --log-level=WARNING >/dev/null
	@ninja -C $(BUILD)/tsan -j $(JOBS) --quiet unit_tests
	$(call say,test-tsan: run)
	@test/run $(BUILD)/tsan:unit

lint:
	$(call say,lint: install packages)
	@$(DEPS) build lint
	$(call configure,$(FIRST))
	@test/lint $(BUILD)

ifneq ($(wildcard bench/run),)
.PHONY: bench
bench: guest
	$(call say,bench: install packages)
	@$(DEPS) run bench
	$(call say,bench: build)
	$(call configure,-DVIRTCONTAINERS_BENCH=ON)
	@$(NINJA)
	$(call say,bench: run)
	@bench/run
	@bench/io
	@bench/network
endif

.PHONY: fuzz
fuzz:
	$(call say,fuzz: install packages)
	@$(DEPS) build fuzz
	$(call say,fuzz: build)
	@cmake --preset fuzz --log-level=WARNING >/dev/null
	@ninja -C $(BUILD)/fuzz -j $(JOBS) --quiet
	@test/fuzz/run $(BUILD)/fuzz $(SECONDS)

# Kills the programs at each of their steps, and checks what the next caller finds (test/fault/README.md).
.PHONY: fault
fault: guest
	$(call say,fault: install packages)
	@$(DEPS) run test
	$(call say,fault: build)
	$(call configure,-DVIRTCONTAINERS_TESTS=ON)
	@$(NINJA)
	$(call say,fault: check that the harness finds planted faults)
	@test/fault/selftest $(BUILD)/test/libstep_count.so
	$(call say,fault: kill at each step; pods with a mock VM)
	@test/fault/run $(BUILD)
	$(call say,fault: kill at each step; networks of pods with a mock VM)
	@test/fault/run --networks $(BUILD)
	$(call say,fault: damage every file of a pod in every way)
	@VIRTCONTAINERS_DAMAGE_EVERY=1 $(BUILD)/test/runtime_test --gtest_brief=1 --gtest_filter='DamageTest.*'
	$(call say,fault: let each step fail: no disk space; no descriptors; no threads)
	@test/fault/run --fail ENOSPC $(BUILD)
	@test/fault/run --fail EMFILE $(BUILD)
	@test/fault/run --fail EAGAIN $(BUILD)
	@for error in ENOSPC EMFILE EAGAIN; do test/fault/run --networks --fail $$error --every 3 $(BUILD) || exit 1; done
	$(call say,fault: exhaust resources; pods with a mock VM)
	@test/fault/exhaustion $(BUILD)
	$(call say,fault: kill before and after each line of the journal; pods of QEMU)
	@test/fault/run --real --journal $(BUILD)
	@test/fault/run --real --journal --networks --only "start pod, cni" $(BUILD)
	@test/fault/run --real --journal --networks --only "add network, cni" $(BUILD)
	@test/fault/run --real --journal --networks --only "remove network, cni" $(BUILD)
	$(call say,fault: exhaust resources; pods of QEMU)
	@test/fault/exhaustion --real $(BUILD)

# Long runs of programs that use the library, also with real VMs. `make test` has short runs without VMs.
STRESS_ENVIRONMENT := VIRTCONTAINERS_MONITOR=$(CURDIR)/$(BUILD)/bin/virtcontainers-monitor \
	VIRTCONTAINERS_GUEST=$(CURDIR)/$(BUILD)/guest VIRTCONTAINERS_SOURCE=$(CURDIR)
.PHONY: stress soak
stress: guest
	$(call say,stress: install packages)
	@$(DEPS) run test
	$(call say,stress: build)
	$(call configure,-DVIRTCONTAINERS_TESTS=ON)
	@$(NINJA) many_callers
	$(call say,stress: pods with a mock VM)
	@$(STRESS_ENVIRONMENT) $(BUILD)/test/many_callers --seconds $(SECONDS)
	$(call say,stress: pods of QEMU)
	@$(STRESS_ENVIRONMENT) $(BUILD)/test/many_callers --real --processes 8 --pods 2 --seconds $(SECONDS)

soak: guest
	$(call say,soak: install packages)
	@$(DEPS) run test
	$(call say,soak: build)
	$(call configure,-DVIRTCONTAINERS_TESTS=ON)
	@$(NINJA) soak
	$(call say,soak: run)
	@$(STRESS_ENVIRONMENT) $(BUILD)/test/soak --real --cycles $(CYCLES)

install: guest
	$(call say,install: build for $(abspath $(PREFIX)))
	$(call configure,-DCMAKE_INSTALL_PREFIX=$(abspath $(PREFIX)))
	@$(NINJA)
	$(call say,install: into $(DESTDIR)$(abspath $(PREFIX)))
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --strip >/dev/null

clean:
	$(call say,clean: $(BUILD)/)
	@rm -rf $(BUILD)
