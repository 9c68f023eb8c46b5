#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# user_demo.sh: the end of `make demo': one server stopped in three ways, what its clients lost, and the picture.

. "$(dirname "$0")/user_lib.sh"
demo=$top/user/examples/three-ways.sh
[ -x "$demo" ] || skip_all "no $demo"
for tool in wrk curl gnuplot gcc python3; do
	command -v $tool >/dev/null || skip_all "no $tool"
done

# lost WAY: how many requests its clients lost
lost() { awk -v way="$1" '$1 == way { print $4 }' "$work/three-ways.txt"; }
is_xml() { python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' "$1"; }

begin 7
check the_server_builds gcc -Wall -o "$work/server" "$top/user/examples/demo_server.c" -I"$top/include" \
	"$lib/libstopper-http.a" "$lib/libstopper.a" -luring -lmicrohttpd -ljansson -pthread
check the_demo_runs env SERVER="$work/server" STOPPERCTL="$lib/stopperctl" OUT="$work" "$demo"
check stopper_loses_no_request [ "$(lost stopper)" = 0 ]
# The eight that were being answered.
check kill_loses_those_that_run eval '[ "$(lost kill)" -ge 8 ]'
check shutdown_of_its_own_loses_those_that_run eval '[ "$(lost shutdown)" -ge 8 ]'
check picture_is_an_image is_xml "$work/three-ways.svg"
check page_has_picture_and_list eval 'grep -q "<svg" "$work/three-ways.html" &&
	grep -q "demo (1): quiescing" "$work/three-ways.html" && grep -q "GET /slow" "$work/three-ways.html"'
finish
