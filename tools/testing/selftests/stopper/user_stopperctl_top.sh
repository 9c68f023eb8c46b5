#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_stopperctl_top.sh: stopperctl's top, and what else it shows on a terminal, which is tmux.

. "$(dirname "$0")/stopperctl_lib.sh"

mkfifo "$work/fifo"

begin

check hostile_names_are_tame_in_top hostile top -n 1
check top_of_100000_lines eval '[ "$("$ctl" -f "$work/huge" top -n 1 | wc -l)" = 40005 ]'

# Without a terminal.

from_list top -n 2 -d 0.1 >"$work/plain"
check top_into_a_pipe_is_plain_text harmless "$work/plain"
check top_into_a_pipe_ends_after_n eval '[ "$(grep -c "  STOPPER .*WAITS FOR" "$work/plain")" = 2 ]'
check top_into_a_pipe_keeps_its_width eval 'from_list top -n 1 >"$work/plain"; [ "$(wc -L <"$work/plain")" -le 120 ]'
check top_into_a_pipe_takes_columns eval 'COLUMNS=70 from_list top -n 1 >"$work/plain"; [ "$(wc -L <"$work/plain")" -le 70 ]'
sorted() { from_list top -n 1 -k "$@" >"$work/plain"; }
check top_sorts_by_age_culprits_first eval 'sorted age; in_order "$work/plain" WHERE ">  1m28s" ">   4.2s" ">   0.5s" zeal vacuum accept query'
check top_sorts_by_count eval 'sorted count; in_order "$work/plain" WHERE query zeal request vacuum'
check top_sorts_by_name eval 'sorted name; in_order "$work/plain" WHERE accept audit fsync query request vacuum zeal'
check top_sorts_by_stopper eval 'sorted stopper; in_order "$work/plain" WHERE fsync zeal request'
check top_sorts_in_reverse eval 'sorted name -r; in_order "$work/plain" WHERE zeal vacuum request query fsync audit accept'

# Before a person.

mux() { tmux -S "$work/tmux" -f /dev/null "$@" 2>&1; }
pane() { mux capture-pane -p; }
pane_has() { pane | grep -qE -- "$1"; }
shows() { until_true pane_has "$1" || { echo "never shown: $1"; pane; return 1; }; }
type_in() { mux send-keys "$@"; }
# The screen, as a file, for in_order.
pane_order() { pane >"$work/pane"; in_order "$work/pane" "$@"; }
start_top() { type_in "clear; $1" Enter; }
# What is typed before top has ended may be top's.
top_has_ended() { until_true eval '! pane_has "WAITS FOR"'; }
leave_top() {
	type_in q
	top_has_ended
	type_in "clear; echo le''ft" Enter
	shows '^left$' >/dev/null
}
shell_again() { top_has_ended; type_in "echo sta''tus \$?" Enter; shows "^status $1\$"; }
modes_are_restored() {
	type_in clear Enter "stty -a | tr ' ' '\n' | grep -cxE 'icanon;?|echo;?|isig;?|icrnl;?'" Enter
	shows '^4$'
}

