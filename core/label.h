/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * label.h - labels of tasks; see label.c.
 */
#ifndef STOPPER_CORE_LABEL_H
#define STOPPER_CORE_LABEL_H

#include "internal.h"

extern const char no_label[STOPPER_LABEL_SHOWN + 1];
int label_set(struct stopper_slot *slot, const char *text);
void label_read(struct stopper_slot *slot, unsigned int seq, char *out);
void label_free(struct stopper_slot *slot);

#endif /* STOPPER_CORE_LABEL_H */
