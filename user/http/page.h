/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * page.h - the source of the page, page.html, which page.S embeds in the library.
 */
#ifndef STOPPER_HTTP_PAGE_H
#define STOPPER_HTTP_PAGE_H

extern const char stopper_http_page[], stopper_http_page_end[];

#endif /* STOPPER_HTTP_PAGE_H */
