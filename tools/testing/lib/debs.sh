# SPDX-License-Identifier: GPL-2.0 OR MIT
# Debian packages as a source of files: fetched and unpacked into the cache, never installed, so that
# no root is needed and the machine's own kernels, boot menu and initramfs stay as they are.
# Sourced after ui.sh.
#
#   deb_depends PACKAGE REGEX   the one dependency of PACKAGE that matches
#   deb_fetch PACKAGE...        download into the current directory
#   with_fresh_lists COMMAND... run it; if it fails, once more with apt's lists renewed (as root)
#   cache_lock                  one filler of the cache at a time

deb_depends() {
	apt-cache depends --important "$1" |
		sed -n -E "s/^[ |]*Depends: ($2)\$/\1/p" | head -n 1
}

deb_fetch() { apt-get download -o APT::Sandbox::User="$(id -un)" "$@"; }

with_fresh_lists() { "$@" || { "$testing/lib/deps" -u && "$@"; }; }

cache_lock() {
	mkdir -p "$cache"
	exec {cache_lock_fd}>"$cache/lock"
	flock "$cache_lock_fd"
}
