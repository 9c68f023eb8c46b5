# SPDX-License-Identifier: GPL-2.0 OR MIT
#
# Flags for all libraries and programs of userspace; included by the Makefiles after CC and SAN are
# set. tools/testing/check/hardening checks the result.
#
# -fcf-protection=branch only: a panic does not rewind a shadow stack (user/unwind.c), so the
# library must not be marked as compatible with one, as -fcf-protection=full would.

HARDEN	:= $(if $(SAN),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -fstack-clash-protection \
	-Wformat -Wformat-security -Werror=format-security \
	$(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-fcf-protection=branch)
HARDEN_LD := -Wl,-z,relro,-z,now,-z,noexecstack
HARDEN_EXE := -fPIE
HARDEN_EXE_LD := -pie $(HARDEN_LD)
