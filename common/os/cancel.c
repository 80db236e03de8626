/* SPDX-License-Identifier: Apache-2.0 */
#include "common/os/cancel.h"

#include "common/base/assert.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

void mu_cancel_init(struct mu_cancel *c)
{
	atomic_init(&c->set, false);
	c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	mu_assert(c->fd >= 0);
}

void mu_cancel_deinit(struct mu_cancel *c)
{
	(void)close(c->fd);
	c->fd = -1;
}

void mu_cancel_set(struct mu_cancel *c)
{
	const uint64_t one = 1;
	ssize_t n;

	if (atomic_exchange(&c->set, true))
		return;
	n = write(c->fd, &one, sizeof one);
	mu_assert(n == sizeof one); /* the first write to an eventfd */
}

int mu_cancel_check(const struct mu_cancel *c, struct mu_error *err)
{
	if (c && atomic_load(&c->set))
		return mu_error_set(err, MU_E_CANCELLED, "cancelled");
	return 0;
}
