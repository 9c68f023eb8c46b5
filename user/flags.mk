# SPDX-License-Identifier: GPL-2.0 OR MIT
#
# flags.mk: what the Makefiles of userspace share.
#
#   $(call no_path,DIR)      Flags with which no object contains the path of DIR, where this tree lies: file names in
#                            it are relative to DIR.
#
#   $(call missing,HEADERS)  Those of HEADERS that the compiler does not find.
#
#   $(call note,FILE,TEXT)   Writes TEXT to FILE only if TEXT has changed, so that FILE becomes newer than all
#                            targets that depend on it. Creates the directory of FILE.

note = $(if $(filter clean uninstall,$(MAKECMDGOALS)),,$(call note_text,$(1),$(strip $(2)),$(strip $(file <$(1)))))
note_text = $(if $(subst x$(2)x,,x$(3)x),$(shell mkdir -p $(dir $(1)))$(file >$(1),$(2)))

no_path = -ffile-prefix-map=$(1)=. -ffile-prefix-map=$(1)/=
hash := \#
missing = $(strip $(foreach h,$(1),$(shell echo '$(hash)include <$(h)>' | $(CC) $(CPPFLAGS) $(CFLAGS) -E -o /dev/null -xc - 2>/dev/null || echo $(h))))
