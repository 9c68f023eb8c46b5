/* SPDX-License-Identifier: GPL-2.0 */
#ifndef STOPPER_TEST_LENDER_H
#define STOPPER_TEST_LENDER_H

#include <stopper/stopper.h>

extern struct stopper *lender_stopper;
extern struct stopper_event lender_gate;
extern struct stopper_task *lender_left;

#endif /* STOPPER_TEST_LENDER_H */
