// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cmd_top.c - stopperctl top: shows the list, updated live.
 *
 * On a terminal it uses ncurses, else it prints one screen after the other as plain text. If the
 * source disappears, the last list stays, with the reason above it, until there is a list again.
 */
#include <getopt.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reader.h"
#include "screen.h"

#define PLAIN_WIDE	120

struct top {
	struct reader reader;
	struct screen screen;
	struct view *view;	/* the last one with a list */
	char alert[SENTENCE];
	int64_t every, next;
	unsigned long updates;	/* remaining; 0: unlimited */
	bool curses, help, quit;
	bool colours;		/* requested */
	int status;
	int y;			/* the next line to draw */
};

/* Drawing */

static void curses_line(void *arg, enum screen_style style, const char *text)
{
	static const chtype attributes[] = {
		[STYLE_PLAIN] = A_NORMAL,
		[STYLE_TITLE] = A_REVERSE,
		[STYLE_HEAD] = A_UNDERLINE,
		[STYLE_BLOCKS] = A_BOLD,
		[STYLE_STOP] = A_NORMAL,
		[STYLE_ALERT] = A_BOLD,
		[STYLE_FAINT] = A_DIM,
	};
	struct top *t = arg;
	int colour = style == STYLE_BLOCKS || style == STYLE_ALERT ? 1 :
		     style == STYLE_STOP ? 2 : 0;

	if (t->y >= LINES)
		return;
	attrset(attributes[style] | (t->colours && colour ? COLOR_PAIR(colour) : 0));
	mvaddnstr(t->y++, 0, text, COLS);
	attrset(A_NORMAL);
}

static void plain_line(void *arg, enum screen_style style, const char *text)
{
	(void)arg;
	if (style != STYLE_ALERT)
		puts(text);
}

/* The last list is already in the output, so an alert is printed alone. */
static void top_draw_plain(struct top *t)
{
	if (*t->alert)
		puts(t->alert + 1);
	else
		screen_show(&t->screen, t->view);
	putchar('\n');
	fflush(stdout);
	t->quit = t->quit || ferror(stdout);
}

static void top_draw(struct top *t)
{
	if (!t->view)
		return;
	view_sort(t->view, t->screen.key, t->screen.reverse);
	t->screen.alert = *t->alert ? t->alert : NULL;
	if (!t->curses) {
		top_draw_plain(t);
		return;
	}
	erase();
	t->y = 0;
	t->screen.height = LINES;
	t->screen.width = COLS;
	if (t->help)
		screen_help(&t->screen);
	else
		screen_show(&t->screen, t->view);
	move(LINES - 1, 0);
	refresh();
}

static void leave_curses(void)
{
	if (!isendwin())
		endwin();
}

static bool enter_curses(struct top *t)
{
	char term[40];

	if (!newterm(NULL, stdout, stdin)) {
		text_put(term, sizeof(term), getenv("TERM") ? getenv("TERM") : "");
		error_msg("unknown terminal type '%s' (set TERM, or pipe the output)", term);
		return false;
	}
	atexit(leave_curses);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	t->colours = t->colours && has_colors() && start_color() != ERR;
	if (t->colours) {
		use_default_colors();
		init_pair(1, COLOR_RED, -1);
		init_pair(2, COLOR_YELLOW, -1);
	}
	return true;
}

/* Keys */

static void scroll_by(struct top *t, long by)
{
	size_t *first = &t->screen.first;

	if (by < 0 && *first < (size_t)-by)
		*first = 0;
	else
		*first += by;
}

static void sort_by(struct top *t, enum view_key key)
{
	t->screen.key = key;
	t->screen.reverse = false;
	t->screen.first = 0;
}

