/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/console/viewer.h"

#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/log/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A viewer costs its share of a pipe's queues, a serial console its ring. */
enum { VIEWERS_MAX = 256 };

static const char *const kind_names[_HV_CONSOLE_KIND_COUNT] = {
    [HV_CONSOLE_SERIAL] = "serial",
    [HV_CONSOLE_VNC] = "vnc",
};

struct console_hub *console_hub_new(struct mu_loop *loop, const struct console_hub_options *options)
{
	struct console_hub *hub = mu_xcalloc(1, sizeof *hub);

	hub->loop = loop;
	hub->options = *options;
	mu_link_init(&hub->serials);
	mu_link_init(&hub->screens);
	return hub;
}

struct console_hub *console_hub_free(struct console_hub *hub)
{
	struct mu_error why = MU_ERROR_INIT;

	if (!hub)
		return NULL;
	(void)mu_error_set(&why, MU_E_UNAVAILABLE, "the host's agent is stopping");
	serial_close_all(hub, &why);
	vnc_close_all(hub, &why);
	mu_assert(hub->n_viewers == 0);
	free(hub);
	return NULL;
}

int console_hub_open(struct console_hub *hub, const struct console_request *rq, struct mu_pipe near,
		     struct mu_pipe *ret_far, struct mu_error *err)
{
	if (hub->n_viewers >= VIEWERS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED,
				    "%d consoles of this host are open, the most; hint: close one",
				    VIEWERS_MAX);
	if (rq->kind == HV_CONSOLE_VNC)
		return vnc_open(hub, rq, near, ret_far, err);
	return serial_open(hub, rq, near, ret_far, err);
}

void console_hub_vm_changed(struct console_hub *hub, const struct vm_id *vm)
{
	serial_vm_changed(hub, vm); /* VNC hears it from QEMU */
}

void console_hub_vm_gone(struct console_hub *hub, const struct vm_id *vm)
{
	serial_vm_gone(hub, vm);
}

/* Viewers */

void viewer_init(struct viewer *v, struct console_hub *hub, const struct console_request *rq,
		 struct mu_pipe near)
{
	char uuid[MU_UUID_TEXT];

	v->hub = hub;
	v->vm = rq->vm;
	v->kind = rq->kind;
	v->wants_write = rq->write;
	mu_utf8_sanitize(v->user, sizeof v->user - 1, rq->user, strlen(rq->user));
	mu_utf8_sanitize(v->from, sizeof v->from - 1, rq->from, strlen(rq->from));
	v->near = near;
	v->opened_at = mu_loop_now(hub->loop);
	hub->n_viewers++;
	mu_log_info("console opened vm=%s kind=%s mode=%s user=\"%s\" from=\"%s\"",
		    mu_uuid_format(&v->vm.uuid, uuid), kind_names[v->kind],
		    v->wants_write ? "write" : "read", v->user, v->from);
}

void viewer_deinit(struct viewer *v)
{
	char uuid[MU_UUID_TEXT];

	v->hub->n_viewers--;
	mu_log_info("console closed vm=%s kind=%s user=\"%s\" from=\"%s\" shown_bytes=%" PRIu64
		    " typed_bytes=%" PRIu64 " seconds=%" PRId64,
		    mu_uuid_format(&v->vm.uuid, uuid), kind_names[v->kind], v->user, v->from,
		    v->n_shown, v->n_typed, (mu_loop_now(v->hub->loop) - v->opened_at) / 1000);
}

void viewer_log_taken(const struct viewer *from, const struct viewer *by)
{
	char uuid[MU_UUID_TEXT];

	mu_log_info("console taken over vm=%s kind=%s user=\"%s\" from=\"%s\" was=\"%s\"",
		    mu_uuid_format(&by->vm.uuid, uuid), kind_names[by->kind], by->user, by->from,
		    from->user);
}

int viewer_send(struct viewer *v, const void *data, size_t len)
{
	int r = mu_pipe_send(&v->near, data, len);

	if (r == 0)
		v->n_shown += len;
	return r;
}
