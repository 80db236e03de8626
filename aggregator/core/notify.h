/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is told of alarms, and when: targets, and for each a queue with tries and limits.
 * docs/design/alarms.md. PURE: `now` is monotonic and comes in, what is to be sent goes out.
 */
#ifndef MUSTER_AGGREGATOR_CORE_NOTIFY_H
#define MUSTER_AGGREGATOR_CORE_NOTIFY_H

#include "aggregator/core/alarms.h"

enum {
	NOTIFY_TARGETS_MAX = 16,
	NOTIFY_QUEUE_MAX = 256, /* of a target */
	NOTIFY_BURST = 30,
	NOTIFY_EVERY_MS = 10 * 1000, /* one more, after a burst */
	NOTIFY_RETRY_MS = 1000,      /* after the first failure; doubled by each */
	NOTIFY_RETRY_MAX_MS = 300 * 1000,
	NOTIFY_TRIES_FIRST = 5, /* then the others come before it */
	NOTIFY_GIVE_UP_MS = 24 * 3600 * 1000,
	NOTIFY_URL_MAX = 511,
	NOTIFY_SECRET_MAX = 255,
	NOTIFY_ADDRESS_MAX = 254,
	NOTIFY_TO_MAX = 8,
	NOTIFY_CA_MAX = 16384,
};

enum notify_type { NOTIFY_WEBHOOK, NOTIFY_MAIL, _NOTIFY_TYPE_COUNT };

struct notify_target {
	struct mu_uuid id;
	char name[MODEL_NAME_MAX + 1];
	enum notify_type type;
	enum alarm_level level; /* the least that is told */
	char url[NOTIFY_URL_MAX + 1];
	char secret[NOTIFY_SECRET_MAX + 1]; /* webhook: of its signature; mail: of `user` */
	char ca[NOTIFY_CA_MAX + 1];         /* PEM; "" = the system's authorities */
	/* of a mail */
	char user[NOTIFY_ADDRESS_MAX + 1];
	char from[NOTIFY_ADDRESS_MAX + 1];
	size_t n_to;
	char to[NOTIFY_TO_MAX][NOTIFY_ADDRESS_MAX + 1];
};

/* MU_E_INVALID names the member. */
int notify_target_read(struct notify_target *ret, const struct mu_uuid *id,
		       const struct mu_value *v, struct mu_error *err);
/* What only a new one is asked, so that what is stored stays readable: no user in its URL. */
int notify_target_check_new(const struct notify_target *t, struct mu_error *err);
/* `secrets`: with them, for the store; otherwise it says `hasSecret`, and of the URL scheme and
 * host. */
struct mu_value *notify_target_value(struct mu_arena *a, const struct notify_target *t,
				     bool secrets);

struct notify;

/* What is told. */
struct notify_notice {
	struct mu_uuid delivery;
	enum alarms_what what; /* ALARMS_RAISED, _LEVEL, _CLEARED */
	mu_msec wall;
	size_t n_dropped; /* notices before it that nobody will be told */
	struct alarm alarm;
};

/* A notice that waits, as it is remembered over a restart. */
struct notify_kept {
	struct mu_uuid target;
	uint64_t seq; /* its place among those of the target */
	struct notify_notice notice;
	bool raised_unsent; /* it was raised, and nobody has been told of it */
	mu_msec since;      /* wall: tried for so long */
	unsigned n_tries;
};

/* Who remembers: one notice of a target and an alarm, a newer one takes its place. May be called
 * by notify_put() and notify_result(). */
struct notify_keeper {
	void (*keep)(void *ctx, const struct notify_kept *kept);
	void (*forget)(void *ctx, const struct mu_uuid *target, const struct mu_uuid *alarm);
	void *ctx;
};

struct notify *notify_new(const struct notify_keeper *keeper);
/* Takes NULL; returns NULL. */
struct notify *notify_free(struct notify *n);

/* MU_E_EXHAUSTED. */
int notify_target_add(struct notify *n, const struct notify_target *t, struct mu_error *err);
/* With what waits for it; nobody is told to forget that. */
void notify_target_remove(struct notify *n, const struct mu_uuid *id);
/* NULL: there is none; *iter starts at 0. */
const struct notify_target *notify_target_find(const struct notify *n, const struct mu_uuid *id);
const struct notify_target *notify_target_next(const struct notify *n, size_t *iter);

/* For every target that is told of such; each gets a delivery of its own, made of this one. */
void notify_put(struct notify *n, const struct alarms_change *c, const struct mu_uuid *delivery,
		mu_msec now, mu_msec wall);
/* One that was kept before a restart; a target's in order of `seq`, before anything is put. False:
 * there is no such target, or no room. */
bool notify_restore(struct notify *n, const struct notify_kept *kept, mu_msec now, mu_msec wall);
/* One that is to be sent now, by a target that sends nothing; false: none. */
bool notify_next(struct notify *n, mu_msec now, struct mu_uuid *ret_target,
		 struct notify_notice *ret);
enum notify_outcome { NOTIFY_SENT, NOTIFY_LATER, NOTIFY_NEVER };
/* What came of it. Returns false when a notice was given up. */
bool notify_result(struct notify *n, const struct mu_uuid *target, enum notify_outcome outcome,
		   mu_msec now);
/* When notify_next() is worth asking again: ms from now; -1: not before something is put. */
mu_msec notify_wait(const struct notify *n, mu_msec now);

/* "raised", "changed", "cleared" */
const char *notify_what_name(enum alarms_what what);
/* The same back; false: it is none of them. */
bool notify_what_parse(const char *name, enum alarms_what *ret);

#endif
