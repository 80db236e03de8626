/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In: what a host is, a line each, then what is asked. Out: what comes of it.
 *
 *	link INDEX NAME KIND [up] [carrier] [master=N] [on=N] [vlan=N] [mtu=N] [speed=N] [mac=M]
 *	addr INDEX ADDRESS/PREFIX [expires] [local]
 *	route INDEX GATEWAY|- [dhcp] [v6] [metric=N]
 *	config DEVICE SYSTEM [static|dhcp|none] [FILE]
 *	active SYSTEM | includes | bridges | management ADDRESS
 *	interfaces TEXT | networkd DEVICE TEXT | network DEVICE TEXT | nm DEVICE TEXT | resolv TEXT
 *							(TEXT: "|" for a new line)
 *	record JSON
 *	show					networks, PIFs and configurations
 *	forget					all facts
 *	create JSON				the record and the plan
 *	made BRIDGE				is it there; what would be left
 *	delete BRIDGE [IN-USE...]
 */
#include "agent/network/core/net_check.h"
#include "agent/network/core/net_interfaces.h"
#include "agent/network/core/net_plan.h"
#include "agent/network/core/net_view.h"
#include "common/base/assert.h"
#include "common/json/json.h"
#include "tests/golden/agent/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS_MAX = 8, IN_USE_MAX = 4 };

struct script {
	struct net_facts facts;
	struct net_record records[RECORDS_MAX];
	size_t n_records;
	struct host_id host;
	char management[MODEL_ADDR_MAX + 1];
	struct net_view view;
	struct mu_arena *arena;
	struct mu_str *out;
};

static struct mu_value *json(struct script *s, const char *text)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	mu_assert(mu_json_read(s->arena, text, strlen(text), &v, &err) == 0);
	return v;
}

static void say_error(struct script *s, const struct mu_error *err)
{
	mu_str_printf(s->out, "%s %s\n", mu_error_name(err->code), err->text);
}

static enum net_kind kind_of(const char *name)
{
	for (size_t i = 0; i < _NET_KIND_COUNT; i++) {
		if (!strcmp(name, net_kind_name((enum net_kind)i)))
			return (enum net_kind)i;
	}
	mu_assert_unreachable();
}

static enum net_system system_of(const char *name)
{
	enum net_system system;

	mu_assert(net_system_parse(name, &system));
	return system;
}

static bool number(const char *word, const char *key, int32_t *ret)
{
	if (!mu_str_has_prefix(word, key) || word[strlen(key)] != '=')
		return false;
	*ret = (int32_t)strtol(word + strlen(key) + 1, NULL, 10);
	return true;
}

static void add_link(struct script *s, char *line)
{
	struct net_link *l = net_facts_add_link(&s->facts);
	char *word;

	l->index = (int32_t)strtol(strsep(&line, " "), NULL, 10);
	(void)snprintf(l->name, sizeof l->name, "%s", strsep(&line, " "));
	l->kind = kind_of(strsep(&line, " "));
	l->mtu = 1500;
	while ((word = strsep(&line, " "))) {
		l->up |= !strcmp(word, "up");
		l->carrier |= !strcmp(word, "carrier");
		(void)(number(word, "master", &l->master) || number(word, "on", &l->lower) ||
		       number(word, "vlan", &l->vlan) || number(word, "mtu", &l->mtu) ||
		       number(word, "speed", &l->speed_mbps));
		if (mu_str_has_prefix(word, "mac="))
			(void)snprintf(l->mac, sizeof l->mac, "%s", word + 4);
	}
}

static void add_addr(struct script *s, char *line)
{
	struct net_addr *a = net_facts_add_addr(&s->facts);
	char *word;

	a->link = (int32_t)strtol(strsep(&line, " "), NULL, 10);
	a->global = true;
	word = strsep(&line, " ");
	(void)snprintf(a->text, sizeof a->text, "%s", strsep(&word, "/"));
	a->prefix = (uint8_t)strtol(word, NULL, 10);
	a->v6 = strchr(a->text, ':') != NULL;
	while ((word = strsep(&line, " "))) {
		a->expires |= !strcmp(word, "expires");
		a->global &= strcmp(word, "local") != 0;
	}
}

