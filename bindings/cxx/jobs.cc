// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * jobs.cc - a job queue that loses no job: each line of standard input is one.
 *
 *	c++ -std=c++17 jobs.cc -o jobs $(pkg-config --cflags --libs stopper)
 *
 * At the end of the input, or at SIGTERM, jobs that have begun are finished, and the total is
 * printed. The exit status is 0 if all were.
 */
#include <atomic>
#include <cstdio>
#include <string>

#include <poll.h>
#include <unistd.h>

#include <stopper/main.h>
#include <stopper/stopper.hpp>

/* The next line, or "" at the end of the input, or when @stop fires. */
static std::string read_line(stopxx::event_ref stop)
{
	static std::string buffer;
	pollfd fds[] = { { STDIN_FILENO, POLLIN, 0 }, { stop.fd().value(), POLLIN, 0 } };
	char data[512];

	for (;;) {
		const size_t end = buffer.find('\n');

		if (end != std::string::npos) {
			std::string line = buffer.substr(0, end + 1);

			buffer.erase(0, end + 1);
			return line;
		}
		poll(fds, 2, -1);
		if (stop.fired())
			return "";
		const ssize_t n = read(STDIN_FILENO, data, sizeof(data));

		if (n <= 0)
			return "";
		buffer.append(data, static_cast<size_t>(n));
	}
}

int main()
{
	stopxx::stopper jobs("jobs");
	stopxx::semaphore four(4);	/* jobs at a time */
	std::atomic<int> total = 0;

	std::setvbuf(stdout, nullptr, _IOLBF, 0);
	jobs.add_closer("total", [&] { std::printf("total %d\n", total.load()); }).or_throw();
	jobs.run_worker(STOPPER_SITE("reader"), [&] {
		for (std::string line; (line = read_line(jobs.should_quiesce())) != "";) {
			const auto job = [&total, line] {
				(void)stopxx::label(line);
				std::printf("done %s", line.c_str());
				total++;
			};

			std::printf("begin %s", line.c_str());
			if (!jobs.run_limited(STOPPER_SITE("job"), {}, four, true, job))
				std::printf("refused %s", line.c_str());
		}
		return jobs.stop_async();
	}).or_throw();
	return stopper_main(jobs.get(), nullptr);
}
