/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUT and DELETE /hosts/{id}/tags/{tag}, and of networks, pools and controllers, which have their
 * tags with whoever serves this. Those of VMs, disks and repositories are calls to their hosts
 * (calls_table.c).
 */
#include "common/rest/fields.h"

#include <stdlib.h>

struct mu_value *rest_kept_tags(struct rest_render *r, const struct mu_uuid *id)
{
	const struct rest_backend *b = &r->rest->backend;
	struct mu_value *v = mu_value_list(r->arena);
	char *const *tags = NULL;
	size_t n = b->tags_of ? b->tags_of(b->ctx, id, &tags) : 0;

	for (size_t i = 0; i < n; i++)
		mu_value_push(v, mu_value_string(r->arena, tags[i]));
	return v;
}

struct waiting {
	struct http_request *request; /* NULL: the peer left */
};

static void on_gone(void *ctx)
{
	struct waiting *w = ctx;

	w->request = NULL;
}

static void on_done(void *arg, const struct mu_error *err)
{
	struct waiting *w = arg;
	struct http_request *r = w->request;

	free(w);
	if (r)
		http_request_finish(r, err ? http_reply_error(r, err, NULL)
					   : http_reply_empty(r, 204));
}

static struct http_reply *tag(struct rest_call *c, enum rest_tagged kind, const struct mu_uuid *id)
{
	const struct rest_backend *b = &c->rest->backend;
	const struct rest_tagging what = {kind, *id, c->name, c->request->method == HTTP_PUT};
	struct http_reply *reply;
	struct waiting *w;

	if (!b->tag)
		return rest_unsupported(c, "to keep tags of these");
	w = mu_xcalloc(1, sizeof *w);
	w->request = c->request;
	reply = http_reply_pending(c->request, on_gone, w);
	b->tag(b->ctx, &what, &c->user, c->request->peer.address, on_done, w);
	return reply;
}

struct http_reply *rest_tag_host(struct rest_call *c)
{
	const struct rest_backend *b = &c->rest->backend;
	struct host_id id;

	if (!mu_uuid_parse(c->id, &id.uuid) || !b->host_find(b->ctx, &id))
		return rest_not_found(c, "host", c->id);
	return tag(c, REST_TAGGED_HOST, &id.uuid);
}

struct http_reply *rest_tag_network(struct rest_call *c)
{
	const struct model_object *o;
	struct http_reply *refusal = rest_object_need(c, OBJECT_NETWORK, c->id, &o);

	return refusal ? refusal : tag(c, REST_TAGGED_NETWORK, &o->id);
}

struct http_reply *rest_tag_pool(struct rest_call *c)
{
	struct mu_uuid id;

	if (!rest_pool_is_ours(c) || !mu_uuid_parse(c->id, &id))
		return rest_not_found(c, "pool", c->id);
	return tag(c, REST_TAGGED_POOL, &id);
}

struct http_reply *rest_tag_controller(struct rest_call *c)
{
	const struct model_object *o;
	struct http_reply *refusal = rest_object_need(c, OBJECT_CONTROLLER, c->id, &o);

	return refusal ? refusal : tag(c, REST_TAGGED_CONTROLLER, &o->id);
}
