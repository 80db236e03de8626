/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule or target is what the store says: a change is begun with what it is now and is so when it
 * has been stored. Between the two a second one would begin with what is not so any more, and one
 * of both would be lost; so it is refused.
 */
#include "aggregator/app/alarming.h"

int alarm_changing_begin(struct alarm_changing *c, struct mu_link *all, const struct mu_uuid *id,
			 bool is_new, struct mu_error *err)
{
	mu_list_each(it, all)
	{
		if (mu_uuid_equal(&MU_CONTAINER_OF(it, struct alarm_changing, link)->id, id))
			return mu_error_set(err, MU_E_STATE,
					    "another change of it is being stored; hint: ask "
					    "again in a moment");
	}
	c->id = *id;
	c->is_new = is_new;
	mu_list_push_back(all, &c->link);
	return 0;
}

size_t alarm_changing_n_new(const struct mu_link *all)
{
	size_t n = 0;

	mu_list_each(it, all) n += MU_CONTAINER_OF(it, struct alarm_changing, link)->is_new;
	return n;
}

void alarm_changing_end(struct alarm_changing *c)
{
	mu_list_remove(&c->link);
}