static void handle_key(struct top *t, int key)
{
	long page = t->screen.page > 1 ? (long)t->screen.page - 1 : 1;

	if (t->help && key != KEY_RESIZE && key != 'q') {
		t->help = false;
		return;
	}
	switch (key) {
	case 'q':
		t->quit = true;
		break;
	case 'a':
		sort_by(t, BY_AGE);
		break;
	case 'c':
		sort_by(t, BY_COUNT);
		break;
	case 'n':
		sort_by(t, BY_NAME);
		break;
	case 's':
		sort_by(t, BY_STOPPER);
		break;
	case 'r':
		t->screen.reverse = !t->screen.reverse;
		break;
	case '?':
	case 'h':
		t->help = true;
		break;
	case KEY_UP:
		scroll_by(t, -1);
		break;
	case KEY_DOWN:
		scroll_by(t, 1);
		break;
	case KEY_PPAGE:
		scroll_by(t, -page);
		break;
	case KEY_NPAGE:
		scroll_by(t, page);
		break;
	case KEY_HOME:
		t->screen.first = 0;
		break;
	case KEY_END:
		t->screen.first = (size_t)-1 / 2;
		break;
	}
}

/* Includes KEY_RESIZE. Input after a q is left to the shell. True: there was a key. */
static bool handle_keys(struct top *t)
{
	bool any = false;
	int key;

	while (!t->quit && (key = getch()) != ERR) {
		handle_key(t, key);
		any = true;
	}
	return any;
}

/* Updates */

static void top_keep_view(struct top *t, struct view *v)
{
	char since[16];

	if (v && v->state == SOURCE_OK) {
		view_free(t->view);
		t->view = v;
		*t->alert = '\0';
		return;
	}
	text_age(since, (now_ns() - t->view->taken) / NSEC_PER_MSEC);
	snprintf(t->alert, sizeof(t->alert), " List is %s old, retrying: %.400s", since,
		 v ? v->why : "out of memory");
	view_free(v);
}

/* Shows an update that has arrived. */
static void top_update(struct top *t)
{
	top_keep_view(t, reader_take(&t->reader));
	top_draw(t);
	if (t->updates && !--t->updates)
		t->quit = true;
}

/* If standard input is readable without a key, the terminal was closed. */
static void top_step(struct top *t)
{
	int what = reader_poll(&t->reader, t->curses, t->next);
	bool keys = t->curses && handle_keys(t);

	if (what & READER_SIGNAL) {
		t->status = -reader_signal(&t->reader);
		t->quit = true;
		return;
	}
	if (what & READER_KEYS && !keys && !isatty(STDIN_FILENO)) {
		t->quit = true;
		return;
	}
	if (what & READER_ANSWER)
		top_update(t);
	else if (keys)
		top_draw(t);
	if (now_ns() >= t->next) {
		reader_request(&t->reader);
		t->next = now_ns() + t->every;
	}
}

/* Waits for the first list. False: there is none, see ->status. */
static bool top_first_view(struct top *t)
{
	struct view *v;
	int what;

	reader_request(&t->reader);
	do {
		what = reader_poll(&t->reader, false, INT64_MAX);
		if (what & READER_SIGNAL) {
			t->status = -reader_signal(&t->reader);
			return false;
		}
	} while (!(what & READER_ANSWER));
	v = reader_take(&t->reader);
	if (v && v->state == SOURCE_OK) {
		t->view = v;
		return true;
	}
	error_msg("%s", v ? v->why : "out of memory");
	view_free(v);
	t->status = EXIT_SOURCE;
	return false;
}

static void top_run(struct top *t)
{
	t->screen.line = t->curses ? curses_line : plain_line;
	t->screen.arg = t;
	if (!reader_start(&t->reader)) {
		t->status = EXIT_SOURCE;
		return;
	}
	if (!top_first_view(t))
		return;
	if (t->curses && !enter_curses(t)) {
		t->status = EXIT_USAGE;
		return;
	}
	t->next = now_ns() + t->every;
	top_draw(t);
	if (t->updates && !--t->updates)
		t->quit = true;
	while (!t->quit)
		top_step(t);
	if (t->curses)
		leave_curses();
}

/* Options */

