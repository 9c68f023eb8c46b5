#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_documents.sh: the code blocks of the README, of Documentation/, of stopper(7) and of stopper.ko(4) are true.
#
# A block is a literal block or a code-block of reStructuredText. A comment ".. test: KIND..." before it says what
# is done with it; Documentation/testing.rst lists the kinds. A block without one is a failure. Its C code is
# compiled behind documents/user.h or documents/kernel.h.

. "$(dirname "$0")/user_lib.sh"
[ -d "$top/Documentation" ] || skip_all "no Documentation"

# blocks PAGE NAME: writes the blocks to NAME_1, NAME_2 ..., and prints "NAME_1 KIND..." for each.
blocks() {
	awk -v out="$work/$2" '
		function finish() { if (inside) { close(file); inside = 0; mark = "" } }
		inside == 2 && NF && match($0, /[^ \t]/) <= indent { finish() }
		inside == 2 && !NF { blank++; next }
		inside == 2 { while (blank) { print "" >file; blank-- } print substr($0, indent + 1) >file; next }
		inside == 1 && (!NF || /^ +:[a-z]+:/) { next }
		inside == 1 {
			inside = 2; blank = 0; indent = match($0, /[^ \t]/) - 1
			print substr($0, indent + 1) >file
			next
		}
		/^\.\. test: / { mark = substr($0, 10); next }
		/^\.\. code-block::/ || (/::$/ && !/^\.\. /) {
			inside = 1; file = out "_" ++n
			name = file; sub(".*/", "", name); print name, mark ? mark : "unmarked"
		}' "$1"
}

# The example of a manual page is between these two.
manual_page() {	# PAGE NAME KIND
	sed -n '/^#include/,/^\.Ed/{/^\.Ed/q;s/\\e/\\/g;p}' "$top/user/man/$1" >"$work/$2"
	echo "$2 $3"
}

list() {
	local page
	blocks "$top/README" readme
	for page in "$top"/Documentation/*.rst; do blocks "$page" "$(basename "$page" .rst)"; done
	manual_page stopper.ko.4 stopper_ko_1 kernel
	manual_page stopper.7 stopper_7_1 example
}

last=

user() {
	${CC:-cc} -Wall -Wextra -Wno-unused-parameter -Wno-unused-function -Werror -fsyntax-only \
		-I"$top/include" -include "$here/documents/user.h" -xc "$work/$1"
}

kernel_headers() {
	local dir
	for dir in "$KDIR" "/lib/modules/$(uname -r)/build" /usr/src/linux-headers-*-amd64 \
		"${STOPPER_CACHE:-$HOME/.cache/stopper}"/kernels/*/usr/src/linux-headers-*-amd64; do
		[ ! -f "$dir/include/generated/utsrelease.h" ] || { echo "$dir"; return; }
	done
}

load() { ${CC:-cc} -O2 "$top/tools/testing/packages/port/load.c" -o "$work/load" -pthread; }

# Commands that read the recording of a server under load, and end with a line that has numbers by name.
measure() {
	load && ${CC:-cc} -O2 -I"$top/include" "$top/user/examples/lined.c" -o "$work/lined" -L"$lib" -lstopper || return
	(
		cd "$work" && export LD_LIBRARY_PATH=$lib PATH=$lib:$PATH
		STOPPER_TRACE=$work/recording "$work/load" "$work/lined" PORT &&
			bash -e <(sed -E 's/^[$#] //' "$work/$1") >measured && cat measured &&
			jq -e '.requests > 100 and .p50 > 0 and .p50 <= .p999 and .p999 <= .max' measured
	)
}

# A whole program, or the parts of it that this step changes. Its last step is an example in the tree.
step() {	# NAME NUMBER
	local before=$work/step$(($2 - 1)).c now=$work/step$2.c
	if [ "$2" = 1 ]; then
		cp "$work/$1" "$now" && load
	else
		awk -f "$here/documents/step.awk" "$before" "$work/$1" >"$now"
	fi &&
		${CC:-cc} -O2 -Wall -Wextra -Wno-unused-parameter -Werror -I"$top/include" "$now" -o "$work/step$2" \
			-L"$lib" -lstopper &&
		LD_LIBRARY_PATH=$lib "$here/documents/tutorial.sh" "$2" "$work/step$2" "$work/load"
}

last_step() { diff <(tail -n +2 "$top/user/examples/lined.c") "$work/step$1.c"; }

# All at once: each run of Kbuild takes seconds.
kernel_build() {
	local name
	mkdir "$work/kernel"
	for name; do
		cp "$work/$name" "$work/kernel/$name.c"
		echo "obj-m += $name.o"
	done >"$work/kernel/Kbuild"
	cat >>"$work/kernel/Kbuild" <<-END
		ccflags-y := -I$top/include -include $here/documents/kernel.h -Werror -Wno-unused-function -Wno-missing-prototypes
	END
	make -k -C "$kdir" M="$work/kernel" $(printf '%s.o ' "$@") >"$work/kernel/log" 2>&1
}

kernel() {
	[ -f "$work/kernel/$1.o" ] || { grep -F "$1.c" -A 4 "$work/kernel/log"; false; }
}

# What differs from run to run: times, threads, and the kernel's functions.
numbers() { sed -E 's/[0-9]+\.[0-9]{3}s/Ts/g; s/thread [0-9]+/thread N/g; s/( sleeping for Ts) in .*/\1/' "$@"; }

