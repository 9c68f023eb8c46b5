/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* page.S - the source of the page, as it is, in the library. */
	.section .rodata
	.globl	stopper_http_page, stopper_http_page_end
	.hidden	stopper_http_page, stopper_http_page_end
stopper_http_page:
	.incbin	"page.html"
stopper_http_page_end:
	.section .note.GNU-stack, "", %progbits
