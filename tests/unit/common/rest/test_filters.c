/* SPDX-License-Identifier: Apache-2.0 */
/* Filters over objects: that nothing is missing of what they look at, and what is refused. */
#include "common/query/query.h"
#include "common/rest/render.h"
#include "fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SET(array, text) (void)snprintf(array, sizeof(array), "%s", text)

static struct fixture *f;

static void setup(void)
{
	struct model_vm *vm;

	f = fixture_new();
	vm = &f->vms[0];
	SET(vm->description, "Frontend of the shop");
	vm->n_tags = 2;
	SET(vm->tags[0], "prod");
	SET(vm->tags[1], "0123");
	SET(vm->cpu_mask, "0-3,8");
	SET(vm->cpu_mask_soft, "1");
	vm->cpu_weight = 512;
	vm->started_at = 1700000001000;
	vm->parent = f->vms[1].id;
	SET(vm->guest.os_name, "Debian 12");
	vm->guest.agent_detected = true;
	vm->guest.n_addrs = 1;
	SET(vm->guest.addrs[0].addr, "2001:db8::7");
}

static void teardown(void)
{
	f = fixture_free(f);
}

TestSuite(filters, .init = setup, .fini = teardown);

static const struct rest_type *const types[] = {
    &rest_type_vm,      &rest_type_vm_snapshot,  &rest_type_vm_template,   &rest_type_sr,
    &rest_type_vdi,     &rest_type_vdi_snapshot, &rest_type_network,       &rest_type_pif,
    &rest_type_pci,     &rest_type_pbd,          &rest_type_vbd,           &rest_type_vif,
    &rest_type_host,    &rest_type_pool,         &rest_type_vm_controller, &rest_type_task,
    &rest_type_message,
};

struct looking {
	const struct rest_type *type;
	struct rest_render render;
	const struct query_filter *filter;
	const bool *used;
	unsigned n_objects;
	unsigned n_matches;
};

static void expect_made_of(const struct rest_field *field, const struct mu_value *v)
{
	char text[64];
	const char *p = text;

	(void)snprintf(text, sizeof text, "%lld", (long long)v->integer);
	if (v->kind == MU_VALUE_REAL)
		(void)snprintf(text, sizeof text, "%f", v->real);
	else if (v->kind == MU_VALUE_STRING)
		p = v->string;
	else if (v->kind != MU_VALUE_INT)
		p = "";
	cr_expect(v->kind != MU_VALUE_STRING || *field->letters, "%s: \"%s\"", field->name, p);
	cr_expect_eq(strspn(p, field->letters), strlen(p), "%s: \"%s\"", field->name, p);
	mu_value_each(child, v) expect_made_of(field, child);
}

/* Another name of a field that is looked at. */
static bool is_again(struct looking *l, const void *object, const char *name,
		     const struct mu_value *v)
{
	const char *of = strcmp(name, "uuid") == 0      ? "id"
			 : strcmp(name, "$poolId") == 0 ? "$pool"
							: NULL;

	for (size_t i = 0; of && i < l->type->n_fields; i++) {
		const struct rest_field *field = &l->type->fields[i];

		if (strcmp(field->name, of) == 0)
			return !field->letters || *field->letters
				   ? mu_value_equal(field->value(&l->render, object), v)
				   : false;
	}
	return false;
}

static bool check_letters(const void *object, void *arg)
{
	struct looking *l = arg;

	mu_arena_reset(l->render.arena);
	l->render.type = l->type;
	for (size_t i = 0; i < l->type->n_fields; i++) {
		const struct rest_field *field = &l->type->fields[i];
		const struct mu_value *v = field->value(&l->render, object);

		if (v && field->letters && !is_again(l, object, field->name, v))
			expect_made_of(field, v);
	}
	l->n_objects++;
	return true;
}

Test(filters, a_field_is_made_of_its_letters)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	for (size_t t = 0; t < MU_ARRAY_SIZE(types); t++) {
		struct looking l = {.type = types[t]};

		rest_render_init(&l.render, f->rest, a);
		l.type->each(&f->rest->backend, check_letters, &l);
		cr_expect(l.n_objects > 0 || t + 2 >= MU_ARRAY_SIZE(types), "no %s", l.type->name);
	}
}

/* The same for what is built for the filter as for all of the object. */
static bool check_match(const void *object, void *arg)
{
	struct looking *l = arg;
	bool whole =
	    query_filter_match(l->filter, rest_render_object(&l->render, l->type, object, NULL));

	cr_expect_eq(
	    query_filter_match(l->filter, rest_render_chosen(&l->render, l->type, object, l->used)),
	    whole, "%s", l->type->name);
	l->n_matches += whole;
	return true;
}

