# SPDX-License-Identifier: GPL-2.0
# Tests of lib/stopper with modules of their own. The conformance cases are a KUnit suite.
TEST_GEN_MODS_DIR := kmod

TEST_PROGS := kernel_debugfs.sh kernel_kill.sh kernel_load.sh kernel_oops.sh kernel_stall.sh kernel_thread_state.sh
TEST_FILES := kernel_lib.sh settings

include ../lib.mk
