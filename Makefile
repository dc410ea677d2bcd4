# The front door. CMake does the building (see CMakePresets.json); each target here first installs what it needs.

PREFIX ?= /usr/local
DESTDIR ?=
BUILD := build
JOBS ?= $(shell nproc)
# How long each fuzzer runs, and each part of `make stress`, in seconds.
SECONDS ?= 30
# How many pods `make soak` has one after another.
CYCLES ?= 50

DEPS := scripts/install-deps
NINJA := ninja -C $(BUILD) -j $(JOBS) --quiet
say = @printf '\033[1m==> %s\033[0m\n' '$(1)'
# A first configuration leaves out the tests, and with them GoogleTest; `make test` adds them for good.
FIRST = $(if $(wildcard $(BUILD)/CMakeCache.txt),,-DVIRTCONTAINERS_TESTS=OFF)
configure = @cmake --preset release --log-level=WARNING $(1) >/dev/null

.PHONY: help build guest demo test lint install clean
.DEFAULT_GOAL := help

help:
	@echo 'make build     the library, the monitor and virtc, in $(BUILD)/bin'
	@echo 'make guest     the guest image: a kernel and an initramfs, in $(BUILD)/guest'
	@echo 'make demo      two containers in a pod on this machine, step by step'
	@echo 'make test      every test, on real virtual machines too'
	@echo 'make lint      format, clang-tidy, shellcheck, layout'
	@test ! -x bench/run || echo 'make bench     what starting and entering cost, as ratios'
	@echo 'make fuzz      each fuzzer for SECONDS=$(SECONDS) seconds'
	@echo 'make stress    random calls of many processes for SECONDS=$(SECONDS) seconds; then with real VMs'
	@echo 'make soak      CYCLES=$(CYCLES) pods one after another; nothing may have become more'
	@echo 'make fault     kills our programs at each of their steps, lets each fail; the next caller finds all in order'
	@echo 'make install   into PREFIX=$(PREFIX), below DESTDIR'
	@echo 'make clean     removes $(BUILD)/'

build:
	$(call say,build: what it needs)
	@$(DEPS) build
	$(call say,build: library and programs in $(BUILD)/)
	$(call configure,$(FIRST))
	@$(NINJA)

guest:
	$(call say,guest: what it needs)
	@$(DEPS) build guest
	$(call say,guest: the agent)
	$(call configure,$(FIRST))
	@$(NINJA) virtcontainers-agent
	$(call say,guest: the image in $(BUILD)/guest)
	@guest/image/build-image --agent $(BUILD)/guest/virtcontainers-agent --output $(BUILD)/guest

demo: build guest
	$(call say,demo: what it needs)
	@$(DEPS) run
	$(call say,demo)
	@scripts/demo

test: guest
	$(call say,test: what it needs)
	@$(DEPS) run test
	$(call say,test: build)
	$(call configure,-DVIRTCONTAINERS_TESTS=ON)
	@$(NINJA)
	$(call say,test: build once more for the address and undefined-behaviour sanitizers)
	@cmake --preset asan -DVIRTCONTAINERS_GUEST=OFF --log-level=WARNING >/dev/null
	@ninja -C $(BUILD)/asan -j $(JOBS) --quiet unit_tests
	$(call say,test: run)
	@test/run $(BUILD) $(BUILD)/asan:unit

# The unit tests alone. (The guest's agent is static, and has no sanitizers.)
.PHONY: test-tsan
test-tsan:
	@$(DEPS) build test
	$(call say,test-tsan: build for the thread sanitizer)
	@cmake --preset tsan -DVIRTCONTAINERS_GUEST=OFF --log-level=WARNING >/dev/null
	@ninja -C $(BUILD)/tsan -j $(JOBS) --quiet unit_tests
	$(call say,test-tsan: run)
	@test/run $(BUILD)/tsan:unit

lint:
	$(call say,lint: what it needs)
	@$(DEPS) build lint
	$(call configure,$(FIRST))
	@test/lint $(BUILD)

ifneq ($(wildcard bench/run),)
.PHONY: bench
bench: guest
	$(call say,bench: what it needs)
	@$(DEPS) run bench
	$(call say,bench: build)
	$(call configure,-DVIRTCONTAINERS_BENCH=ON)
	@$(NINJA)
	$(call say,bench: run)
	@bench/run
	@bench/io
endif

.PHONY: fuzz
fuzz:
	$(call say,fuzz: what it needs)
	@$(DEPS) build fuzz
	$(call say,fuzz: build)
	@cmake --preset fuzz --log-level=WARNING >/dev/null
	@ninja -C $(BUILD)/fuzz -j $(JOBS) --quiet
	@test/fuzz/run $(BUILD)/fuzz $(SECONDS)

# Our programs killed at each of their steps, and what the next caller finds.
.PHONY: fault
fault: guest
	$(call say,fault: what it needs)
	@$(DEPS) run test
	$(call say,fault: build)
	$(call configure,-DVIRTCONTAINERS_TESTS=ON)
	@$(NINJA)
	$(call say,fault: what is found when it is there)
	@test/fault/selftest $(BUILD)/test/libstep_count.so
	$(call say,fault: killed at each step; pods whose VM is a process that does nothing)
	@test/fault/run $(BUILD)
	$(call say,fault: every file of a pod damaged in every way)
	@VIRTCONTAINERS_DAMAGE_EVERY=1 $(BUILD)/test/runtime_test --gtest_brief=1 --gtest_filter='DamageTest.*'
	$(call say,fault: each step fails for lack of a place on the disk, of descriptors, of threads)
	@test/fault/run --fail ENOSPC $(BUILD)
	@test/fault/run --fail EMFILE $(BUILD)
	@test/fault/run --fail EAGAIN $(BUILD)
	$(call say,fault: what the kernel refuses)
	@test/fault/exhaustion $(BUILD)
	$(call say,fault: killed before and after each line of the journal; pods of QEMU)
	@test/fault/run --real --journal $(BUILD)
	$(call say,fault: what the kernel refuses; pods of QEMU)
	@test/fault/exhaustion --real $(BUILD)

# Programs that use the library for long, with VMs; `make test` has some of it without.
STRESS_ENVIRONMENT := VIRTCONTAINERS_MONITOR=$(CURDIR)/$(BUILD)/bin/virtcontainers-monitor \
	VIRTCONTAINERS_GUEST=$(CURDIR)/$(BUILD)/guest VIRTCONTAINERS_SOURCE=$(CURDIR)
.PHONY: stress soak
stress: guest
	$(call say,stress: what it needs)
	@$(DEPS) run test
	$(call say,stress: build)
	$(call configure,-DVIRTCONTAINERS_TESTS=ON)
	@$(NINJA) many_callers
	$(call say,stress: pods whose VM is a process that does nothing)
	@$(STRESS_ENVIRONMENT) $(BUILD)/test/many_callers --seconds $(SECONDS)
	$(call say,stress: pods of QEMU)
	@$(STRESS_ENVIRONMENT) $(BUILD)/test/many_callers --real --processes 8 --pods 2 --seconds $(SECONDS)

soak: guest
	$(call say,soak: what it needs)
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
