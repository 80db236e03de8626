/* SPDX-License-Identifier: Apache-2.0 */
/* What sr.c and sr_clone.c share: an SR, its lock, and the checks before something new. */
#ifndef MUSTER_AGENT_STORAGE_SR_PRIV_H
#define MUSTER_AGENT_STORAGE_SR_PRIV_H

#include "agent/storage/sr.h"

#include <pthread.h>

struct sr {
	const struct sr_ops *ops;
	void *impl;
	struct sr_config config;
	int32_t full_percent; /* of a pool's data or metadata: nothing new from here on */
	pthread_mutex_t lock; /* of all below, and of impl */
	bool attached;
	struct sr_caps caps;
};

static inline void sr_lock(struct sr *sr)
{
	(void)pthread_mutex_lock(&sr->lock);
}

/* The end of an operation. */
static inline void sr_unlock(struct sr *sr)
{
	if (sr->ops->idle)
		sr->ops->idle(sr->impl);
	(void)pthread_mutex_unlock(&sr->lock);
}

static inline void sr_unlock_cleanup(struct sr **sr)
{
	sr_unlock(*sr);
}

#define LOCKED(sr)                                                                                 \
	MU_CLEANUP(sr_unlock) struct sr *locked_ = (sr);                                           \
	sr_lock(locked_)

/* With the lock held. */
int sr_must_be_writable(const struct sr *sr, struct mu_error *err);
int sr_check_vdi(const struct sr_vdi *vdi, struct mu_error *err);
int sr_room_for_more(struct sr *sr, struct sr_usage *ret_usage, struct mu_error *err);
int sr_must_be_new(struct sr *sr, const struct mu_uuid *id, struct mu_error *err);

#endif