Test(filters, what_is_left_out_matters_to_none)
{
	static const char *const filters[] = {
	    "shop",    "!shop",           "4",          "-1",          "0*3",  "\"\"",     "cafe",
	    "aaaa*3",  "/^0123$/",        "/^$/",       "512",         "2001", "pvh",      "muster",
	    "!(a e)",  "|(prod /^xen/i)", "running",    "03:00",       "1.5",  ">1",       "CPUs:4",
	    "CPUs:>2", "tags:0123",       "$container", "!snapshots?", "eth*", "512 prod",
	};
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	unsigned n_matched = 0;

	for (size_t i = 0; i < MU_ARRAY_SIZE(filters); i++) {
		struct query_filter *filter = NULL;
		bool used[REST_FIELDS_MAX];
		struct looking l = {.used = used};

		cr_assert_eq(query_filter_parse(a, filters[i], &filter, NULL), 0, "%s", filters[i]);
		l.filter = filter;
		for (size_t t = 0; t < MU_ARRAY_SIZE(types); t++) {
			l.type = types[t];
			rest_render_init(&l.render, f->rest, a);
			rest_render_choose_for(l.type, filter, used);
			l.type->each(&f->rest->backend, check_match, &l);
		}
		n_matched += l.n_matches > 0;
	}
	cr_expect_gt(n_matched, MU_ARRAY_SIZE(filters) / 2);
}

Test(filters, regular_expressions)
{
	static const struct {
		const char *filter;
		const char *found;
	} cases[] = {
	    {"name_label:/%5Ew/", "[\"/rest/v0/vms/" VM_WEB "\"]"},
	    {"name_label:/B$/i", "[\"/rest/v0/vms/" VM_WEB "\",\"/rest/v0/vms/" VM_DB "\"]"},
	    {"tags:/%5Epro$/", "[]"},
	    {"tags:/%5Eprod$/", "[\"/rest/v0/vms/" VM_WEB "\"]"},
	    {"/%5EFrontend%20of/", "[\"/rest/v0/vms/" VM_WEB "\"]"},
	    {"id:/%5Ea%2B-0{4}.*3$/", "[\"/rest/v0/vms/" VM_FAR "\"]"},
	};
	char target[128];

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		(void)snprintf(target, sizeof target, "/rest/v0/vms?filter=%s", cases[i].filter);
		fixture_expect_get(f, target, 200, cases[i].found);
	}
}

/* Each with the position, and with the text that was not understood. */
Test(filters, refusals)
{
	static const struct {
		const char *filter;
		const char *says;
	} bad[] = {
	    {"(", "at character 2: a ) is missing"},
	    {"name_label:", "at character 12: a term is missing"},
	    {"name_label:web)", "at character 15: unexpected character"},
	    {"CPUs:number:%3E", "at character 14: a number must follow the comparison"},
	    {"CPUs:number:%3Emany", "at character 14: a number must follow the comparison"},
	    {"|web", "at character 2: | needs its terms in parentheses"},
	    {"%22open", "at character 6: the quoted text does not end"},
	    {"%E6%BC%A2", "at character 1: unexpected character"},
	    {"name_label:/a(/", "at character 15: missing closing parenthesis"},
	    {"name_label:/a", "at character 14: the regular expression does not end"},
	    {"name_label:/a/m", "at character 15: a regular expression has no flag but i"},
	    {"name_description:/%5E(o%2B)%2B$/",
	     "at character 18: the regular expression takes too"},
	};
	static const char *const more[] = {"", "&sort=id", "&fields=*&ndjson=true"};
	char target[160];

	memset(f->vms[1].description, 'o', 60);
	f->vms[1].description[60] = '!';
	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		for (size_t p = 0; p < MU_ARRAY_SIZE(more); p++) {
			(void)snprintf(target, sizeof target, "/rest/v0/vms?filter=%s%s",
				       bad[i].filter, more[p]);
			fixture_expect(fixture_call(f, HTTP_GET, target, NULL), 400, bad[i].says);
			fixture_expect(fixture_call(f, HTTP_GET, target, NULL), 400,
				       "\"data\":{\"stringToParse\":\"");
		}
		(void)snprintf(target, sizeof target, "/rest/v0/vms/actions/start?filter=%s",
			       bad[i].filter);
		fixture_expect(fixture_call(f, HTTP_POST, target, "{}"), 400, bad[i].says);
	}
	cr_expect_eq(f->n_ops, 0, "nothing was started");
}

/* Who looks at one object has steps for one. */
Test(filters, one_object)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct query_filter *filter = NULL;

	cr_assert_eq(query_filter_parse(a, "name_label:/^(w|x)+eb$/", &filter, NULL), 0);
	for (unsigned i = 0; i < 10000; i++)
		cr_assert(rest_matches(f->rest, ALARM_OF_VM, &f->vms[0].id.uuid, filter, a));
	memset(f->vms[0].name, 'w', 60);
	cr_expect_not(rest_matches(f->rest, ALARM_OF_VM, &f->vms[0].id.uuid, filter, a));
	cr_expect_not(rest_matches(f->rest, ALARM_OF_VM, &f->vms[1].id.uuid, filter, a));
}
