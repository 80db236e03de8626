/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/network on the command line, for tests in a network namespace and in dom0.
 *
 *	network_probe RECORDS			what there is, a line of JSON each, then "ready"
 *	network_probe --watch RECORDS		and what changes, until a signal
 *
 * With --watch, lines on standard input are operations, answered in order of their end:
 *
 *	create {"name":"lan","pif":"eth1","vlan":7}
 *	delete {"bridge":"lan","inUse":["xenbr0"]}
 *	cancel
 *	management 10.0.0.5
 */
#include "agent/network/network.h"
#include "common/json/json.h"
#include "common/loop/loop.h"
#include "common/os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum { LINE_MAX_BYTES = 4096, IN_USE_MAX = 8 };

struct probe {
	struct mu_loop *loop;
	struct network *network;
	bool watch;
	uv_poll_t input;
	char line[LINE_MAX_BYTES + 1];
	size_t len;
	struct network_op *last;
	struct mu_timer *first;
};

struct asked {
	struct network_op op;
	struct probe *probe;
	struct mu_arena *arena;
	const char *in_use[IN_USE_MAX];
};

static void print(const struct mu_value *v)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_json_write(&text, v, false);
	(void)printf("%s\n", text.data);
	(void)fflush(stdout);
}

static void set_id(struct mu_arena *a, struct mu_value *v, const struct mu_uuid *id)
{
	char text[MU_UUID_TEXT];

	mu_value_set_string(a, v, "id", mu_uuid_format(id, text));
}

static void add_pif(struct mu_arena *a, struct mu_value *v, const struct model_pif *p)
{
	const struct {
		const char *name;
		const char *value;
	} texts[] = {{"device", p->device},   {"bridge", p->bridge}, {"mac", p->mac},
		     {"on", p->vlan_device},  {"mode", p->mode},     {"ip", p->ip},
		     {"netmask", p->netmask}, {"dns", p->dns},       {"gateway", p->gateway},
		     {"ipv6", p->ipv6},       {"bond", p->bond}};

	for (size_t i = 0; i < MU_ARRAY_SIZE(texts); i++)
		mu_value_set_string(a, v, texts[i].name, texts[i].value);
	mu_value_set_int(a, v, "mtu", p->mtu);
	mu_value_set_int(a, v, "vlan", p->vlan);
	mu_value_set_int(a, v, "speed", p->speed_mbps);
	mu_value_set_bool(a, v, "attached", p->attached);
	mu_value_set_bool(a, v, "carrier", p->carrier);
	mu_value_set_bool(a, v, "physical", p->physical);
	mu_value_set_bool(a, v, "management", p->management);
	mu_value_set_bool(a, v, "bondMaster", p->bond_master);
}

static void on_changed(void *ctx, const struct model_object *o)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v = mu_value_object(a);

	(void)ctx;
	mu_value_set_string(a, v, "event", "changed");
	mu_value_set_string(a, v, "kind", object_kind_name(o->kind));
	set_id(a, v, &o->id);
	mu_value_set_string(a, v, "name", o->name);
	if (o->kind == OBJECT_NETWORK) {
		mu_value_set_string(a, v, "description", o->description);
		mu_value_set_string(a, v, "bridge", o->network.bridge);
		mu_value_set_int(a, v, "mtu", o->network.mtu);
		mu_value_set_bool(a, v, "managed", o->network.managed);
	} else {
		add_pif(a, v, &o->pif);
	}
	print(v);
}

static void on_removed(void *ctx, const struct mu_uuid *id)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v = mu_value_object(a);

	(void)ctx;
	mu_value_set_string(a, v, "event", "removed");
	set_id(a, v, id);
	print(v);
}

static void on_done(struct network_op *op)
{
	struct asked *asked = MU_CONTAINER_OF(op, struct asked, op);
	struct mu_value *v = mu_value_object(asked->arena);
	const struct model_object *o = network_find(asked->probe->network, &op->id);
	char bridge[MODEL_DEVICE_MAX + 1] = "";

	(void)network_find_bridge(asked->probe->network, &op->id, bridge);
	mu_value_set_string(asked->arena, v, "event", "done");
	set_id(asked->arena, v, &op->id);
	mu_value_set_string(asked->arena, v, "bridge", bridge);
	mu_value_set_string(asked->arena, v, "name", o ? o->name : "");
	mu_value_set_string(asked->arena, v, "system", net_system_name(op->system));
	mu_value_set_string(asked->arena, v, "code", mu_error_name(op->err.code));
	mu_value_set_string(asked->arena, v, "text", op->err.text);
	print(v);
	if (asked->probe->last == op)
		asked->probe->last = NULL;
	(void)mu_arena_free(asked->arena);
	free(asked);
}

