# SPDX-License-Identifier: GPL-2.0 OR MIT
# plugin.sh: the plugins of tcg/ for QEMU. Sourced, after ui.sh.

# build_plugin NAME: tcg/NAME.c as $work/NAME.so
build_plugin() {
	gcc -Wall -Wextra -Werror -O2 -shared -fPIC -fvisibility=hidden -pthread -o "$work/$1.so" "$testing/bench/tcg/$1.c"
}
