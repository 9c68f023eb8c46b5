# SPDX-License-Identifier: GPL-2.0 OR MIT
# Debian packages as a source of files: fetched and unpacked into the cache, never installed, so that
# no root is needed and the machine's own kernels, boot menu and initramfs stay as they are.
# Sourced after ui.sh.
#
#   deb_depends PACKAGE REGEX   the one dependency of PACKAGE that matches
#   deb_fetch PACKAGE...        download into the current directory
#   deb_foreign ARCH DIR        $foreign: apt's options for another architecture, whose lists and state are
#                               in DIR, an empty folder; the machine does not learn of it. Renews the lists.
#   with_fresh_lists COMMAND... run it; if it fails, once more with apt's lists renewed (as root)
#   cache_lock                  one filler of the cache at a time

deb_depends() {
	apt-cache depends --important "$1" |
		sed -n -E "s/^[ |]*Depends: ($2)\$/\1/p" | head -n 1
}

deb_fetch() { apt-get download -o APT::Sandbox::User="$(id -un)" "$@"; }

deb_foreign() {
	mkdir -p "$2/state/lists/partial" "$2/cache/archives/partial"
	: >"$2/status"
	foreign=(-o "APT::Architecture=$1" -o "APT::Architectures::=$1" -o "Dir::State=$2/state"
		-o "Dir::State::status=$2/status" -o "Dir::Cache=$2/cache" -o APT::Sandbox::User="$(id -un)")
	# A list that cannot be had matters only if it is the one with our packages.
	apt-get "${foreign[@]}" update || true
}

with_fresh_lists() { "$@" || { "$testing/lib/deps" -u && "$@"; }; }

cache_lock() {
	mkdir -p "$cache"
	exec {cache_lock_fd}>"$cache/lock"
	flock "$cache_lock_fd"
}
