/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renewal when two thirds of the certificate's life are over: a new key and a request for it over
 * the stream that the old certificate opened; the answer is saved and used for the next stream.
 * Keys and files are made on a work thread.
 */
#include "agent/link/link_priv.h"

#include "common/log/log.h"
#include "common/os/clock.h"

#include <stdlib.h>

#define RETRY MU_SEC(600)
#define LOOK_AGAIN MU_SEC(3600)

static void on_timer(void *ctx);
static void run(struct mu_work *work);
static void done(struct mu_work *work);

void renew_init(struct link *link)
{
	link->renewal.timer = mu_timer_new(link->loop, on_timer, link);
	link->renewal.work.run = run;
	link->renewal.work.done = done;
}

static void forget(struct renewal *r)
{
	free(r->key);
	free(r->csr);
	free(r->cert);
	r->key = r->csr = r->cert = NULL;
	r->asked = false;
}

void renew_deinit(struct link *link)
{
	link->renewal.timer = mu_timer_free(link->renewal.timer);
	forget(&link->renewal);
}

static mu_msec due_at(const struct tls_cert_info *info)
{
	return info->not_before + (info->not_after - info->not_before) / 3 * 2;
}

void renew_begin(struct link *link)
{
	on_timer(link);
}

void renew_end(struct link *link)
{
	mu_timer_cancel(link->renewal.timer);
	if (!link->renewal.working)
		forget(&link->renewal);
}

static void on_timer(void *ctx)
{
	struct link *link = ctx;
	mu_msec left = due_at(&link->id.info) - mu_clock_wall();

	/* The wall clock may jump: look again now and then, however far away it seems. */
	mu_timer_set(link->renewal.timer, left > 0 && left < LOOK_AGAIN ? left : LOOK_AGAIN);
	if (left > 0 || link->renewal.working)
		return;
	mu_timer_set(link->renewal.timer, RETRY);
	forget(&link->renewal);
	link->renewal.info = link->id.info;
	link->renewal.working = true;
	mu_work_start(&link->renewal.work, link->loop);
}

/* On a work thread */
static void run(struct mu_work *work)
{
	struct renewal *r = MU_CONTAINER_OF(work, struct renewal, work);
	struct link *link = MU_CONTAINER_OF(r, struct link, renewal);

	mu_error_clear(&r->err);
	if (r->cert) {
		if (tls_cert_read(r->cert, &r->info, &r->err) == 0 &&
		    tls_key_matches(r->cert, r->key, &r->err) == 0)
			(void)identity_save_cert(link->options.tls_dir, r->key, r->cert, &r->err);
	} else if (tls_key_new(&r->key, &r->err) == 0) {
		(void)tls_request_new(r->key, r->info.common_name, &r->csr, &r->err);
	}
}

static void saved(struct link *link)
{
	mu_log_info("certificate renewed");
	forget(&link->renewal);
	/* The next renewal counts from here; an attempt that is loading reads the files anew. */
	if (!link->loading)
		link->id.info = link->renewal.info;
	if (link->state == LINK_LIVE)
		on_timer(link);
}

static void done(struct mu_work *work)
{
	struct renewal *r = MU_CONTAINER_OF(work, struct renewal, work);
	struct link *link = MU_CONTAINER_OF(r, struct link, renewal);

	r->working = false;
	if (r->err.code != MU_E_NONE) {
		mu_log_error("certificate not renewed err=\"%s\"", r->err.text);
		forget(r);
	} else if (r->cert) {
		saved(link);
	} else if (link->state == LINK_LIVE && link->stream) {
		mu_arena_reset(link->arena);
		r->asked = pump_send(link, message_certificate_request(link->arena, r->csr));
	} else {
		forget(r); /* the stream is gone; again on the next one */
	}
	link_check_stopped(link);
}

void renew_answer(struct link *link, const Muster__V1__Certificate *c)
{
	struct renewal *r = &link->renewal;

	if (!r->asked || r->working) {
		mu_log_debug("certificate that was not asked for, ignored");
		return;
	}
	if (!c->certificate || !*c->certificate) {
		mu_log_error("certificate renewal refused err=\"%s\"",
			     c->error_text ? c->error_text : "");
		forget(r);
		return;
	}
	r->asked = false;
	r->cert = mu_xstrdup(c->certificate);
	r->working = true;
	mu_work_start(&r->work, link->loop);
}
