# SPDX-License-Identifier: GPL-2.0
# step.awk PROGRAM PARTS: prints a C program in which the parts of another file take the place of those with the same
# name. A new part comes before the one that follows it there.
#
# A part is what stands between empty lines at the outer level: a function with its comment, a struct, some variables,
# macros or includes. Its name is that of the first that it declares.

function name_of(line) {
	if (line ~ /^#include/)
		return "include"
	sub(/^#define /, "", line)
	if (line ~ /^struct [a-z_]+ \{/)
		sub(/ \{.*/, "", line)
	else {
		sub(/[[(;=\t].*/, "", line)
		sub(/.*[ *]/, "", line)
	}
	return line
}

function finish() {
	if (text == "")
		return
	if (name == "")
		name = "head"
	if (file == ARGV[1]) {
		order[++n] = name
		part[name] = text
	} else {
		new[++m] = name
		fresh[name] = text
	}
	text = name = ""
}

FNR == 1 { finish(); file = FILENAME; empty = 1 }
/^$/ { empty = 1; next }
empty && /^[^ \t}]/ { finish(); text = $0 }
!(empty && /^[^ \t}]/) { text = text (empty ? "\n\n" : "\n") $0 }
{ empty = 0 }
name == "" && /^[#a-z]/ { name = name_of($0) }

END {
	finish()
	# From the end, so that the one that follows is in its place.
	for (i = m; i >= 1; i--) {
		if (new[i] in part) {
			part[new[i]] = fresh[new[i]]
			continue
		}
		at = n + 1
		for (j = 1; i < m && j <= n; j++)
			if (order[j] == new[i + 1])
				at = j
		for (j = n; j >= at; j--)
			order[j + 1] = order[j]
		order[at] = new[i]
		part[new[i]] = fresh[new[i]]
		n++
	}
	for (i = 1; i <= n; i++)
		printf "%s%s\n", (i > 1 ? "\n" : ""), part[order[i]]
}
