/* SPDX-License-Identifier: Apache-2.0 */
/* Hints of a driver that does not restrain itself */
#include "agent/hv/hv_watch.h"

#include <criterion/criterion.h>

struct env {
	struct mu_loop *loop;
	struct hv_watcher *watcher;
	const struct hv_watch *driver;
	unsigned n_domains, n_guests[4];
	mu_msec guest_at[2]; /* of domain 1's hints */
	unsigned stop_at_guests;
};

static void on_domains(void *ctx)
{
	struct env *e = ctx;

	e->n_domains++;
}

static void on_guest(struct hv_domid domid, void *ctx)
{
	struct env *e = ctx;

	if (domid.value == 1 && e->n_guests[1] < 2)
		e->guest_at[e->n_guests[1]] = mu_loop_now(e->loop);
	e->n_guests[domid.value]++;
	if (e->n_guests[1] == e->stop_at_guests)
		mu_loop_stop(e->loop);
}

static void open_env(struct env *e)
{
	const struct hv_watch user = {on_domains, on_guest, e};

	*e = (struct env){.loop = mu_loop_new()};
	e->watcher = hv_watcher_new(e->loop);
	e->driver = hv_watcher_set(e->watcher, &user);
}

static void close_env(struct env *e)
{
	hv_watcher_free(e->watcher);
	mu_loop_free(e->loop);
}

Test(watch, guest_hints_once_per_second_and_the_last_is_not_lost)
{
	struct env e;

	open_env(&e);
	for (int i = 0; i < 100; i++) {
		e.driver->guest_changed((struct hv_domid){1}, e.driver->ctx);
		e.driver->guest_changed((struct hv_domid){2}, e.driver->ctx);
		e.driver->domains_changed(e.driver->ctx);
	}
	cr_assert_eq(e.n_guests[1] + e.n_domains, 0, "inside the call");
	e.stop_at_guests = 1;
	mu_loop_run(e.loop);
	cr_assert_eq(e.n_domains, 1);
	/* Within its second: held back, but not dropped. */
	e.driver->guest_changed((struct hv_domid){1}, e.driver->ctx);
	e.driver->guest_changed((struct hv_domid){1}, e.driver->ctx);
	e.stop_at_guests = 2;
	mu_loop_run(e.loop);
	cr_assert_geq(e.guest_at[1] - e.guest_at[0], 1000);
	mu_loop_run(e.loop); /* until nothing is left */
	cr_assert_eq(e.n_guests[1], 2);
	cr_assert_eq(e.n_guests[2], 1);
	close_env(&e);
}

Test(watch, stopped_means_silent)
{
	struct env e;

	open_env(&e);
	e.driver->guest_changed((struct hv_domid){1}, e.driver->ctx);
	e.driver->domains_changed(e.driver->ctx);
	cr_assert_null(hv_watcher_set(e.watcher, NULL));
	e.driver->domains_changed(e.driver->ctx);
	mu_loop_run(e.loop);
	cr_assert_eq(e.n_guests[1] + e.n_domains, 0);
	close_env(&e);
}
