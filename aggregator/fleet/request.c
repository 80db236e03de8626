/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that are no tasks: storing definitions. Each waits for its result on the present stream.
 * When that breaks, whether it was done is not known here and the asker is told so; it can be asked
 * again without harm.
 */
#include "aggregator/fleet/fleet_priv.h"
#include "common/os/random.h"

#include <stdlib.h>

struct request {
	struct mu_link link;
	struct mu_loop *loop;
	struct host_id host;
	struct mu_uuid id;
	fleet_defined done;
	void *arg;
	struct vm_id vm;
	struct mu_error err; /* MU_E_NONE: done */
};

static void answer(void *ctx)
{
	struct request *req = ctx;

	req->done(req->arg, req->err.code == MU_E_NONE ? &req->vm : NULL,
		  req->err.code == MU_E_NONE ? NULL : &req->err);
	free(req);
}

/* The answer comes from the loop, never inside the call. */
static void finish(struct request *req)
{
	mu_list_remove(&req->link);
	mu_loop_post(req->loop, answer, req);
}

static void send_request(struct fleet *f, const struct host_id *id, Muster__V1__Command *command,
			 fleet_defined done, void *arg)
{
	struct fleet_host *host = fleet_host_find(f, id);
	struct request *req = mu_xcalloc(1, sizeof *req);
	Muster__V1__AggregatorMessage m = MUSTER__V1__AGGREGATOR_MESSAGE__INIT;

	req->loop = f->loop;
	req->host = *id;
	req->id = mu_random_uuid();
	req->done = done;
	req->arg = arg;
	mu_list_push_back(&f->requests, &req->link);
	command->id = wire_uuid_encode(f->arena, &req->id);
	m.kind_case = MUSTER__V1__AGGREGATOR_MESSAGE__KIND_COMMAND;
	m.command = command;
	if (!host || !host->link) {
		mu_error_set(&req->err, MU_E_UNAVAILABLE,
			     "the host's agent is not connected; hint: try again when it is back");
		finish(req);
	} else if (link_send(host->link, &m) == RPC_FULL) {
		mu_error_set(&req->err, MU_E_UNAVAILABLE,
			     "the host's agent does not keep up; hint: try again later");
		finish(req);
	}
}

void fleet_define(struct fleet *f, const struct host_id *id, const char *definition,
		  fleet_defined done, void *arg)
{
	MU_CLEANUP(mu_free) char *text = mu_xstrdup(definition);
	Muster__V1__VmDefine define = MUSTER__V1__VM_DEFINE__INIT;
	Muster__V1__Command command = MUSTER__V1__COMMAND__INIT;

	define.definition = text;
	command.kind_case = MUSTER__V1__COMMAND__KIND_VM_DEFINE;
	command.vm_define = &define;
	send_request(f, id, &command, done, arg);
}

bool request_result(struct fleet *f, const struct host_id *id, const struct fleet_result *r,
		    const struct vm_id *vm)
{
	mu_list_each(it, &f->requests)
	{
		struct request *req = MU_CONTAINER_OF(it, struct request, link);

		if (!mu_uuid_equal(&req->id, &r->id) || !mu_uuid_equal(&req->host.uuid, &id->uuid))
			continue;
		req->vm = *vm;
		if (r->status != TASK_SUCCESS)
			req->err = r->err;
		finish(req);
		return true;
	}
	return false;
}

void request_host_away(struct fleet *f, const struct host_id *id)
{
	mu_list_each(it, &f->requests)
	{
		struct request *req = MU_CONTAINER_OF(it, struct request, link);

		if (!mu_uuid_equal(&req->host.uuid, &id->uuid))
			continue;
		mu_error_set(&req->err, MU_E_UNAVAILABLE,
			     "the connection to the host broke before it answered; hint: look "
			     "whether it was done, or ask again");
		finish(req);
	}
}
