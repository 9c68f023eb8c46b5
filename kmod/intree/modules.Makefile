# SPDX-License-Identifier: GPL-2.0
KDIR ?= /lib/modules/$(shell uname -r)/build

obj-m := stopper_load.o stopper_machine.o stopper_oops.o stopper_reserve.o

# kselftest's own O= comes down in MAKEFLAGS and names the source, which need not be configured.
modules:
	$(Q)$(MAKE) -C $(KDIR) O=$(realpath $(KDIR)) M=$(CURDIR) modules

clean:
	$(Q)$(MAKE) -C $(KDIR) O=$(realpath $(KDIR)) M=$(CURDIR) clean
