# SPDX-License-Identifier: GPL-2.0 OR MIT
#
# flags.mk: rebuilds files when their flags or their parts change.
#
#   $(call note,FILE,TEXT)   Writes TEXT to FILE only if TEXT has changed, so that FILE becomes newer than all
#                            targets that depend on it. Creates the directory of FILE.

note = $(if $(filter clean uninstall,$(MAKECMDGOALS)),,$(call note_text,$(1),$(strip $(2)),$(strip $(file <$(1)))))
note_text = $(if $(subst x$(2)x,,x$(3)x),$(shell mkdir -p $(dir $(1)))$(file >$(1),$(2)))
