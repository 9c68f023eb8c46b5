#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# user_http_page.sh: the page, as headless Chromium shows it. $STOPPER_SHOTS: a folder for pictures of it.
#
# Chromium's own clock runs ahead as soon as the page waits, so that seconds of the page are milliseconds.

out=${STOPPER_TEST_OUT:-$(dirname "$0")}
helper=$out/user_http_page
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome)

skip() { echo "TAP version 13"; echo "1..0 # SKIP $1"; exit 4; }
[ -n "$chromium" ] || skip "no chromium is installed"
command -v curl >/dev/null || skip "no curl is installed"
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT

# Our own page in a process of our own: its sandbox, which needs what containers lack, may be left out.
export browser="timeout 100 $chromium --headless --no-sandbox --disable-gpu --no-first-run
	--user-data-dir=$work/profile --enable-logging=stderr --virtual-time-budget=8000"
export work

# look MODE COMMAND: COMMAND is run by the helper and leaves $work/dom; what the page complained about is in $work/log.
look() {
	rm -rf "$work/dom" "$work/log" "$work/profile"
	"$helper" "$1" bash -c "$2" >"$work/counts" 2>"$work/errors" && [ -s "$work/dom" ]
}
dump='$browser --dump-dom "$URL" >"$work/dom" 2>"$work/log"'

status=0 nr=0 failed=
want() { grep -qE -- "$1" "$work/dom" || failed+=" no '$1';"; }
never() { ! grep -qE -- "$1" "$work/dom" || failed+=" '$1';"; }
in_order() { ! grep -E 'CONSOLE.*(Refused|Uncaught|violat|rror)' "$work/log" || failed+=" the console;"; }
result() {
	nr=$((nr + 1))
	if [ -z "$failed" ]; then
		echo "ok $nr $1"
	else
		echo "#$failed"
		[ ! -s "$work/errors" ] || sed 's/^/# /' "$work/errors"
		[ ! -s "$work/log" ] || tail -n 5 "$work/log" | sed 's/^/# /'
		echo "not ok $nr $1"
		status=1
	fi
	failed=
}

echo "TAP version 13"
echo "1..7"

look running "$dump" || failed+=" no page;"
want '<h2>page-stopper</h2>'
want '<li aria-current="step">running for [0-9.]+ s</li>'
want '<dt>task</dt><dd>1</dd>'
want '<dt>worker</dt><dd>1</dd>'
want '<dt>closers</dt><dd>0</dd>'
want '<dt>dropped</dt><dd>0</dd>'
want '<td class="name">page-worker</td>'
want '<td class="n" data-unit=" old">[0-9.]+ s</td>'
want 'user_http_page.c:[0-9]+ set_up'
want 'No stop requested'
want 'Paused for [0-9.]+ s, at .*user_http_page.c:[0-9]+ set_up.*by thread [0-9]+'
want '<p class="state" role="status">live</p>'
never 'class="(held|badge)"'
in_order
result "a_stopper_is_shown_with_phase_ages_and_counts"

want '<td class="name">&lt;img src=x onerror="document.title=1"&gt;</td>'
never '<img'
never '<title>1</title>'
result "a_name_with_markup_is_shown_as_it_is"

look stop "$dump" || failed+=" no page;"
want '<li aria-current="step">quiescing for'
want 'Stop requested [0-9.]+ s ago at .*by thread [0-9]+'
want '<title>1 stopping'
grep -qx 'pages 1, lists \([5-9]\|[1-9][0-9]\)' "$work/counts" || failed+=" $(cat "$work/counts");"
in_order
result "the_page_follows_a_stop_without_being_loaded_again"

look stuck "$dump" || failed+=" no page;"
want '<p class="held">Waits for task “&lt;img'
want '<tbody class="stuck">.*<span class="badge">stuck</span>'
[ "$(grep -o 'class="badge"' "$work/dom" | wc -l)" = 1 ] || failed+=" more than one is stuck;"
in_order
result "what_holds_up_a_stop_is_marked"

look gone "$dump" || failed+=" no page;"
want 'no answer since [0-9]'
want '<main class="lost">'
want '<h2>page-stopper</h2>'
result "a_process_that_is_gone_is_told_with_the_last_answer"

# Chromium makes no window as narrow as a telephone's, but a frame. It holds a copy of the page, without the
# policy that forbids that, and with a script that measures.
export probe='<script>setTimeout(() => { const e = document.documentElement; parent.postMessage({ wide: innerWidth,
	over: e.scrollWidth - e.clientWidth, stuck: document.querySelectorAll(".badge").length }, "*") }, 4000)</script>'
export frame='<body><script>onmessage = e => Object.assign(document.body.dataset, e.data)</script>
	<iframe height="900" width="WIDTH" src="copy.html"></iframe>'
measure='curl -fsS "$URL?format=html" | sed -e "s,<head>,<head><base href=\"$URL\">," >"$work/copy.html" &&
	echo "$probe" >>"$work/copy.html" && echo "${frame/WIDTH/$width}" >"$work/frame.html" &&
	$browser --disable-web-security --dump-dom "file://$work/frame.html" >"$work/dom" 2>"$work/log"'
for width in 320 1920; do
	export width
	look stuck "$measure" || failed+=" no page;"
	want "data-wide=\"$width\""
	want 'data-over="0"'
	want 'data-stuck="1"'
	result "nothing_sticks_out_of_a_window_of_$width"
done

if [ -n "${STOPPER_SHOTS:-}" ]; then
	export STOPPER_SHOTS
	shoot='for size in 320,900 1920,1000; do $browser $SHOT_OPTIONS --hide-scrollbars --window-size=$size \
		--screenshot="$STOPPER_SHOTS/page-${size%,*}.png" "$URL"; done >"$work/dom" 2>&1'
	look stuck "$shoot" && echo "# pictures in $STOPPER_SHOTS"
fi
exit $status
