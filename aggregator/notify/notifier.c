/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/notify/notifier.h"

#include "aggregator/notify/message.h"
#include "aggregator/notify/send.h"
#include "common/base/assert.h"
#include "common/base/list.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "common/os/random.h"

#include <stdlib.h>

enum { TESTS_MAX = 4 };

struct notifier {
	struct notifier_options options;
	struct notify *notify;
	struct mu_timer *timer;
	struct mu_arena *arena;
	struct mu_link sendings;
	size_t n_tests;
	bool closing;
	mu_loop_cb closed;
	void *closed_ctx;
};

struct sending {
	struct mu_link link;
	struct notifier *notifier;
	struct send send;
	/* of a test */
	void (*tested)(void *arg, const struct mu_error *err); /* NULL: it is none */
	void *arg;
	struct mu_error err;
};

static void go_on(void *ctx);

struct notifier *notifier_new(const struct notifier_options *options)
{
	struct notifier *n = mu_xcalloc(1, sizeof *n);

	n->options = *options;
	n->notify = notify_new(&options->keeper);
	n->timer = mu_timer_new(options->loop, go_on, n);
	n->arena = mu_arena_new();
	mu_link_init(&n->sendings);
	return n;
}

struct notify *notifier_targets(struct notifier *n)
{
	return n->notify;
}

/* --- sending --- */

static void free_all(void *ctx)
{
	struct notifier *n = ctx;
	mu_loop_cb closed = n->closed;
	void *closed_ctx = n->closed_ctx;

	mu_timer_free(n->timer);
	notify_free(n->notify);
	mu_arena_free(n->arena);
	free(n);
	closed(closed_ctx);
}

static void sending_free(struct sending *sd)
{
	struct notifier *n = sd->notifier;

	mu_list_remove(&sd->link);
	send_deinit(&sd->send);
	free(sd);
	if (n->closing && mu_list_empty(&n->sendings))
		free_all(n);
}

static void compose(struct notifier *n, struct sending *sd, const struct message *m)
{
	if (sd->send.target.type == NOTIFY_MAIL)
		message_mail(&sd->send.text, &sd->send.target, m);
	else
		message_json(&sd->send.text, n->arena, m);
	mu_arena_reset(n->arena);
}

static struct sending *sending_new(struct notifier *n, const struct notify_target *t,
				   const struct mu_uuid *delivery, void (*done)(struct send *s))
{
	struct sending *sd = mu_xcalloc(1, sizeof *sd);

	sd->notifier = n;
	sd->send.target = *t;
	sd->send.delivery = *delivery;
	sd->send.done = done;
	mu_list_push_back(&n->sendings, &sd->link);
	return sd;
}

static void on_sent(struct send *s)
{
	struct sending *sd = MU_CONTAINER_OF(s, struct sending, send);
	struct notifier *n = sd->notifier;
	bool kept =
	    notify_result(n->notify, &s->target.id, s->outcome, mu_loop_now(n->options.loop));

	if (s->outcome != NOTIFY_SENT && !n->closing)
		mu_log_warning("notice of an alarm %s target=\"%s\" err=\"%s\"",
			       kept ? "waits" : "is given up", s->target.name, s->err.text);
	if (!n->closing)
		go_on(n);
	sending_free(sd);
}

static void start(struct notifier *n, const struct notify_target *t,
		  const struct notify_notice *notice)
{
	struct sending *sd = sending_new(n, t, &notice->delivery, on_sent);
	const struct message m = {
	    .event = notify_what_name(notice->what),
	    .delivery = notice->delivery,
	    .at = notice->wall,
	    .n_dropped = notice->n_dropped,
	    .alarm = n->options.alarm_value(n->options.ctx, n->arena, &notice->alarm),
	};

	compose(n, sd, &m);
	send_start(&sd->send, n->options.loop);
}

static void go_on(void *ctx)
{
	struct notifier *n = ctx;
	mu_msec now = mu_loop_now(n->options.loop);
	struct notify_notice notice;
	struct mu_uuid target;
	mu_msec wait;

	while (notify_next(n->notify, now, &target, &notice))
		start(n, notify_target_find(n->notify, &target), &notice);
	wait = notify_wait(n->notify, now);
	if (wait >= 0)
		mu_timer_set(n->timer, wait);
}

bool notifier_restore(struct notifier *n, const struct notify_kept *kept)
{
	return notify_restore(n->notify, kept, mu_loop_now(n->options.loop), mu_clock_wall());
}

void notifier_start(struct notifier *n)
{
	go_on(n);
}

void notifier_put(struct notifier *n, const struct alarms_change *c)
{
	const struct mu_uuid delivery = mu_random_uuid();

	if (n->closing)
		return;
	notify_put(n->notify, c, &delivery, mu_loop_now(n->options.loop), mu_clock_wall());
	go_on(n);
}

/* --- tests --- */

static void test_end(struct sending *sd, const struct mu_error *err)
{
	sd->tested(sd->arg, err);
	sending_free(sd);
}

static void on_tested(struct send *s)
{
	struct sending *sd = MU_CONTAINER_OF(s, struct sending, send);

	sd->notifier->n_tests--;
	test_end(sd, s->outcome == NOTIFY_SENT ? NULL : &s->err);
}

static void test_refused(void *ctx)
{
	struct sending *sd = ctx;

	test_end(sd, &sd->err);
}

void notifier_test(struct notifier *n, const struct notify_target *t,
		   void (*done)(void *arg, const struct mu_error *err), void *arg)
{
	const struct message m = {
	    .event = "test", .delivery = mu_random_uuid(), .at = mu_clock_wall()};
	struct sending *sd = sending_new(n, t, &m.delivery, on_tested);

	sd->tested = done;
	sd->arg = arg;
	if (n->n_tests == TESTS_MAX || n->closing) {
		mu_error_set(&sd->err, MU_E_UNAVAILABLE,
			     "%d targets are being tested; hint: ask again in a moment", TESTS_MAX);
		mu_loop_post(n->options.loop, test_refused, sd);
		return;
	}
	n->n_tests++;
	compose(n, sd, &m);
	send_start(&sd->send, n->options.loop);
}

/* --- the end --- */

void notifier_close(struct notifier *n, mu_loop_cb done, void *ctx)
{
	mu_assert(!n->closing);
	n->closing = true;
	n->closed = done;
	n->closed_ctx = ctx;
	mu_timer_cancel(n->timer);
	mu_list_each(it, &n->sendings)
	    send_cancel(&MU_CONTAINER_OF(it, struct sending, link)->send);
	if (mu_list_empty(&n->sendings))
		mu_loop_post(n->options.loop, free_all, n);
}