static void add_route(struct script *s, char *line)
{
	struct net_route *r = net_facts_add_route(&s->facts);
	char *word;

	r->link = (int32_t)strtol(strsep(&line, " "), NULL, 10);
	word = strsep(&line, " ");
	(void)snprintf(r->gateway, sizeof r->gateway, "%s", strcmp(word, "-") ? word : "");
	while ((word = strsep(&line, " "))) {
		r->dhcp |= !strcmp(word, "dhcp");
		r->v6 |= !strcmp(word, "v6");
		(void)number(word, "metric", (int32_t *)&r->metric);
	}
}

static void add_config(struct script *s, char *line)
{
	const char *device = strsep(&line, " ");
	struct net_config *c =
	    net_facts_add_config(&s->facts, device, system_of(strsep(&line, " ")));
	char *word;

	while ((word = strsep(&line, " "))) {
		if (!strcmp(word, "static"))
			c->mode = NET_MODE_STATIC;
		else if (!strcmp(word, "dhcp"))
			c->mode = NET_MODE_DHCP;
		else if (!strcmp(word, "none"))
			c->mode = NET_MODE_NONE;
		else
			(void)snprintf(c->file, sizeof c->file, "%s", word);
	}
}

static void on_source(void *ctx, const char *pattern, bool directory)
{
	struct script *s = ctx;

	mu_str_printf(s->out, "source %s%s\n", directory ? "directory " : "", pattern);
}

static void read_text(struct script *s, const char *what, char *line)
{
	const char *device =
	    strcmp(what, "interfaces") && strcmp(what, "resolv") ? strsep(&line, " ") : NULL;

	for (char *c = line; *c; c++)
		*c = *c == '|' ? '\n' : *c;
	if (!strcmp(what, "interfaces"))
		net_interfaces_read(&s->facts, line,
				    &(struct net_interfaces_listener){on_source, s});
	else if (!strcmp(what, "networkd"))
		net_networkd_read(&s->facts, device, line);
	else if (!strcmp(what, "network"))
		net_network_file_read(&s->facts, device, line);
	else if (!strcmp(what, "nm"))
		net_nm_read(&s->facts, device, line);
	else
		net_resolv_read(&s->facts, line);
}

/* ---- what is asked ---- */

static void say_pif(struct script *s, const struct model_object *o)
{
	const struct model_pif *p = &o->pif;

	mu_str_printf(s->out, "pif %s mtu=%d %s%s%s%s%s\n", p->device, p->mtu, p->mode,
		      p->attached ? " attached" : "", p->carrier ? " carrier" : "",
		      p->physical ? " physical" : "", p->management ? " management" : "");
	if (*p->mac || p->speed_mbps >= 0)
		mu_str_printf(s->out, "  mac %s speed %d\n", p->mac, p->speed_mbps);
	if (*p->bridge || *p->bond || p->bond_master)
		mu_str_printf(s->out, "  bridge \"%s\" bond \"%s\"%s\n", p->bridge, p->bond,
			      p->bond_master ? " master" : "");
	if (p->vlan >= 0)
		mu_str_printf(s->out, "  vlan %d on \"%s\"\n", p->vlan, p->vlan_device);
	if (*p->ip || *p->ipv6 || *p->gateway || *p->dns)
		mu_str_printf(s->out, "  ip %s/%s gateway \"%s\" dns \"%s\" ipv6 \"%s\"\n", p->ip,
			      p->netmask, p->gateway, p->dns, p->ipv6);
}

