# SPDX-License-Identifier: GPL-2.0 OR MIT
# common.sh: fresh roots of Debian's suites, and the results of what is tried there. Sourced by run and distros.

. "${BASH_SOURCE[0]%/*}/../lib/ui.sh"
. "$testing/lib/debs.sh"
here=$testing/packages
suites=(bookworm trixie sid)
passed=0 failed=0 skipped=0

# begin CAMPAIGN: what it leaves is in build/CAMPAIGN.
begin() {
	campaign=$1 suite=any
	[ "$(id -u)" = 0 ] || die "roots are made and entered by root only"
	"$testing/lib/deps" packages || exit
	mkdir -p "$cache/chroots"
	roots=$(mktemp -d "$cache/chroots/tmp.XXXXXX") || exit
	at_exit rm -rf "$roots"
}

begin_suite() {
	suite=$1
	out=$build/$campaign/$suite
	# Roots of one suite share what apt downloads.
	cache_lock "chroots/run-$suite"
	rm -rf "$out" && mkdir -p "$out" || exit
}

try() {	# TEXT COMMAND...
	if step -n "$campaign-$suite-$(tr -cs 'A-Za-z0-9\n' - <<<"$1")" "$suite: $1" "${@:2}"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		return 1
	fi
}

skip() {
	note "$suite: $1 ... SKIP: $2"
	skipped=$((skipped + 1))
}

in_root() { PACKAGES=$out "$here/root" in "$@"; }
apt_in() { in_root "$1" apt-get -y -qq --no-install-recommends "${@:2}"; }

# A fresh root in $root. Those of the suite before are removed first.
fresh() {
	rm -rf "$roots/root"
	root=$roots/root
	"$here/root" new "$suite" "$root"
}

totals() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}
