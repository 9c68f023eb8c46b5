#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# user_python.sh: stopper.py: its structures are those of the headers; the rows of the contract; the example.

. "$(dirname "$0")/languages/lib.sh"
command -v python3 >/dev/null || skip_all "no python3"
export PYTHONPATH=$top/bindings/python PYTHONDONTWRITEBYTECODE=1

begin
check "the layout is that of the headers" same_layout python3 -c 'import _stopper; print(_stopper._layouts())'
python3 "$top/bindings/python/test_stopper.py" --tap >"$work/results" 2>"$work/errors"
ended=$?
cat "$work/errors" >>"$work/results"
rows "$work/results" python3 $ended
check "the example at the end of its input" jobs_at_the_end python3 "$top/bindings/python/jobs.py"
check "the example at SIGTERM" jobs_at_sigterm python3 "$top/bindings/python/jobs.py"
finish
