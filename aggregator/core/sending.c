/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/sending.h"

enum { WAIT_FIRST_MS = 1000 };

/* An object is over when its host goes on without it: not when its host is away, which will send
 * what it kept meanwhile. */
static bool is_over(const struct sending_object *o, const struct sending_window *w)
{
	return o->sent == o->last && o->host_last > o->last && o->host_last - o->last >= w->end;
}

void sending_next(const struct sending_object *o, const struct sending_window *w,
		  struct sending_due *ret)
{
	uint32_t first = o->sent + 1, told = o->sent > w->synced ? o->sent : w->synced;

	*ret = (struct sending_due){.first = first};
	if (o->last == 0)
		return;
	if (first > o->last) {
		ret->over = is_over(o, w);
		return;
	}
	if (first < w->oldest) {
		ret->first = w->oldest;
		/* Up to `synced` there was none. */
		ret->lost = w->oldest - 1 > told ? w->oldest - 1 - told : 0;
	}
	if (ret->first > o->last)
		return;
	ret->n = o->last - ret->first + 1;
	ret->more = ret->n > w->n_max;
	if (ret->more)
		ret->n = w->n_max;
}

enum sending_verdict sending_judge(int status)
{
	if (status >= 200 && status < 300)
		return SENDING_TAKEN;
	switch (status) {
	case 400: /* too old, out of order: it is so next time, too */
	case 409:
	case 413:
	case 415:
	case 422:
		return SENDING_REFUSED;
	default: /* says nothing about the samples: the server, the way to it, or the token */
		return SENDING_AGAIN;
	}
}

mu_msec sending_wait(unsigned n_failures, mu_msec asked, struct mu_rand *rand)
{
	mu_msec wait = WAIT_FIRST_MS;

	for (unsigned i = 1; i < n_failures && wait < SENDING_WAIT_MAX_MS; i++)
		wait *= 2;
	if (wait > SENDING_WAIT_MAX_MS)
		wait = SENDING_WAIT_MAX_MS;
	wait = wait / 2 + (mu_msec)mu_rand_below(rand, (uint64_t)(wait / 2 + 1));
	if (asked > SENDING_ASKED_MAX_MS)
		asked = SENDING_ASKED_MAX_MS;
	return wait > asked ? wait : asked;
}
