# SPDX-License-Identifier: GPL-2.0
KDIR ?= /lib/modules/$(shell uname -r)/build

obj-m := stopper_load.o stopper_machine.o stopper_oops.o stopper_reserve.o

modules:
	$(Q)$(MAKE) -C $(KDIR) M=$(CURDIR) modules

clean:
	$(Q)$(MAKE) -C $(KDIR) M=$(CURDIR) clean
