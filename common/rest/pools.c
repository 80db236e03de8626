/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: on plain libxl a group of hosts that the aggregator keeps, so there is no real master;
 * the first connected host is named as one for the clients that want it. */
#include "common/rest/fields.h"
#include "common/rest/render.h"

static const struct rest_pool *pool(const void *object)
{
	return object;
}

static struct mu_value *pool_type(struct rest_render *r, const void *object)
{
	(void)object;
	return mu_value_string(r->arena, "pool");
}

static struct mu_value *pool_ref(struct rest_render *r, const void *object)
{
	return rest_ref(r, &pool(object)->id);
}

static struct mu_value *pool_name(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pool(object)->name);
}

static struct mu_value *pool_description(struct rest_render *r, const void *object)
{
	return mu_value_string(r->arena, pool(object)->description);
}

struct sums {
	const struct model_host *master;
	int64_t cores;
	int64_t sockets;
};

static bool add_host(const struct model_host *h, void *arg)
{
	struct sums *s = arg;

	if (!s->master || (h->connected && !s->master->connected))
		s->master = h;
	s->cores += h->cpus;
	s->sockets += h->sockets;
	return true;
}

static struct sums sum_hosts(struct rest_render *r)
{
	const struct rest_backend *b = &r->rest->backend;
	struct sums s = {0};

	b->each_host(b->ctx, add_host, &s);
	return s;
}

static struct mu_value *pool_master(struct rest_render *r, const void *object)
{
	struct sums s = sum_hosts(r);

	(void)object;
	return s.master ? rest_uuid(r->arena, &s.master->id.uuid) : NULL;
}

static struct mu_value *pool_version(struct rest_render *r, const void *object)
{
	struct sums s = sum_hosts(r);

	(void)object;
	return mu_value_string(r->arena, s.master ? s.master->xen_version : "");
}

static struct mu_value *pool_cpus(struct rest_render *r, const void *object)
{
	struct sums s = sum_hosts(r);
	struct mu_value *v = mu_value_object(r->arena);

	(void)object;
	mu_value_set_int(r->arena, v, "cores", s.cores);
	mu_value_set_int(r->arena, v, "sockets", s.sockets);
	return v;
}

static struct mu_value *pool_tags(struct rest_render *r, const void *object)
{
	return rest_kept_tags(r, &pool(object)->id);
}

static struct mu_value *pool_trouble(struct rest_render *r, const void *object)
{
	const char *trouble = pool(object)->trouble;

	return trouble ? mu_value_string(r->arena, trouble) : NULL;
}

static const struct rest_field fields[] = {
    {"id", rest_pool_id},
    {"uuid", rest_pool_id},
    {"type", pool_type},
    {"$pool", rest_pool_id},
    {"$poolId", rest_pool_id},
    {"_xapiRef", pool_ref},
    {"name_label", pool_name},
    {"name_description", pool_description},
    {"master", pool_master},
    {"HA_enabled", rest_false},
    {"haSrs", rest_empty_list},
    {"haRebootVmOnInternalShutdown", rest_false},
    {"auto_poweron", rest_true},
    {"cpus", pool_cpus},
    {"vtpmSupported", rest_false},
    {"zstdSupported", rest_false},
    {"platform_version", pool_version},
    {"otherConfig", rest_empty_object},
    {"current_operations", rest_empty_object},
    {"tags", pool_tags},
    /* Ours */
    {"trouble", pool_trouble},
};

static const struct mu_uuid *pool_uuid(const void *object)
{
	return &pool(object)->id;
}

static void walk(const struct rest_backend *b, bool (*each)(const void *object, void *arg),
		 void *arg)
{
	struct rest_pool p = {0};

	b->pool(b->ctx, &p);
	(void)each(&p, arg);
}

static void find_pool(struct rest *rest, const struct mu_uuid *id,
		      void (*found)(const void *object, void *arg), void *arg)
{
	struct rest_pool p = {0};

	rest->backend.pool(rest->backend.ctx, &p);
	if (mu_uuid_equal(id, &p.id))
		found(&p, arg);
}

const struct rest_type rest_type_pool = {
    .name = "pool",
    .collection = "pools",
    .fields = fields,
    .n_fields = MU_ARRAY_SIZE(fields),
    .id = pool_uuid,
    .each = walk,
    .find = find_pool,
};

struct http_reply *rest_get_pools(struct rest_call *c)
{
	return rest_list(c, &rest_type_pool, NULL, NULL);
}

static bool is_pool(const struct rest_call *c, struct rest_pool *ret)
{
	struct mu_uuid id;

	*ret = (struct rest_pool){0};
	c->rest->backend.pool(c->rest->backend.ctx, ret);
	return mu_uuid_parse(c->id, &id) && mu_uuid_equal(&id, &ret->id);
}

bool rest_pool_is_ours(const struct rest_call *c)
{
	struct rest_pool p;

	return is_pool(c, &p);
}

struct http_reply *rest_get_pool(struct rest_call *c)
{
	struct rest_pool p;

	if (!is_pool(c, &p))
		return rest_not_found(c, "pool", c->id);
	return rest_single(c, &rest_type_pool, &p);
}