# What it prints is the block that is called WHOSE. It is a whole program, unless documents/ has a main() for it.
program() {	# NAME WHOSE
	local main=$here/documents/$2.c
	cp "$work/$1" "$work/web.c"
	[ -f "$main" ] || main=$work/web.c
	${CC:-cc} -Wall -Wextra -Wno-unused-parameter -Werror -fexceptions -I"$top/include" -I"$work" \
		-include "$here/documents/user.h" -fmacro-prefix-map="$work/=" -fmacro-prefix-map="$here/documents/=" \
		"$main" -o "$work/web" -L"$lib" -lstopper -pthread &&
		LD_LIBRARY_PATH=$lib "$work/web" >"$work/printed" 2>"$work/reported" &&
		diff <(numbers "$work/named_$2") <(numbers "$work/printed")
}

# A whole program, which prints whether it has started and stopped.
example() {
	${CC:-cc} -Wall -Wextra -Werror -I"$top/include" -xc "$work/$1" -o "$work/example" -L"$lib" -lstopper &&
		LD_LIBRARY_PATH=$lib "$work/example" | grep -qx "started: success; stopped: success"
}

stopperctl() {	# NAME LIST
	diff "$work/$1" <("$lib/stopperctl" -f "$work/named_$2" list)
}

# Without prompts, and what each line of it names.
shell() {
	local commands=$work/commands word
	sed -E 's/^[$#] //' "$work/$1" >"$commands"
	bash -n "$commands" || return
	while read -r word; do
		grep -qE "^$word:" "$top/Makefile" || { echo "no target $word"; return 1; }
	done < <(sed -n -E 's/^make ([a-z][a-z_-]*).*/\1/p' "$commands")
	while read -r word; do
		[ -e "$top/$word" ] || { echo "no file $word"; return 1; }
	done < <(grep -oE '(^|[( ])tools/[A-Za-z0-9_/.-]+' "$commands" | sed 's/^[( ]//')
	while read -r word; do
		"$lib/stopperctl" "$word" --help >/dev/null || return
	done < <(sed 's/#.*//' "$commands" | grep -E '^stopperctl ' | grep -oE ' (list|top|wait|dump|trace)( |$)' || :)
}

# Whole programs in other languages, which end with status 0.
cxx() {
	${CXX:-c++} -std=c++17 -Wall -Wextra -Werror -I"$top/include" -xc++ "$work/$1" -o "$work/program" -L"$lib" \
		-lstopper -pthread && LD_LIBRARY_PATH=$lib "$work/program"
}
python() {
	LD_LIBRARY_PATH=$lib PYTHONPATH=$top/bindings/python PYTHONDONTWRITEBYTECODE=1 python3 "$work/$1"
}
rust() {
	local rustc="rustc --edition 2021 -D warnings -L native=$lib"
	$rustc --crate-type rlib --crate-name stopper -l stopper "$top/bindings/rust/src/lib.rs" -o "$work/libstopper.rlib" &&
		$rustc --crate-name program --extern stopper="$work/libstopper.rlib" "$work/$1" -o "$work/program" &&
		LD_LIBRARY_PATH=$lib "$work/program"
}

list >"$work/list"
mapfile -t kernel < <(grep -E '^[a-z_0-9]+ .*\bkernel\b' "$work/list" | cut -d ' ' -f 1)
while read -r name kinds; do
	[[ ! $kinds =~ name\ ([a-z]+) ]] || cp "$work/$name" "$work/named_${BASH_REMATCH[1]}"
done <"$work/list"
kdir=$(kernel_headers)
[ -z "$kdir" ] || kernel_build "${kernel[@]}"

begin
while read -r name kinds; do
	# shellcheck disable=SC2086 # words
	set -- $kinds
	while [ $# != 0 ]; do
		case $1 in
		none)	;;
		name)	shift ;;
		user)	check "$name: compiles in userspace" user "$name" ;;
		kernel)	if [ -n "$kdir" ]; then
				check "$name: compiles in the kernel" kernel "$name"
			else
				skip "$name: compiles in the kernel" "no kernel headers"
			fi ;;
		example) check "$name: compiles, starts and stops" example "$name" ;;
		shell)	check "$name: commands exist" shell "$name" ;;
		run)	check "$name: prints $2" program "$name" "$2"; shift ;;
		measure) if command -v jq >/dev/null; then
				check "$name: measures a recording" measure "$name"
			else
				skip "$name: measures a recording" "no jq"
			fi ;;
		step)	check "$name: step $2 is stopped under load" step "$name" "$2"; last=$2; shift ;;
		cxx)	check "$name: compiles as C++ and runs" cxx "$name" ;;
		python)	if command -v python3 >/dev/null; then
				check "$name: runs in Python" python "$name"
			else
				skip "$name: runs in Python" "no python3"
			fi ;;
		rust)	if rustc --version >/dev/null 2>&1; then
				check "$name: compiles as Rust and runs" rust "$name"
			else
				skip "$name: compiles as Rust and runs" "no rustc"
			fi ;;
		stopperctl) check "$name: is what stopperctl prints" stopperctl "$name" "$2"; shift ;;
		*)	echo "no line '.. test: KIND' is before it: $(head -n 1 "$work/$name")" >"$work/log"
			result 1 "$name: is tested" ;;
		esac
		shift
	done
done <"$work/list"
[ -z "$last" ] || check "the last step is user/examples/lined.c" last_step "$last"
finish
