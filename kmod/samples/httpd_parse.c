// SPDX-License-Identifier: GPL-2.0
/*
 * httpd_parse.c - parse the head of a request in place.
 *
 * No part of the input is trusted. The parser is strict wherever RFC 9112 allows it: a head that
 * two parsers could read as different requests (bare CR or LF, control characters, folded lines,
 * two lengths, two hosts) is rejected.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include "httpd.h"

/* The headers that this server uses. */
struct headers {
	unsigned int hosts;
	unsigned int lengths;
	bool body;
	bool close;
	bool keep_alive;
};

/**
 * request_length() - find the end of a head
 * @buf: received bytes
 * @len: number of bytes
 *
 * Return: The length of the head, including the empty line that ends it; 0 if it is incomplete.
 */
size_t request_length(const char *buf, size_t len)
{
	const char *end = strnstr(buf, "\r\n\r\n", len);

	return end ? end + 4 - buf : 0;
}

static bool is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++) {
		if (!isascii(*s) || (!isalnum(*s) && !strchr("!#$%&'*+-.^_`|~", *s)))
			return false;
	}
	return true;
}

static bool is_plain(const char *s)
{
	for (; *s; s++) {
		if (iscntrl(*s) && *s != '\t')
			return false;
	}
	return true;
}

static bool is_number(const char *s)
{
	if (!*s)
		return false;
	while (isdigit(*s))
		s++;
	return !*s;
}

/* The next line without its CRLF; NULL: no further line, or it has control characters. */
static char *next_line(char **text)
{
	char *line = *text, *end = strstr(line, "\r\n");

	if (!end)
		return NULL;
	*end = '\0';
	*text = end + 2;
	return is_plain(line) ? line : NULL;
}

static int parse_version(const char *version, struct request *rq)
{
	if (!strcmp(version, "HTTP/1.1"))
		rq->keep = true;
	else if (!strcmp(version, "HTTP/1.0"))
		rq->keep = false;
	else if (!strncmp(version, "HTTP/", 5) && isdigit(version[5]))
		return 505;
	else
		return 400;
	return 0;
}

static int parse_target(char *target, struct request *rq)
{
	if (!strncasecmp(target, "http://", 7)) {
		target = strchr(target + 7, '/');
		if (!target)
			target = "/";
	}
	if (*target != '/')
		return 400;
	rq->path = target;
	rq->query = strchr(target, '?');
	if (rq->query)
		*rq->query++ = '\0';
	return 0;
}

/* The method is checked last: an invalid request gets a 400 with any method. */
static int parse_request_line(char *line, struct request *rq)
{
	char *method = strsep(&line, " "), *target = strsep(&line, " ");
	int status;

	if (!line || !is_token(method))
		return 400;
	status = parse_version(line, rq);
	if (status)
		return status;
	status = parse_target(target, rq);
	if (status)
		return status;
	rq->head_only = !strcmp(method, "HEAD");
	return rq->head_only || !strcmp(method, "GET") ? 0 : 405;
}

static void parse_connection(char *value, struct headers *hd)
{
	char *option;

	while ((option = strsep(&value, ","))) {
		option = strim(option);
		hd->close |= !strcasecmp(option, "close");
		hd->keep_alive |= !strcasecmp(option, "keep-alive");
	}
}

static int parse_header(char *line, struct headers *hd)
{
	char *value = strchr(line, ':');

	if (!value)
		return 400;
	*value++ = '\0';
	if (!is_token(line))
		return 400;
	value = strim(value);

	if (!strcasecmp(line, "Host")) {
		hd->hosts++;
	} else if (!strcasecmp(line, "Connection")) {
		parse_connection(value, hd);
	} else if (!strcasecmp(line, "Content-Length")) {
		if (!is_number(value))
			return 400;
		hd->lengths++;
		hd->body |= value[strspn(value, "0")] != '\0';
	} else if (!strcasecmp(line, "Transfer-Encoding")) {
		hd->body = true;
	}
	return 0;
}

static int parse_headers(char *text, struct headers *hd)
{
	char *line;
	int status;

	while (*text) {
		line = next_line(&text);
		if (!line)
			return 400;
		status = parse_header(line, hd);
		if (status)
			return status;
	}
	return hd->hosts > 1 || hd->lengths > 1 ? 400 : 0;
}

/* Bodies are not read, so a request that follows a body cannot be found. */
static bool connection_is_kept(bool by_version, const struct headers *hd)
{
	return (by_version || hd->keep_alive) && !hd->close && !hd->body;
}

/**
 * request_parse() - parse a head
 * @head: the head, which is modified
 * @len: the result of request_length()
 * @rq: filled in; @rq->keep is false unless 0 or 405 is returned
 *
 * Return: 0, or the HTTP status of the response: 400, 405 or 505.
 */
int request_parse(char *head, size_t len, struct request *rq)
{
	struct headers hd = {};
	int method, status;
	char *line;

	memset(rq, 0, sizeof(*rq));
	if (memchr(head, '\0', len))
		return 400;
	head[len - 2] = '\0';

	line = next_line(&head);
	if (!line)
		return 400;
	method = parse_request_line(line, rq);
	if (method && method != 405) {
		rq->keep = false;
		return method;
	}
	status = parse_headers(head, &hd);
	if (!status && rq->keep && !hd.hosts)
		status = 400;
	rq->keep = !status && connection_is_kept(rq->keep, &hd);
	return status ? status : method;
}

/**
 * request_number() - get a numeric parameter of the query
 * @rq: the request; its query is consumed
 * @key: name of the parameter
 * @max: largest allowed value
 * @val: set to the value; unchanged if there is no such parameter
 *
 * Return: 0, or 400 if the value is not a number or above @max.
 */
int request_number(struct request *rq, const char *key, unsigned int max, unsigned int *val)
{
	unsigned int v;
	char *pair;

	while ((pair = strsep(&rq->query, "&"))) {
		char *name = strsep(&pair, "=");

		if (strcmp(name, key))
			continue;
		if (!pair || !is_number(pair) || kstrtouint(pair, 10, &v) || v > max)
			return 400;
		*val = v;
		return 0;
	}
	return 0;
}
