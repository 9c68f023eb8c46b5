-- SPDX-License-Identifier: GPL-2.0
-- Counts what the summary of wrk does not have: the requests, and the responses other than 503.
-- Prints: wrk BEGUN ANSWERED REFUSED. A response counts when it is complete. All other requests count
-- as refused; only the server knows whether one of them was lost (see demo-guest.sh).

local threads = {}

-- wrk formats one request on its first thread without sending it.
function setup(thread)
	thread:set("begun", #threads == 0 and -1 or 0)
	thread:set("answered", 0)
	table.insert(threads, thread)
end

function init(args)
	text = wrk.format()
end

function request()
	begun = begun + 1
	return text
end

function response(status, headers, body)
	if status ~= 503 then
		answered = answered + 1
	end
end

function done(summary, latency, requests)
	local begun, answered = 0, 0

	for _, thread in ipairs(threads) do
		begun = begun + thread:get("begun")
		answered = answered + thread:get("answered")
	end
	print(string.format("wrk %d %d %d", begun, answered, begun - answered))
end
