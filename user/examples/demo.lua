-- SPDX-License-Identifier: GPL-2.0 OR MIT
--
-- For wrk: counts the result of every request. demo.sh reads the last line.
--
-- request() is called just before a request is written. wrk calls it once more in its first
-- thread, to see what it returns. A failed write never reached the server: wrk tried to connect
-- to a server that had exited.

local threads = {}

function setup(thread)
	table.insert(threads, thread)
end

function init()
	tried, answered, refused = 0, 0, 0
end

function request()
	tried = tried + 1
	return wrk.format()
end

function response(status)
	if status == 200 then
		answered = answered + 1
	elseif status == 503 then
		refused = refused + 1
	end
end

function done(summary)
	local sum = { tried = -1, answered = 0, refused = 0 }

	for _, thread in ipairs(threads) do
		for name, n in pairs(sum) do
			sum[name] = n + thread:get(name)
		end
	end
	io.write(string.format("sent=%d answered=%d refused=%d\n",
		sum.tried - summary.errors.write, sum.answered, sum.refused))
end
