/* SPDX-License-Identifier: Apache-2.0 */
/* Servers: in Xen Orchestra the connection to a pool, here that of an enrolled host. */
#include "common/rest/fields.h"

static const struct model_host *host_of(const void *object)
{
	return ((const struct rest_server *)object)->host;
}

static struct mu_value *server_host(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host_of(object)->address);
}

static struct mu_value *server_label(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host_of(object)->name);
}

/* A host that is away comes back by itself. */
static struct mu_value *server_status(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, host_of(object)->connected ? "connected" : "disconnected");
}

static struct mu_value *server_pool_name(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, r->pool.name);
}

static struct mu_value *server_pool_description(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, r->pool.description);
}

static struct mu_value *server_master(struct rest_render *r, const void *object)
{
	return rest_uuid(r->arena, &host_of(object)->id.uuid);
}

static const struct rest_field fields[] = {
    {"id", rest_own_id},
    {"host", server_host},
    {"label", server_label},
    {"username", rest_empty_string}, /* a host shows a certificate */
    {"allowUnauthorized", rest_false},
    {"readOnly", rest_false},
    {"enabled", rest_true},
    {"status", server_status},
    {"poolId", rest_pool_id},
    {"poolNameLabel", server_pool_name},
    {"poolNameDescription", server_pool_description},
    {"master", server_master},
};

static const struct mu_uuid *server_id(const void *object)
{
	return &((const struct rest_server *)object)->id;
}

enum { SERVER_MARK = 's' };

static struct rest_server server_of(const struct model_host *h)
{
	return (struct rest_server){.id = mu_uuid_twin(&h->id.uuid, SERVER_MARK), .host = h};
}

struct walk {
	bool (*each)(const void *object, void *arg);
	void *arg;
};

static bool walk_host(const struct model_host *h, void *arg)
{
	const struct rest_server s = server_of(h);
	const struct walk *w = arg;

	return w->each(&s, w->arg);
}

static void each_server(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
			void *arg)
{
	struct walk w = {each, arg};

	b->each_host(b->ctx, walk_host, &w);
}

static void find_server(struct rest *rest, const struct mu_uuid *id,
			void (*found)(const void *object, void *arg), void *arg)
{
	const struct rest_backend *b = &rest->backend;
	const struct host_id host = {mu_uuid_twin(id, SERVER_MARK)};
	const struct model_host *h = b->host_find(b->ctx, &host);
	const struct rest_server s = {.id = *id, .host = h};

	if (h)
		found(&s, arg);
}

const struct rest_type rest_type_server = {
    .name = "server",
    .collection = "servers",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = server_id,
    .each = each_server,
    .find = find_server,
};
