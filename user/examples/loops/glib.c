// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * glib.c - a server on GLib's main loop: cc glib.c $(pkg-config --cflags --libs stopper glib-2.0)
 */
#include <glib-unix.h>
#include "loop.h"

static struct _GMainLoop *loop;
static guint in;

static gboolean answer(gpointer r)
{
	request_answer(r);
	return G_SOURCE_REMOVE;
}

static void start(struct request *r)
{
	g_timeout_add(ANSWER_MS, answer, r);
}

static gboolean on_input(gint fd, GIOCondition what, gpointer arg)
{
	read_input(start);
	return G_SOURCE_CONTINUE;
}

static gboolean on_quiesce(gint fd, GIOCondition what, gpointer arg)
{
	g_source_remove(in);
	return G_SOURCE_REMOVE;
}

static gboolean on_stopped(gint fd, GIOCondition what, gpointer arg)
{
	g_main_loop_quit(loop);
	return G_SOURCE_REMOVE;
}

int main(void)
{
	server_create("glib");
	loop = g_main_loop_new(NULL, FALSE);
	in = g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, NULL);
	g_unix_fd_add(stopper_event_fd(stopper_should_quiesce(s)), G_IO_IN, on_quiesce, NULL);
	g_unix_fd_add(stopper_event_fd(stopper_is_stopped(s)), G_IO_IN, on_stopped, NULL);
	g_main_loop_run(loop);
	g_main_loop_unref(loop);
	return server_end();
}
