/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clones that share blocks, several at one moment:
 *
 *   prepare, one by one     all that takes time; writers write
 *   take, all at once       lock SRs | hold writers | take | release | unlock
 *
 * A write that depends on another is issued when that one has ended. While all writers are held
 * none ends, and what had ended before is in what is taken: so the clones hold no write without
 * those that it depends on, whatever the order in which the writers were held. The SRs' locks are
 * kept for all of it, or a small operation of somebody else would stand between hold and release.
 */
#include "agent/storage/sr_priv.h"
#include "common/base/assert.h"

#include <stdlib.h>

int sr_clone_prepare(struct sr_clone *c, struct mu_error *err)
{
	struct sr *sr = c->sr;
	struct sr_usage usage;
	LOCKED(sr);

	if (sr_must_be_writable(sr, err) < 0 || sr_check_vdi(&c->vdi, err) < 0)
		return MU_FAILED;
	if (!sr->caps.instant_clone)
		return mu_error_set(err, MU_E_UNSUPPORTED, "%s cannot share blocks between disks",
				    sr->caps.location);
	if (sr_room_for_more(sr, &usage, err) < 0 || sr_must_be_new(sr, &c->vdi.id, err) < 0)
		return MU_FAILED;
	return sr->ops->clone_prepare(sr->impl, c, err);
}

/* One order for all threads, whatever the order of the disks. */
static int by_address(const void *a, const void *b)
{
	const struct sr *const *left = a, *const *right = b;

	return (*left > *right) - (*left < *right);
}

static size_t lock_all(struct sr_clone *const *list, size_t n, struct sr **ret_srs)
{
	size_t n_srs = 0;

	for (size_t i = 0; i < n; i++)
		ret_srs[i] = list[i]->sr;
	qsort(ret_srs, n, sizeof *ret_srs, by_address);
	for (size_t i = 0; i < n; i++) {
		if (n_srs > 0 && ret_srs[n_srs - 1] == ret_srs[i])
			continue;
		ret_srs[n_srs++] = ret_srs[i];
		sr_lock(ret_srs[n_srs - 1]);
	}
	return n_srs;
}

/* No check that takes time: writers are held, and a VM may stand still. */
static int hold_and_take(struct sr_clone *const *list, size_t n, struct mu_error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct sr_clone *c = list[i];

		if (sr_must_be_writable(c->sr, err) < 0 ||
		    (c->sr->ops->hold && c->sr->ops->hold(c->sr->impl, c, &c->held, err) < 0))
			return mu_error_prefix(err, "%s", c->source.name);
	}
	for (size_t i = 0; i < n; i++) {
		if (list[i]->sr->ops->clone_take(list[i]->sr->impl, list[i], err) < 0)
			return mu_error_prefix(err, "%s", list[i]->source.name);
	}
	return 0;
}

/* All, whatever happens to one of them. */
static int release_all(struct sr_clone *const *list, size_t n, struct mu_error *err)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		struct sr_clone *c = list[i];

		if (c->held && c->sr->ops->release(c->sr->impl, c, err) < 0)
			r = mu_error_prefix(err, "%s", c->source.name);
		c->held = false;
	}
	return r;
}

int sr_clones_take(struct sr_clone *const *list, size_t n, struct mu_error *err)
{
	struct mu_error why = MU_ERROR_INIT;
	struct sr *srs[SR_CLONES_MAX];
	size_t n_srs;
	int r;

	mu_assert(n <= SR_CLONES_MAX);
	n_srs = lock_all(list, n, srs);
	r = hold_and_take(list, n, err);
	if (release_all(list, n, &why) < 0) { /* the worse of two failures */
		if (err)
			*err = why;
		r = MU_FAILED;
	}
	for (size_t i = 0; i < n_srs; i++)
		sr_unlock(srs[i]);
	return r;
}
