# SPDX-License-Identifier: GPL-2.0 OR MIT
# completion.bash: completion of stopperctl's commands, options and the names of stoppers.

_stopperctl_names() {
	# Uses the source options typed so far; gives up on a slow source after a second.
	local args=() i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-[fusp]|--file|--url|--socket|--pid) args+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
		esac
	done
	# readline splits a URL into several words, so names are not completed then.
	[[ " ${args[*]} " != *" -u "* && " ${args[*]} " != *" --url "* ]] || return
	timeout 1 stopperctl "${args[@]}" dump 2>/dev/null </dev/null |
		sed -n 's/^stopper [0-9]* "\([A-Za-z0-9_.-]*\)": .*/\1/p' | sort -u
}

_stopperctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command= word
	local sources='-f --file -u --url -s --socket -p --pid' words
	COMPREPLY=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		list|top|wait|stop|metrics|dump|trace) command=$word; break ;;
		esac
	done
	case $prev in
	-f|--file|-s|--socket|-o|--output)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	-p|--pid)
		mapfile -t COMPREPLY < <(cd /proc && compgen -G '[0-9]*' | grep "^$cur")
		return ;;
	-u|--url)
		return ;;
	-k|--sort)
		[ "$command" != top ] || mapfile -t COMPREPLY < <(compgen -W 'age count name stopper' -- "$cur")
		return ;;
	-d|--delay|-n|--count|-t|--timeout|-g|--grace|-c|--cause)
		return ;;
	esac
	case $command in
	'')	words="list top wait stop metrics dump trace --help --version $sources" ;;
	list)	words="--json --stacks --help $sources" ;;
	top)	words="--delay --count --sort --reverse --color=never --color=auto --help $sources" ;;
	wait)	words="--timeout --start --delay --help $sources"
		[[ $cur == -* ]] || words=$(_stopperctl_names) ;;
	stop)	words="--grace --cause --help"
		[[ $cur == -* ]] || words=$(cat "${STOPPER_CONTROL:-/sys/kernel/stopper}"/*/name 2>/dev/null) ;;
	metrics|dump)	words="--help $sources" ;;
	trace)	words="--output --otlp --help"
		[[ $cur == -* ]] || { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return; } ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _stopperctl stopperctl