static int64_t number(const struct mu_value *v, const char *name)
{
	const struct mu_value *m = mu_value_get(v, name);

	return m && m->kind == MU_VALUE_INT ? m->integer : 0;
}

static void ask(struct probe *p, const char *text,
		void (*start)(struct network *n, struct network_op *op))
{
	struct asked *asked = mu_xcalloc(1, sizeof *asked);
	struct network_op *op = &asked->op;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	asked->arena = mu_arena_new();
	asked->probe = p;
	if (mu_json_read(asked->arena, text, strlen(text), &v, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(2);
	}
	op->name = mu_value_as_string(mu_value_get(v, "name"));
	op->description = mu_value_as_string(mu_value_get(v, "description"));
	op->bridge = mu_value_as_string(mu_value_get(v, "bridge"));
	op->pif = mu_value_as_string(mu_value_get(v, "pif"));
	op->vlan = number(v, "vlan");
	op->mtu = number(v, "mtu");
	op->in_use = asked->in_use;
	for (const struct mu_value *u = mu_value_get(v, "inUse") ? mu_value_get(v, "inUse")->first
								 : NULL;
	     u && op->n_in_use < IN_USE_MAX; u = u->next)
		asked->in_use[op->n_in_use++] = u->string;
	op->done = on_done;
	p->last = op;
	start(p->network, op);
}

static void on_line(struct probe *p, const char *line)
{
	if (mu_str_has_prefix(line, "create "))
		ask(p, line + strlen("create "), network_create_start);
	else if (mu_str_has_prefix(line, "delete "))
		ask(p, line + strlen("delete "), network_delete_start);
	else if (mu_str_has_prefix(line, "management "))
		network_set_management(p->network, line + strlen("management "));
	else if (!strcmp(line, "cancel") && p->last)
		network_cancel(p->last);
}

static void on_stopped(void *ctx)
{
	struct probe *p = ctx;

	p->network = NULL;
	mu_loop_stop(p->loop);
}

static void stop(void *ctx)
{
	struct probe *p = ctx;

	if (uv_is_active((uv_handle_t *)&p->input))
		(void)uv_poll_stop(&p->input);
	network_stop(p->network, on_stopped, p);
}

static void on_input(uv_poll_t *uv, int status, int events)
{
	struct probe *p = uv->data;
	ssize_t n = read(STDIN_FILENO, p->line + p->len, LINE_MAX_BYTES - p->len);
	char *end;

	(void)status, (void)events;
	if (n <= 0) {
		stop(p);
		return;
	}
	p->len += (size_t)n;
	p->line[p->len] = '\0';
	while ((end = strchr(p->line, '\n'))) {
		*end = '\0';
		on_line(p, p->line);
		p->len -= (size_t)(end + 1 - p->line);
		memmove(p->line, end + 1, p->len + 1);
	}
}

/* The first reading has been told when an operation that is refused is answered. */
static void on_ready(struct network_op *op)
{
	struct asked *asked = MU_CONTAINER_OF(op, struct asked, op);
	struct probe *p = asked->probe;

	(void)printf("{\"event\": \"ready\"}\n");
	(void)fflush(stdout);
	(void)mu_arena_free(asked->arena);
	free(asked);
	if (!p->watch)
		stop(p);
	else
		(void)uv_poll_start(&p->input, UV_READABLE, on_input);
}

static void wait_ready(struct probe *p)
{
	struct asked *asked = mu_xcalloc(1, sizeof *asked);

	asked->arena = mu_arena_new();
	asked->probe = p;
	asked->op.done = on_ready;
	network_create_start(p->network, &asked->op);
}

int main(int argc, char **argv)
{
	struct probe p = {.watch = argc == 3 && !strcmp(argv[1], "--watch")};
	struct network_settings settings = {.listener = {on_changed, on_removed, &p}};
	struct mu_signals *signals;
	struct mu_error err = MU_ERROR_INIT;

	if (argc != 2 + p.watch)
		return 2;
	(void)mu_uuid_parse("00000000-0000-4000-8000-000000000001", &settings.host.uuid);
	p.loop = settings.loop = mu_loop_new();
	settings.records = argv[argc - 1];
	p.network = network_new(&settings, &err);
	if (!p.network) {
		(void)fprintf(stderr, "%s\n", err.text);
		(void)mu_loop_free(p.loop);
		return 1;
	}
	signals = mu_signals_new(p.loop, stop, NULL, &p);
	(void)uv_poll_init(mu_loop_uv(p.loop), &p.input, STDIN_FILENO);
	p.input.data = &p;
	wait_ready(&p);
	mu_loop_run(p.loop);
	(void)mu_signals_free(signals);
	uv_close((uv_handle_t *)&p.input, NULL);
	(void)mu_loop_free(p.loop);
	return 0;
}
