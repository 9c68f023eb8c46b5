// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * courier.c - what one thread begins another one ends.
 *
 * Actors send parcels; couriers deliver them: threads, and in the kernel a timer, in
 * softirq. Couriers never wait for a stopper, so whoever waits for a delivery waits
 * with a bound. A delivered parcel is freed by a thread, for the last use of a life
 * is given up in process context.
 */
#include "torture.h"

#define COURIERS	2

static struct tor_lock lock;
static struct parcel *sent, *delivered;
static struct tor_thread couriers[COURIERS];
static int ncouriers;
static bool closing;

static struct parcel *take(struct parcel **list)
{
	struct parcel *p;
	unsigned long f;

	tor_lock(&lock, f);
	p = *list;
	if (p)
		*list = p->next;
	tor_unlock(&lock, f);
	return p;
}

static void give(struct parcel **list, struct parcel *p)
{
	unsigned long f;

	tor_lock(&lock, f);
	p->next = *list;
	*list = p;
	tor_unlock(&lock, f);
}

void courier_send(struct parcel *p)
{
	give(&sent, p);
}

bool courier_deliver(unsigned int max)
{
	struct parcel *p = NULL;

	while (max-- && (p = take(&sent))) {
		CHECK_EQ(p->magic, PARCEL_MAGIC);
		p->deliver(p);
		give(&delivered, p);
	}
	return p;
}

static bool clear_up(void)
{
	struct parcel *p = take(&delivered);

	if (p)
		p->after(p);
	return p;
}

static void courier(void *arg)
{
	bool end;

	(void)arg;
	do {
		end = tor_load(&closing);
		/* Slower than the actors: what is begun stays open for a while. */
		tor_nap(500 * TOR_USEC);
		while (courier_deliver(16) || clear_up())
			tor_yield();
	} while (!end);
}

int couriers_init(void)
{
	int err = 0;

	tor_lock_init(&lock);
	closing = false;
	for (ncouriers = 0; ncouriers < COURIERS && !err; ncouriers++)
		err = tor_spawn(&couriers[ncouriers], "courier", courier, NULL);
	if (err)
		ncouriers--;
	return err;
}

/* Nobody sends any more; the timer has been stopped. */
void couriers_exit(void)
{
	int i;

	tor_store(&closing, true);
	for (i = 0; i < ncouriers; i++)
		tor_join(&couriers[i]);
	while (courier_deliver(16) || clear_up())
		;
}