static void on_changed(void *ctx, const struct model_object *o)
{
	struct script *s = ctx;

	mu_assert(mu_uuid_equal(&o->host.uuid, &s->host.uuid));
	if (o->kind == OBJECT_PIF) {
		say_pif(s, o);
		return;
	}
	mu_str_printf(s->out, "network %s \"%s\" \"%s\" mtu=%d%s\n", o->network.bridge, o->name,
		      o->description, o->network.mtu, o->network.managed ? " managed" : "");
}

static void on_removed(void *ctx, const struct mu_uuid *id)
{
	struct script *s = ctx;
	const struct model_object *o = net_view_find(&s->view, id);

	mu_str_printf(s->out, "gone: %s\n", o->name);
}

static void show(struct script *s)
{
	const struct net_view_input in = {&s->facts, s->records, s->n_records, s->host,
					  s->management};
	struct net_view now = {NULL, 0};

	net_view_build(&in, &now);
	net_view_diff(&s->view, &now, &(struct net_view_listener){on_changed, on_removed, s});
	net_view_deinit(&s->view);
	s->view = now;
	for (size_t i = 0; i < s->facts.n_configs; i++) {
		const struct net_config *c = &s->facts.configs[i];

		mu_str_printf(s->out, "config %s %s mode=%d %s\n", c->device,
			      net_system_name(c->system), (int)c->mode, c->file);
	}
	if (*s->facts.dns)
		mu_str_printf(s->out, "dns %s\n", s->facts.dns);
}

static void say_record(struct script *s, const struct net_record *rec)
{
	mu_json_write(s->out, net_record_encode(s->arena, rec), false);
	mu_str_add(s->out, "\n");
}

static void say_commands(struct script *s, const char *title, const struct net_commands *list)
{
	for (size_t i = 0; i < list->n; i++) {
		mu_str_printf(s->out, "%s:", title);
		for (size_t w = 0; list->items[i].argv[w]; w++)
			mu_str_printf(s->out, " %s", list->items[i].argv[w]);
		mu_str_add(s->out, "\n");
	}
}

static void say_plan(struct script *s, const struct net_record *rec)
{
	struct net_plan plan;

	net_plan_make(s->arena, rec, s->records, s->n_records, &plan);
	for (size_t i = 0; i < plan.n_files; i++)
		mu_str_printf(s->out, "== %s%s%s\n%s", plan.files[i].path,
			      plan.files[i].secret ? " (secret)" : "",
			      plan.files[i].shared ? " (shared)" : "", plan.files[i].text);
	if (plan.n_files)
		mu_str_add(s->out, "==\n");
	say_commands(s, "up", &plan.up);
	say_commands(s, "down", &plan.down);
	say_commands(s, "reload", &plan.reload);
	if (plan.by_hand)
		mu_str_add(s->out, "by hand\n");
}

static struct net_check_input input_of(struct script *s)
{
	return (struct net_check_input){&s->facts, s->records, s->n_records, s->host,
					s->management};
}

static const char *text_of(const struct mu_value *v, const char *name)
{
	const char *text = mu_value_as_string(mu_value_get(v, name));

	return text ? text : "";
}

static void create(struct script *s, const char *line)
{
	const struct mu_value *v = json(s, line);
	const struct mu_value *vlan = mu_value_get(v, "vlan"), *mtu = mu_value_get(v, "mtu");
	struct net_check_input in = input_of(s);
	struct mu_error err = MU_ERROR_INIT;
	struct net_record rec;
	const struct net_request request = {.name = text_of(v, "name"),
					    .description = text_of(v, "description"),
					    .bridge = text_of(v, "bridge"),
					    .pif = text_of(v, "pif"),
					    .vlan = vlan ? vlan->integer : -1,
					    .mtu = mtu ? mtu->integer : 0};

	if (net_check_create(&in, &request, &rec, &err) < 0) {
		say_error(s, &err);
		return;
	}
	say_record(s, &rec);
	say_plan(s, &rec);
	mu_assert(s->n_records < RECORDS_MAX);
	s->records[s->n_records++] = rec;
}