terminal_tests() {
	mux new-session -d -x 80 -y 24 "PS1='$ ' exec bash --norc" || return
	put "$list" "$work/live"
	type_in "echo what was th''ere; $ctl -f $work/live top -d 0.1" Enter
	check top_shows_the_columns shows 'STOPPER +PHASE +FOR +TASKS WORKERS CLOSERS +WAITS FOR'
	pane >"$work/pane"
	layout() {
		[ "$(wc -l <"$work/pane")" = 24 ] && [ "$(wc -L <"$work/pane")" -le 80 ] &&
			sed -n 1p "$work/pane" | grep -qE '4 stoppers, 3 stopping  16 tasks  5 workers  ..:..:..' &&
			sed -n 24p "$work/pane" | grep -q '^ q quit .*? help  by age  1-7 of 7' || { cat "$work/pane"; return 1; }
	}
	check top_fits_80x24 layout
	check top_has_the_culprits_first in_order "$work/pane" 'STOPPER ' '> child' '> web ' '> main ' '  database' \
		'AGE  COUNT' '>  1m28s      1  closer  fsync' '>   4.2s      3  task    request' '>   0.5s' '  1h02m'
	check top_has_colours_on_a_terminal eval 'mux capture-pane -p -e | grep -qP "\x1b\[[0-9;]*31m"'
	type_in n
	check top_key_n shows 'by name  1-7'
	check top_key_n_sorts pane_order WHERE accept audit fsync query request vacuum zeal
	type_in r
	check top_key_r shows 'by name \(r\)'
	check top_key_r_reverses pane_order WHERE zeal vacuum request query fsync audit accept
	type_in c
	check top_key_c shows 'by count  1-7'
	type_in s
	check top_key_s shows 'by stopper  1-7'
	type_in a
	check top_key_a shows 'by age  1-7'
	type_in '?'
	check top_help shows 'Press any key to return'
	type_in x
	check top_help_leads_back shows 'WAITS FOR'
	mux resize-window -x 132 -y 40 >/dev/null
	check top_uses_a_wide_terminal shows '715 sleeping +user/examples/conn.c:77 serve$'
	mux resize-window -x 60 -y 12 >/dev/null
	check top_fits_a_small_terminal shows 'by age  1-4 of 7'
	type_in Down
	check top_scrolls_down shows 'by age  2-5 of 7'
	type_in NPage
	check top_scrolls_a_page shows 'by age  4-7 of 7'
	type_in Home
	check top_scrolls_home shows 'by age  1-4 of 7'
	mux resize-window -x 20 -y 4 >/dev/null
	type_in Down Up
	mux resize-window -x 80 -y 24 >/dev/null
	check top_survives_a_tiny_terminal shows 'by age  1-7 of 7'
	rm "$work/live"
	check top_says_that_the_source_has_gone shows '^ List is .* old, retrying: cannot read'
	check top_keeps_what_was_seen shows '> web '
	sed 's/"web"/"new"/' "$list" >"$work/other"
	put "$work/other" "$work/live"
	check top_sees_that_the_source_is_back shows '> new '
	check top_takes_the_message_away eval 'until_true eval "! pane_has \"List is .* old\""'
	type_in q
	check top_restores_the_screen shows '^what was there'
	check top_ends_with_0 shell_again 0
	check top_restores_the_modes modes_are_restored

	start_top "$ctl -f $list top"
	shows 'WAITS FOR' >/dev/null
	type_in C-c
	check top_ends_by_ctrl_c shell_again 130
	check top_restores_the_modes_after_ctrl_c modes_are_restored
	start_top "$ctl -f $list top & p=\$!; (read _ <$work/fifo; kill \$p) & fg %1"
	shows 'WAITS FOR' >/dev/null
	echo >"$work/fifo"
	check top_ends_by_sigterm shell_again 143
	check top_restores_the_modes_after_sigterm modes_are_restored
	start_top "NO_COLOR=1 $ctl -f $list top"
	shows 'WAITS FOR' >/dev/null
	check top_without_colours_by_no_color eval '! mux capture-pane -p -e | grep -P "\x1b\[[0-9;]*3[0-7]m"'
	leave_top
	start_top "$ctl -f $list top --color=never"
	shows 'WAITS FOR' >/dev/null
	check top_without_colours_by_option eval '! mux capture-pane -p -e | grep -P "\x1b\[[0-9;]*3[0-7]m"'
	leave_top
	start_top "$ctl -f $work/hostile top"
	check top_shows_hostile_names_as_text shows '^> \?\[31mred|^  \?\[31mred'
	leave_top
	head -n 2 "$work/hostile" >"$work/other"
	start_top "$ctl -f $work/other dump"
	check dump_on_a_terminal_is_tame shows '^stopper 1 "\?\[31mred'
	start_top "$ctl -f $work/huge top"
	check top_shows_a_huge_list shows 'by age  1-[0-9]+ of 20000'
	leave_top
	start_top "TERM=nonsense $ctl -f $list top"
	check top_on_an_unknown_terminal shows "unknown terminal type 'nonsense' \(set TERM"
	check top_on_an_unknown_terminal_status shell_again 1

	start_target
	start_top "$ctl -s $work/stopper-$pid.sock wait -d 0.1 web"
	check wait_has_a_status_line shows '^web \(1\): running for [0-9.]+s, 1 task'
	tell stop
	check wait_changes_its_status_line shows '^web \(1\): quiescing .* waits for 1 task: request'
	check wait_has_one_line [ "$(pane | grep -c '^web (1)')" = 1 ]
	tell task
	tell worker
	tell closer
	check wait_leaves_one_line shows '^web: stopped after '
	check wait_leaves_no_other_line eval '! pane_has "^web \(1\)"'
	end_target
}

if command -v tmux >/dev/null; then
	terminal_tests
else
	skip top_in_a_terminal "no tmux"
fi
finish
