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
help: ## Print this list
	@sed -n -e 's/^##@ \(.*\)/\n\1/p' -e 's/^\([a-z_-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target text; do \
			if [ -n "$$text" ]; then printf '  make %-18s %s\n' "$$target" "$$text"; else echo "$$target"; fi; \
		done

##@ Try

.PHONY: demo
demo: demo-user demo-vm demo-picture ## The demo: an HTTP server stopped under load, in userspace, then in a booted kernel

.PHONY: demo-user
demo-user: lib ## Its userspace half: a server on io_uring, stopped by SIGTERM
	@$(lib)/deps demo
	@user/examples/demo.sh

.PHONY: demo-picture
demo-picture: lib ## Its end: one server stopped in three ways, as a picture in build/demo
	@$(lib)/deps demo
	@user/examples/three-ways.sh

.PHONY: demo-vm
demo-vm: ## Its kernel half: a server in the kernel, unloaded under load [KERNEL=6.1|6.12]
	@$(lib)/deps kbuild vm demo
	@$(vm)/kernels fetch $(KERNEL)
	@$(lib)/step "Building the modules for $(KERNEL)" $(lib)/build-modules $(KERNEL)
	@KERNEL=$(KERNEL) STOPPER_KO_DIR=$$($(lib)/build-modules -p $(KERNEL)) kmod/samples/demo.sh

.PHONY: shell
shell: ## A shell in a VM with the module loaded [KERNEL=6.1|6.12]
	@$(lib)/shell $(KERNEL)

##@ Build and install

.PHONY: lib
lib: ## Build libstopper, stopperctl and the examples in build/user
	@$(lib)/deps build examples
	@$(lib)/step "Building libstopper and stopperctl" $(MAKE) -C user $(jobs)
	@$(lib)/step "Building its examples" $(MAKE) -C user/examples $(jobs)
	@cd $(build)/user && ls -sL --block-size=k *.so *.a && echo "  in $$PWD"

.PHONY: modules
modules: ## Build stopper.ko and the samples in build/modules/RELEASE [KDIR=headers]
	@$(lib)/deps kbuild
	@$(lib)/step "Building the modules" $(lib)/build-modules $(kdir)
	@cd $$($(lib)/build-modules -p $(kdir)) && ls -sL --block-size=k *.ko && echo "  in $$PWD"

.PHONY: doc
doc: ## Build the documents, the API's reference and the manual pages as HTML in build/doc/html
	@$(lib)/doc

.PHONY: install
install: ## Install library, stopperctl, headers, manual pages [PREFIX=/usr/local DESTDIR=]
	@$(lib)/deps build
	@$(lib)/step "Building libstopper and stopperctl" $(MAKE) -C user $(jobs)
	@$(lib)/step "Installing under $(DESTDIR)$(PREFIX)" $(MAKE) -C user install PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

.PHONY: uninstall
uninstall: ## Remove the files that install has installed [PREFIX= DESTDIR=]
	@$(lib)/step "Uninstalling from $(DESTDIR)$(PREFIX)" $(MAKE) -C user uninstall PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)

.PHONY: modules_install
modules_install: ## Install stopper.ko under /lib/modules/RELEASE [KDIR= DESTDIR=]
	@$(lib)/deps kbuild
	@$(lib)/step "Building stopper.ko" $(lib)/build-modules $(kdir) STOPPER_SAMPLES=
	@$(MAKE) -C $(kdir) M=$$(dirname $$($(lib)/build-modules -p $(kdir))) INSTALL_MOD_PATH=$(DESTDIR) \
		$(if $(wildcard $(kdir)/certs/signing_key.pem),,CONFIG_MODULE_SIG_ALL=) modules_install

.PHONY: dist
dist: ## The files of this tree as build/stopper-VERSION.tar.gz
	@$(lib)/dist

.PHONY: clean
clean: ## Remove build/
	@rm -rf $(build)

.PHONY: distclean
distclean: clean ## Remove build/ and the cache of fetched kernels
	@rm -rf "$${STOPPER_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/stopper}"

.PHONY: intree
intree: ## Put the stopper into a kernel tree, as lib/stopper [LINUX=dir; see tools/intree for patches]
	@tools/intree $(or $(LINUX),$(error LINUX=dir is missing))

##@ Check a change

.PHONY: check-quick
check-quick: ## The 90-second loop: build, conformance cases once, one second of each exploration
	@tools/testing/check/quick

.PHONY: check
check: ## All checks that execute none of our code: warnings, style, documentation
	@tools/testing/check/run