static void made(struct script *s, const char *bridge)
{
	const char *names[NET_LEFTOVERS_MAX];
	struct mu_error err = MU_ERROR_INIT;

	for (size_t i = 0; i < s->n_records; i++) {
		const struct net_record *rec = &s->records[i];
		size_t n;

		if (strcmp(rec->bridge, bridge) != 0)
			continue;
		if (net_check_made(&s->facts, rec, &err) < 0)
			say_error(s, &err);
		else
			mu_str_add(s->out, "made\n");
		n = net_leftovers(&s->facts, rec, names);
		for (size_t k = 0; k < n; k++)
			mu_str_printf(s->out, "left: %s\n", names[k]);
	}
}

static void remove_network(struct script *s, char *line)
{
	struct net_check_input in = input_of(s);
	const char *in_use[IN_USE_MAX];
	const char *bridge = strsep(&line, " ");
	struct mu_error err = MU_ERROR_INIT;
	struct net_record rec;
	size_t n = 0;

	while (line)
		in_use[n++] = strsep(&line, " ");
	if (net_check_delete(&in, bridge, in_use, n, &rec, &err) < 0)
		say_error(s, &err);
	else
		say_record(s, &rec);
}

static void add_record(struct script *s, const char *line)
{
	struct mu_error err = MU_ERROR_INIT;

	mu_assert(s->n_records < RECORDS_MAX);
	if (net_record_decode(json(s, line), &s->records[s->n_records], &err) < 0)
		say_error(s, &err);
	else
		s->n_records++;
}

static void one(struct script *s, char *line)
{
	const char *verb = strsep(&line, " ");

	if (!strcmp(verb, "link"))
		add_link(s, line);
	else if (!strcmp(verb, "addr"))
		add_addr(s, line);
	else if (!strcmp(verb, "route"))
		add_route(s, line);
	else if (!strcmp(verb, "config"))
		add_config(s, line);
	else if (!strcmp(verb, "active"))
		s->facts.active[system_of(line)] = true;
	else if (!strcmp(verb, "includes"))
		s->facts.ifupdown_includes = true;
	else if (!strcmp(verb, "bridges"))
		s->facts.ifupdown_bridges = true;
	else if (!strcmp(verb, "management"))
		(void)snprintf(s->management, sizeof s->management, "%s", line);
	else if (!strcmp(verb, "record"))
		add_record(s, line);
	else if (!strcmp(verb, "show"))
		show(s);
	else if (!strcmp(verb, "forget"))
		net_facts_deinit(&s->facts);
	else if (!strcmp(verb, "create"))
		create(s, line);
	else if (!strcmp(verb, "made"))
		made(s, line);
	else if (!strcmp(verb, "delete"))
		remove_network(s, line);
	else
		read_text(s, verb, line);
}

/* What a host is goes without saying; what is asked is said before its answer. */
static bool is_fact(const char *line)
{
	static const char *const facts[] = {"link ",   "addr ",    "route ", "config ",
					    "active ", "includes", "bridges"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(facts); i++) {
		if (mu_str_has_prefix(line, facts[i]))
			return true;
	}
	return false;
}

void golden_case(const char *input, struct mu_str *out)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(input);
	struct script s = {.arena = mu_arena_new(), .out = out};
	char *rest = copy;
	char *line;

	net_facts_init(&s.facts);
	mu_assert(mu_uuid_parse("00000000-0000-4000-8000-000000000001", &s.host.uuid));
	while ((line = strsep(&rest, "\n"))) {
		if (!*line || *line == '#')
			continue;
		if (!is_fact(line))
			mu_str_printf(out, "> %s\n", line);
		one(&s, line);
	}
	net_facts_deinit(&s.facts);
	net_view_deinit(&s.view);
	(void)mu_arena_free(s.arena);
}
