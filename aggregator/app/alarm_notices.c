/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits to be told of alarms is stored in one transaction with the alarm that it is about, and
 * is gone when it has been told: so neither a stop nor kill -9 loses it.
 */
#include "aggregator/app/alarming.h"
#include "aggregator/store/alarms.h"
#include "common/log/log.h"

/* The transaction that is being filled, or one of its own. */
static struct store_tx *begin(struct alarming *al)
{
	return al->tx ? al->tx : store_begin(al->app->store);
}

/* At once: who was told is told again after a crash that comes before this is on disk. */
static void commit(struct alarming *al, struct store_tx *tx)
{
	if (tx != al->tx)
		store_commit(tx, STORE_KEEP, NULL, NULL);
}

static void keep(void *ctx, const struct notify_kept *kept)
{
	struct alarming *al = ctx;
	struct store_tx *tx = begin(al);

	store_alarm_notices_put(tx, kept);
	commit(al, tx);
}

static void forget(void *ctx, const struct mu_uuid *target, const struct mu_uuid *alarm)
{
	struct alarming *al = ctx;
	struct store_tx *tx = begin(al);

	store_alarm_notices_delete(tx, target, alarm);
	commit(al, tx);
}

struct notify_keeper alarming_keeper(struct alarming *al)
{
	return (struct notify_keeper){.keep = keep, .forget = forget, .ctx = al};
}

struct loading {
	struct alarming *al;
	size_t n;
};

static void load(const struct notify_kept *kept, void *arg)
{
	struct loading *ld = arg;

	if (kept->notice.alarm.level != ALARM_NONE && notifier_restore(ld->al->app->notifier, kept))
		ld->n++;
	else
		forget(ld->al, &kept->target, &kept->notice.alarm.id);
}

int alarming_load_notices(struct alarming *al, struct mu_error *err)
{
	struct loading ld = {.al = al};

	if (store_alarm_notices_list(al->app->store, load, &ld, err) < 0)
		return MU_FAILED;
	if (ld.n > 0)
		mu_log_info("notices of alarms still wait n=%zu", ld.n);
	return 0;
}