static const char help[] =
	"Usage: stopperctl [SOURCE] top [OPTION]...\n"
	"Show what runs, updated live: stoppers above, the call sites of running tasks\n"
	"below. '>' marks what blocks a stop. If not on a terminal, print one screen after\n"
	"the other as plain text.\n"
	"\n"
	"  -d, --delay SECONDS    time between two updates (default 1)\n"
	"  -n, --count N          exit after N updates\n"
	"  -k, --sort KEY         age, count, name or stopper (default age)\n"
	"  -r, --reverse          reverse the order\n"
	"      --color=WHEN       auto or never (default auto; never if NO_COLOR is set)\n"
	"  -h, --help             show this help\n"
	"\n"
	"Keys: q quit; a c n s sort by age, count, name, stopper; r reverse; arrows, PgUp,\n"
	"PgDn, Home, End scroll; ? help.\n"
	"\n"
	"SOURCE: -p PID, -u URL, -s SOCKET, -f FILE; see 'stopperctl --help'.\n";

enum { OPT_COLOR = 256 };

static const struct option options[] = {
	{ "delay", required_argument, NULL, 'd' },
	{ "count", required_argument, NULL, 'n' },
	{ "sort", required_argument, NULL, 'k' },
	{ "reverse", no_argument, NULL, 'r' },
	{ "color", required_argument, NULL, OPT_COLOR },
	{ "colour", required_argument, NULL, OPT_COLOR },
	{ "help", no_argument, NULL, 'h' },
	{}
};

static bool parse_key(const char *s, enum view_key *key)
{
	for (*key = BY_AGE; *key <= BY_STOPPER; ++*key)
		if (!strcmp(s, screen_key_name(*key)))
			return true;
	return false;
}

static bool parse_count(const char *s, unsigned long *n)
{
	char *end;

	*n = strtoul(s, &end, 10);
	return *s >= '0' && *s <= '9' && !*end && *n && *n < 1UL << 31;
}

/* -1: continue, else the exit status. */
static int top_take_option(struct top *t, int opt)
{
	switch (opt) {
	case 'd':
		return parse_seconds(optarg, 0.1, 86400, &t->every) ? -1 :
			wrong_usage("top", "-d '%s': expected seconds, at least 0.1", optarg);
	case 'n':
		return parse_count(optarg, &t->updates) ? -1 :
			wrong_usage("top", "-n '%s': expected a number, at least 1", optarg);
	case 'k':
		return parse_key(optarg, &t->screen.key) ? -1 :
			wrong_usage("top", "-k '%s': expected age, count, name or stopper", optarg);
	case 'r':
		t->screen.reverse = true;
		return -1;
	case OPT_COLOR:
		t->colours = t->colours && strcmp(optarg, "never");
		return !strcmp(optarg, "never") || !strcmp(optarg, "auto") ? -1 :
			wrong_usage("top", "--color '%s': expected auto or never", optarg);
	case 'h':
		fputs(help, stdout);
		return finish_output();
	}
	return try_help("top");
}

static int top_read_options(struct top *t, int argc, char **argv)
{
	int opt, status;

	while ((opt = source_getopt(argc, argv, "d:n:k:rh", options)) != -1) {
		status = top_take_option(t, opt);
		if (status >= 0)
			return status;
	}
	if (optind != argc)
		return wrong_usage("top", "top: unexpected operand '%s'", argv[optind]);
	if (source_is_stdin())
		return wrong_usage("top", "top: cannot read standard input twice (use a file)");
	return -1;
}

static int plain_width(void)
{
	const char *columns = getenv("COLUMNS");
	int n = columns ? atoi(columns) : 0;

	return n > 0 && n <= SCREEN_WIDE ? n : PLAIN_WIDE;
}

/* Static, because the thread of reader.c may use it until the process ends. */
static struct top top;

int cmd_top(int argc, char **argv)
{
	const char *no_color = getenv("NO_COLOR");
	int status;

	top.every = NSEC_PER_SEC;
	top.colours = !no_color || !*no_color;
	status = top_read_options(&top, argc, argv);
	if (status >= 0)
		return status;
	top.curses = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	top.screen.width = plain_width();
	top_run(&top);
	view_free(top.view);
	if (top.status < 0)
		return exit_by_signal(-top.status);
	return top.status ? top.status : finish_output();
}
