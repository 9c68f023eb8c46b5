/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* page.S - embeds the source of the page in the library. */
	.section .rodata
	.globl	stopper_http_page, stopper_http_page_end
	.hidden	stopper_http_page, stopper_http_page_end
stopper_http_page:
	.incbin	"page.html"
stopper_http_page_end:
	.section .note.GNU-stack, "", %progbits
