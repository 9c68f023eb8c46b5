# SPDX-License-Identifier: GPL-2.0 OR MIT
#
# flags.mk: what is built with other flags, or of other parts, is built anew.
#
#   $(call note,FILE,TEXT)   FILE holds TEXT. It is written, and with that newer than all that depends on it,
#                            only when TEXT has changed. Its folder is made.

note = $(if $(filter clean uninstall,$(MAKECMDGOALS)),,$(call note_text,$(1),$(strip $(2)),$(strip $(file <$(1)))))
note_text = $(if $(subst x$(2)x,,x$(3)x),$(shell mkdir -p $(dir $(1)))$(file >$(1),$(2)))
