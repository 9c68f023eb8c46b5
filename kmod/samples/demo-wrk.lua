-- SPDX-License-Identifier: GPL-2.0
-- What wrk's own summary does not tell: how many requests it made, and how many answers were a 503.
-- Prints: wrk BEGUN ANSWERED REFUSED. An answer counts when it is complete. Every other request
-- is counted as refused; whether one of them was lost, only the server knows (demo-guest.sh).

local threads = {}

-- wrk makes one request on its first thread to look at it, and does not send it.
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
