# SPDX-License-Identifier: GPL-2.0 OR MIT
# What the checks share; sourced after ui.sh.
#
#   sources [FOLDER...]   the C files of the tree, tracked or not yet, under the folders (default: all)
#   quiet COMMAND...      run it; status 1 if it fails or prints anything

tree_files() {
	cd "$top" || return
	if [ -e .git ]; then
		git ls-files -co --exclude-standard -- "$@" | while read -r f; do [ ! -f "$f" ] || echo "$f"; done
	else
		find "${@:-.}" -path ./build -prune -o -type f -printf '%p\n' | sed 's,^\./,,'
	fi | sort
}

sources() { tree_files "$@" | grep '\.[ch]$'; }

quiet() {
	local output status=0
	output=$("$@" 2>&1) || status=$?
	[ -z "$output" ] || printf '%s\n' "$output"
	[ "$status" = 0 ] && [ -z "$output" ]
}
