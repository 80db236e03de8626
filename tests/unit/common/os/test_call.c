/* SPDX-License-Identifier: Apache-2.0 */
/* The table of methods, and what is said of arguments that do not fit it. */
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/model/call.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* In a function of its own: arguments go as JSON text. */
static int check(const char *method, const char *text, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	const struct call_method *m = call_find(method);
	struct mu_value *args;

	cr_assert_not_null(m, "%s", method);
	cr_assert_eq(mu_json_read(a, text, strlen(text), &args, err), 0, "%s", err->text);
	return call_check(m, args, err);
}

#define SOME_ID "\"11111111-1111-4111-8111-111111111111\""

Test(call, good_arguments)
{
	static const struct {
		const char *method;
		const char *args;
	} good[] = {
	    {"vm.edit", "{}"},
	    {"vm.edit",
	     "{\"nameLabel\":\"a\",\"tags\":[\"x\",\"y\"],\"memory\":\"1GiB\",\"cpus\":2}"},
	    {"vm.edit", "{\"memory\":1073741824,\"PV_args\":null,\"notes\":\"two\\nlines\\t\\r\"}"},
	    {"vm.edit", "{\"highAvailability\":\"\",\"onCrash\":\"preserve\",\"startOrder\":-5}"},
	    {"vm.edit", "{\"xenStoreData\":{\"vm-data/x\":null},\"autoPoweron\":false}"},
	    {"vm.snapshot", "{\"name_label\":\"s\",\"memory\":true,\"id\":" SOME_ID "}"},
	    {"vm.delete", "{\"disks\":false}"},
	    {"vif.create", "{\"bridge\":\"xenbr0\",\"rateLimit\":null}"},
	    {"vif.create", "{\"networkId\":" SOME_ID "}"},
	    {"vm.create", "{\"name_label\":\"n\",\"vdis\":[{\"size\":1}],\"definition\":{}}"},
	    {"sr.create",
	     "{\"name_label\":\"n\",\"SR_type\":\"dir\",\"device_config\":{\"location\":\"/x\"}}"},
	    {"sr.scan", "{}"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(good); i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_expect_eq(check(good[i].method, good[i].args, &err), 0, "%s %s: %s",
			     good[i].method, good[i].args, err.text);
	}
}

Test(call, bad_arguments)
{
	static const struct {
		const char *method;
		const char *args;
		const char *says;
	} bad[] = {
	    {"sr.scan", "[]", "arguments: expected an object, found array"},
	    {"sr.scan", "{\"fast\":1}",
	     "arguments: fast: unknown argument of sr.scan; hint: it takes none"},
	    {"vif.edit", "{\"bridge\":\"x\"}",
	     "unknown argument of vif.edit; hint: it takes device, rateLimit"},
	    {"vm.edit", "{\"name\":\"x\"}",
	     "unknown argument of vm.edit; hint: docs/design/objects.md has the list"},
	    {"vm.edit", "{\"nameLabel\":7}",
	     "arguments: nameLabel: expected a string, found integer"},
	    {"vm.edit", "{\"nameLabel\":null}", "expected a string, found null"},
	    {"vm.edit", "{\"nameLabel\":\"\"}", "arguments: nameLabel: must not be empty"},
	    {"vm.edit", "{\"nameLabel\":\"a\\nb\"}", "nameLabel: holds a control character"},
	    {"vm.edit", "{\"nameLabel\":\"a\\u007fb\"}", "nameLabel: holds a control character"},
	    {"vm.edit", "{\"notes\":\"a\\u001bb\"}", "notes: holds a control character"},
	    {"vm.snapshot", "{\"id\":\"x\"}", "arguments: id: not a UUID"},
	    {"vm.snapshot", "{\"id\":\"00000000-0000-0000-0000-000000000000\"}", "id: not a UUID"},
	    {"vm.snapshot", "{\"id\":1}", "id: expected a string, found"},
	    {"vm.snapshot", "{\"memory\":\"yes\"}", "memory: expected true or false, found string"},
	    {"vm.edit", "{\"cpus\":2.5}", "cpus: expected an integer, found number"},
	    {"vm.edit", "{\"cpus\":0}",
	     "arguments: cpus: 0 is out of range; hint: allowed are 1 to 1024"},
	    {"vm.edit", "{\"memory\":true}",
	     "arguments: memory: expected a number of bytes or a size such as \"10GiB\", found "
	     "boolean"},
	    {"vm.edit", "{\"memory\":\"much\"}", "memory: not a size; hint: write bytes"},
	    {"vm.edit", "{\"memory\":\"1KiB\"}", "memory: 1024 is out of range"},
	    {"vm.edit", "{\"onCrash\":\"explode\"}",
	     "onCrash: \"explode\" is not known; hint: one of destroy, restart, preserve"},
	    {"vm.edit", "{\"highAvailability\":\"x\"}", "one of \"\", best-effort, restart"},
	    {"vm.edit", "{\"onCrash\":1}", "onCrash: expected a string, found"},
	    {"vm.edit", "{\"tags\":\"x\"}", "tags: expected a list, found string"},
	    {"vm.edit", "{\"tags\":[\"a\",\"\"]}", "arguments: tags[1]: must not be empty"},
	    {"vm.edit", "{\"tags\":[\"a\",5]}", "arguments: tags[1]: expected a string"},
	    {"vm.create", "{\"name_label\":\"n\",\"vdis\":[{},7]}",
	     "arguments: vdis[1]: expected an object, found integer"},
	    {"vm.create", "{\"name_label\":\"n\",\"definition\":[]}",
	     "definition: expected an object, found array"},
	    {"vm.create", "{}", "arguments: name_label: required, but missing"},
	    {"sr.create", "{\"name_label\":\"n\",\"SR_type\":\"dir\",\"device_config\":{\"a\":1}}",
	     "arguments: device_config.a: expected a string, found integer"},
	    {"vif.create", "{}", "arguments: networkId or bridge: required, but missing"},
	    {"vdi.create", "{\"virtual_size\":0}", "virtual_size: 0 is out of range"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		struct mu_error err = MU_ERROR_INIT;

		cr_expect_lt(check(bad[i].method, bad[i].args, &err), 0, "%s %s", bad[i].method,
			     bad[i].args);
		cr_expect_eq(err.code, MU_E_INVALID);
		cr_expect(strstr(err.text, bad[i].says), "%s %s: \"%s\" lacks \"%s\"",
			  bad[i].method, bad[i].args, err.text, bad[i].says);
	}
}

Test(call, long_lists_and_texts)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;

	mu_str_add(&text, "{\"tags\":[\"0\"");
	for (int i = 1; i <= CALL_LIST_MAX; i++)
		mu_str_printf(&text, ",\"%d\"", i);
	mu_str_add(&text, "]}");
	cr_assert_lt(check("vm.edit", text.data, &err), 0);
	cr_assert_str_eq(err.text, "arguments: tags: 65 entries; hint: at most 64");

	mu_str_reset(&text);
	mu_str_add(&text,
		   "{\"name_label\":\"n\",\"SR_type\":\"dir\",\"device_config\":{\"0\":\"\"");
	for (int i = 1; i <= CALL_LIST_MAX; i++)
		mu_str_printf(&text, ",\"%d\":\"\"", i);
	mu_str_add(&text, "}}");
	cr_assert_lt(check("sr.create", text.data, &err), 0);
	cr_assert_str_eq(err.text, "arguments: device_config: 65 members; hint: at most 64");

	mu_str_reset(&text);
	mu_str_printf(&text, "{\"nameLabel\":\"%0128d\"}", 1);
	cr_assert_lt(check("vm.edit", text.data, &err), 0);
	cr_assert_str_eq(err.text, "arguments: nameLabel: 128 bytes long; hint: at most 127");
}

/* Of every row: what the others rely on. */
Test(call, table)
{
	const struct call_method *m;
	size_t n = 0;

	for (size_t i = 0; (m = call_next(&i)); n++) {
		bool has_id = false;

		cr_expect_leq(strlen(m->name), CALL_METHOD_MAX);
		cr_expect_eq(call_find(m->name), m, "%s is there twice", m->name);
		cr_expect_eq(m->target == CALL_ON_VM, m->kinds && m->powers, "%s", m->name);
		for (size_t k = 0; k < m->n_args; k++) {
			has_id |= !strcmp(m->args[k].name, "id");
			cr_expect_eq(m->args[k].kind == CALL_NAME, m->args[k].names != NULL,
				     "%s: %s", m->name, m->args[k].name);
			cr_expect_leq(m->args[k].min, m->args[k].max);
			for (size_t l = 0; l < k; l++)
				cr_expect_str_neq(m->args[k].name, m->args[l].name, "%s", m->name);
		}
		cr_expect_eq(has_id, m->takes_id, "%s", m->name);
		cr_expect(!has_id || m->makes, "%s", m->name);
	}
	cr_expect_gt(n, 40);
	cr_expect_null(call_find("vm.explode"));
}

Test(call, power_states)
{
	char buf[64];
	const struct call_method *m = call_find("vbd.delete");

	cr_expect(call_allowed(m, VM_PAUSED));
	cr_expect_not(call_allowed(m, VM_SUSPENDED));
	cr_expect_not(call_allowed(m, VM_UNKNOWN));
	cr_expect_str_eq(call_expected(m, buf, sizeof buf), "Halted, Running or Paused");
	cr_expect_str_eq(call_expected(call_find("vm.delete"), buf, sizeof buf), "Halted");
	cr_expect_str_eq(call_expected(m, buf, 9), "Halted, ");
	cr_expect_str_eq(call_target_name(CALL_ON_SR), "SR");
	cr_expect_str_eq(call_target_name(CALL_ON_HOST), "host");
}
