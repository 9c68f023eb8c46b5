# SPDX-License-Identifier: GPL-2.0 OR MIT
#
# What a person calls; the work is done by Kbuild, user/Makefile and the scripts in tools/testing/.
# Everything that is built lies in build/, what is fetched lies in ~/.cache/stopper.

lib     := $(CURDIR)/tools/testing/lib
vm      := $(CURDIR)/tools/testing/vm
override build := $(CURDIR)/build
jobs    := -j$(shell nproc)

PREFIX  ?= /usr/local
DESTDIR ?=
KERNEL  ?= 6.12

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.DEFAULT_GOAL := help

# The headers to build for are looked for once, and only by the targets that build modules.
kdir = $(eval kdir := $(or $(KDIR),$(shell $(lib)/kdir)))$(or $(kdir),$(error no kernel headers))

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z_-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target text; do printf '  make %-16s %s\n' "$$target" "$$text"; done

.PHONY: lib
lib: ## Build libstopper, stopperctl and the examples in build/user
	@$(lib)/deps build
	@$(lib)/step "Building libstopper and stopperctl" $(MAKE) -C user $(jobs)
	@$(lib)/step "Building its examples" $(MAKE) -C user/examples $(jobs)
	@cd $(build)/user && ls -sL --block-size=k *.so *.a && echo "  in $$PWD"

.PHONY: modules
modules: ## Build stopper.ko and the samples in build/modules/VERSION [KDIR=headers]
	@$(lib)/deps kbuild
	@$(lib)/step "Building the modules" $(lib)/build-modules $(kdir)
	@cd $$($(lib)/build-modules -p $(kdir)) && ls -sL --block-size=k *.ko && echo "  in $$PWD"

.PHONY: demo
demo: demo-user demo-vm ## The main job on real traffic: in userspace, then in a booted kernel

.PHONY: demo-user
demo-user: lib ## The userspace half: an io_uring HTTP server, stopped under load
	@$(lib)/deps demo
	@user/examples/demo.sh

.PHONY: demo-vm
demo-vm: ## The kernel half: an in-kernel HTTP server, unloaded under load [KERNEL=6.1|6.12]
	@$(lib)/deps kbuild vm demo
	@$(vm)/kernels fetch $(KERNEL)
	@$(lib)/step "Building the modules for $(KERNEL)" $(lib)/build-modules $(KERNEL)
	@KERNEL=$(KERNEL) STOPPER_KO_DIR=$$($(lib)/build-modules -p $(KERNEL)) kmod/samples/demo.sh

.PHONY: kselftest
kselftest: ## Every test, natively and in booted kernels
	@$(lib)/kselftest all

.PHONY: kselftest-user
kselftest-user: ## The tests of libstopper, natively
	@$(lib)/kselftest user

.PHONY: kselftest-vm
kselftest-vm: ## The tests of stopper.ko in booted kernels [KERNEL=6.1|newest|..., default 6.1 6.12 newest]
	@$(lib)/kselftest vm $(if $(filter-out file,$(origin KERNEL)),$(KERNEL))

.PHONY: kselftest-kernels
kselftest-kernels: ## The kernel's tests on every kernel and machine there is a row for [KERNEL=name]
	@$(lib)/kselftest kernels $(if $(filter-out file,$(origin KERNEL)),$(KERNEL))

.PHONY: torture
torture: ## Random operations that check themselves, library and module [MINUTES=10 KERNEL=6.1|6.12]
	@tools/testing/torture/run $(or $(MINUTES),10) $(if $(filter-out file,$(origin KERNEL)),$(KERNEL))

.PHONY: kselftest-modules
kselftest-modules: ## Modules that come and go, for long, in booted kernels [ROUNDS=1000 SEED=1 KERNEL=]
	@$(lib)/kselftest-modules $(or $(ROUNDS),1000) $(or $(SEED),1) $(if $(filter-out file,$(origin KERNEL)),$(KERNEL))

.PHONY: kselftest-matrix
kselftest-matrix: ## libstopper under many compilers, flags, machines, tools [CELLS='gcc*' QUICK=y]
	@tools/testing/matrix/run $(if $(QUICK),-q) $(CELLS)

.PHONY: kselftest-debug
kselftest-debug: ## The kernel's tests under KASAN, lockdep, KCSAN, faults, PREEMPT_RT [ROW=name...]
	@$(lib)/kselftest debug $(ROW)

.PHONY: doc
doc: ## The documents, the API's reference and the manual pages as HTML in build/doc/html
	@$(lib)/doc

.PHONY: check
check: ## Warnings, sparse, checkpatch, kernel-doc, headers, barrier comments
	@tools/testing/check/run

.PHONY: check-quick
check-quick: ## For the inner loop, 90 s: build, conformance once, a second of each exploration
	@tools/testing/check/quick

.PHONY: check-counts
check-counts: ## Instructions of the hot paths, both builds: none may have grown by more than 5 %
	@tools/testing/bench/check-counts

.PHONY: explore
explore: ## Every interleaving of the core's races, in a simulation [SECONDS=a scenario SCENARIO=names]
	@tools/testing/explore/run $(or $(SECONDS),0) $(SCENARIO)

.PHONY: explore-mutants
explore-mutants: ## The core without one barrier, lock, wake-up ... each: is it missed? [MUTANT=pattern]
	@tools/testing/lib/deps build
	@tools/testing/explore/mutants $(MUTANT)

.PHONY: fuzz
fuzz: ## Calls made of bytes against a model of the contract, a million sequences [RUNS= SEED=]
	@tools/testing/fuzz/fuzz $(if $(RUNS),-r $(RUNS)) $(if $(SEED),-s $(SEED))

.PHONY: bench
bench: bench-user bench-kernel ## Measure everything beside its peers, into build/bench [CASE=name]

.PHONY: bench-user
bench-user: ## The userspace half [CASE=name]
	@tools/testing/bench/run user $(CASE)

.PHONY: bench-kernel
bench-kernel: ## The kernel half, in VMs [CASE=name]
	@tools/testing/bench/run kernel $(CASE)

.PHONY: shell
shell: ## A shell in a VM with the module loaded [KERNEL=6.1|6.12]
	@$(lib)/shell $(KERNEL)

.PHONY: install
install: lib ## Install library, stopperctl, headers, manual pages [PREFIX=/usr/local DESTDIR=]
	@$(lib)/step "Installing under $(DESTDIR)$(PREFIX)" $(MAKE) -C user install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

.PHONY: uninstall
uninstall: ## Remove what install put there
	@$(lib)/step "Uninstalling from $(DESTDIR)$(PREFIX)" $(MAKE) -C user uninstall PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

.PHONY: modules_install
modules_install: ## Install stopper.ko under /lib/modules/VERSION [KDIR= DESTDIR=]
	@$(lib)/deps kbuild
	@$(lib)/step "Building stopper.ko" $(lib)/build-modules $(kdir) STOPPER_SAMPLES=
	@$(MAKE) -C $(kdir) M=$$(dirname $$($(lib)/build-modules -p $(kdir))) INSTALL_MOD_PATH=$(DESTDIR) \
		$(if $(wildcard $(kdir)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=) modules_install

.PHONY: clean
clean: ## Remove build/
	@rm -rf $(build)

.PHONY: distclean
distclean: clean ## Remove build/ and the cache of fetched kernels
	@rm -rf "$${STOPPER_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/stopper}"
