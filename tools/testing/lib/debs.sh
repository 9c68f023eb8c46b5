# SPDX-License-Identifier: GPL-2.0 OR MIT
# Debian packages as a source of files: fetched and unpacked into the cache, never installed, so that
# no root is needed and the machine's own kernels, boot menu and initramfs stay as they are.
# Sourced after ui.sh.
#
#   deb_depends PACKAGE REGEX   the dependencies of PACKAGE that match
#   deb_fetch PACKAGE...        download into the current directory
#   deb_unpack_source PACKAGE [FILE...]  of a linux-source package in the current directory, its source, or these files
#                               of it, into tree/
#   deb_foreign ARCH DIR        $foreign: apt's options for another architecture, with lists and state in DIR, an
#                               empty folder; the machine's own apt is not changed. Renews the lists.
#   deb_suite SUITE ARCH DIR    the same for a suite that this machine need not have: a codename, stable,
#                               unstable, or one of backports with the suite below it
#   deb_codename SUITE DIR      stable -> trixie, unstable -> sid; a codename is its own. DIR as above
#   deb_closure DIR PACKAGE...  download PACKAGE and all that it depends on into DIR; needs $foreign
#   with_fresh_lists COMMAND... run it; if it fails, once more with apt's lists renewed (as root)
#   cache_lock [NAME]           one filler of the cache, or of NAME in it, at a time
#
# deb_depends and deb_fetch ask the machine's own lists, or those of $foreign where it is set.

foreign=()

deb_depends() {
	apt-cache "${foreign[@]}" depends --important "$1" | sed -n -E "s/^[ |]*Depends: ($2)\$/\1/p"
}

deb_fetch() { apt-get download -o APT::Sandbox::User="$(id -un)" "${foreign[@]}" "$@"; }

deb_unpack_source() {
	local name=$1
	shift
	mkdir -p tree && dpkg-deb --fsys-tarfile "$name"_*.deb | tar -xO "./usr/src/$name.tar.xz" |
		tar -xJ -C tree --strip-components=1 "${@/#/$name/}"
}

deb_foreign() {
	mkdir -p "$2/state/lists/partial" "$2/cache/archives/partial"
	: >"$2/status"
	foreign=(-o "APT::Architecture=$1" -o "APT::Architectures::=$1" -o "Dir::State=$2/state"
		-o "Dir::State::status=$2/status" -o "Dir::Cache=$2/cache" -o APT::Sandbox::User="$(id -un)"
		"${foreign[@]}")
	# A list that cannot be had matters only if it is the one with our packages.
	apt-get "${foreign[@]}" update || true
}

# Where the machine has its own Debian from; LABEL is Debian or Debian-Security.
_deb_mirror() {
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		sed -n "s/^Debian|$1|//p" | head -n 1
}

_deb_sources() {
	local suite=$1 key=/usr/share/keyrings/debian-archive-keyring.gpg main security by=
	main=$(_deb_mirror Debian) security=$(_deb_mirror Debian-Security)
	[ -n "$main" ] || {
		echo "apt has no list of Debian: is this Debian, and has apt-get update been run?" >&2
		return 1
	}
	[ ! -f $key ] || by="[signed-by=$key] "
	case $suite in
	*-backports) echo "deb $by$main $suite main"; suite=${suite%-backports} ;;
	esac
	echo "deb $by$main $suite main"
	case $suite in
	unstable|sid) ;;
	*)	[ -z "$security" ] || echo "deb $by$security $suite-security main" ;;
	esac
}

# A release that is some days old may say that it is out of date.
_deb_state() {
	mkdir -p "$3"
	_deb_sources "$1" >"$3/sources" || return
	foreign=(-o "Dir::Etc::sourcelist=$3/sources" -o Dir::Etc::sourceparts=/dev/null
		-o "APT::Default-Release=$1" -o APT::Install-Recommends=false
		-o Acquire::Check-Valid-Until=false -o Acquire::Languages=none "${foreign[@]}")
	deb_foreign "$2" "$3"
}

deb_codename() {
	local foreign=()
	case $1 in
	unstable) echo sid ;;
	stable|testing)
		foreign=(-o Acquire::IndexTargets::deb::Packages::DefaultEnabled=false)
		_deb_state "$1" all "$2" >&2
		sed -n 's/^Codename: \([a-z]*\)$/\1/p' "$2"/state/lists/*InRelease | head -n 1 | grep . ||
			{ echo "the archive does not say what its $1 is" >&2; return 1; } ;;
	*)	echo "$1" ;;
	esac
}

# By its codename: what a mirror has under the other name may be from another day.
deb_suite() {
	local release
	release=$(deb_codename "${1%-backports}" "$3/codename") || return
	case $1 in
	*-backports) release+=-backports ;;
	esac
	_deb_state "$release" "$2" "$3"
}

deb_closure() {
	local dir=$1
	shift
	mkdir -p "$dir/partial"
	apt-get "${foreign[@]}" -o "Dir::Cache::archives=$dir" install -y --download-only --no-install-recommends "$@"
}

with_fresh_lists() { "$@" || { "$testing/lib/deps" -u && "$@"; }; }

cache_lock() {
	local lock=$cache/${1:+$1.}lock
	mkdir -p "${lock%/*}"
	exec {cache_lock_fd}>"$lock"
	flock "$cache_lock_fd"
}