.PHONY: check-counts
check-counts: ## Count the instructions of the hot paths; fail if one has grown by more than 5 %
	@tools/testing/bench/check-counts

##@ Test

# T=NAME on the command line, not in the environment.
one := $(if $(findstring command,$(origin T)),$(T))

.PHONY: test
test: ## One test natively, or the list of them [T=case, user_* or ctl_*]
	@$(lib)/test $(one)

.PHONY: kselftest
kselftest: ## Every test, natively and in the oldest and the newest kernel
	@$(lib)/kselftest all

.PHONY: kselftest-user
kselftest-user: ## The tests of libstopper, natively
	@$(lib)/kselftest user

.PHONY: kselftest-vm
kselftest-vm: ## The tests of stopper.ko in booted kernels, or one [T=case or kernel_* KERNEL=6.1|newest|...]
ifeq ($(one),)
	@$(lib)/kselftest vm $(if $(filter-out file,$(origin KERNEL)),$(KERNEL))
else
	@$(lib)/kselftest one $(one) $(KERNEL)
endif

.PHONY: kselftest-kernels
kselftest-kernels: ## The same on every kernel and machine in the table of tools/testing/vm/kernels [KERNEL=name]
	@$(lib)/kselftest kernels $(if $(filter-out file,$(origin KERNEL)),$(KERNEL))

.PHONY: kselftest-matrix
kselftest-matrix: ## libstopper under many compilers, flags, machines, tools [CELLS='gcc*' QUICK=y]
	@tools/testing/matrix/run $(if $(QUICK),-q) $(CELLS)

.PHONY: kselftest-debug
kselftest-debug: ## The tests of stopper.ko under KASAN, lockdep, KCSAN, faults, PREEMPT_RT, irqsoff [ROW=name...]
	@$(lib)/kselftest debug $(ROW)

.PHONY: kselftest-modules
kselftest-modules: ## Load and unload modules for a long time, in booted kernels [ROUNDS=1000 SEED=1 KERNEL=]
	@$(lib)/kselftest-modules $(or $(ROUNDS),1000) $(or $(SEED),1) $(if $(filter-out file,$(origin KERNEL)),$(KERNEL))

.PHONY: kselftest-intree
kselftest-intree: ## The stopper in the kernel's tree: a series, =y and =m, booted, KUnit, in 6.12 and the newest source [KERNEL=6.12|newest]
	@$(lib)/kselftest-intree $(if $(filter-out file,$(origin KERNEL)),$(KERNEL))

.PHONY: explore
explore: ## Explore all interleavings of small scenarios in simulation [SECONDS=for each SCENARIO=names]
	@tools/testing/explore/run $(or $(SECONDS),0) $(SCENARIO)

.PHONY: explore-mutants
explore-mutants: ## Remove each barrier, lock and wake-up of the core: a scenario must fail [MUTANT=pattern]
	@tools/testing/lib/deps build
	@tools/testing/explore/mutants $(if $(MUTANT),'$(MUTANT)')

.PHONY: litmus
litmus: ## Check the litmus tests of the races against the kernel's memory model
	@tools/testing/litmus/run

.PHONY: torture
torture: ## Random operations that check themselves, library and module [MINUTES=10 KERNEL=6.1|6.12]
	@tools/testing/torture/run $(or $(MINUTES),10) $(if $(filter-out file,$(origin KERNEL)),$(KERNEL))

.PHONY: fuzz
fuzz: ## Calls made from bytes against a model of the contract [RUNS=1000000 SEED=]
	@tools/testing/fuzz/fuzz $(if $(RUNS),-r $(RUNS)) $(if $(SEED),-s $(SEED))

.PHONY: kselftest-packages
kselftest-packages: ## Debian's packages and a newcomer's walks, in fresh roots [SUITE='bookworm trixie sid']
	@tools/testing/packages/run $(SUITE)

.PHONY: kselftest-distros
kselftest-distros: ## What the README says, typed in fresh roots: make demo, make kselftest [SUITE='bookworm trixie sid']
	@tools/testing/packages/distros $(SUITE)

##@ Measure

.PHONY: bench
bench: bench-user bench-kernel ## Measure both builds beside their peers, into build/bench [CASE=name]

.PHONY: bench-user
bench-user: ## The userspace half [CASE=name]
	@tools/testing/bench/run user $(CASE)

.PHONY: bench-kernel
bench-kernel: ## The kernel half, in VMs [CASE=name]
	@tools/testing/bench/run kernel $(CASE)

.PHONY: bench-scale
bench-scale: ## Count the cache lines that an operation moves between 1 to 64 threads or CPUs, beside its peers
	@tools/testing/bench/scale
