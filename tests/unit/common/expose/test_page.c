/* SPDX-License-Identifier: Apache-2.0 */
/* What the golden cases (tests/golden/expose) cannot show: sizes, pieces, names that move. */
#include "common/expose/page.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void object(struct expose_page *p, const char *id)
{
	const struct expose_label label = {"vm_uuid", id};
	const struct expose_object o = {EXPOSE_VM, &label, 1, NULL, 0};

	expose_object(p, &o);
}

static void text_of(struct expose_page *p, size_t cap, struct mu_str *ret)
{
	MU_CLEANUP(mu_free) char *piece = mu_xmalloc(cap);
	uint64_t length;
	size_t n;

	expose_batch_end(p);
	length = expose_page_end(p);
	while ((n = expose_page_write(p, piece, cap)) > 0) {
		cr_assert_leq(n, cap);
		mu_str_add_bytes(ret, piece, n);
	}
	cr_assert_eq(expose_page_write(p, piece, cap), 0);
	cr_assert_eq(ret->len, length);
}

static struct expose_page *large(size_t n_vms)
{
	static const char *const names[] = {"memory", "cpu_usage", "vif_0_rx", "vbd_xvda_read"};
	struct expose_page *p = expose_page_new(EXPOSE_NATIVE, EXPOSE_OPENMETRICS);
	char id[32];

	for (size_t v = 0; v < n_vms; v++) {
		(void)snprintf(id, sizeof id, "vm-%zu", v);
		object(p, id);
		for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++)
			expose_put(p, names[i], (float)(v * 10 + i) + 0.25f);
		expose_put_count(p, "vif_0_rx", v << 33, 1790000000);
		if (v % 100 == 99)
			expose_batch_end(p);
	}
	return p;
}

/* The same text in pieces of any size. */
Test(page, pieces)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str whole = MU_STR_INIT;
	struct expose_page *p = large(2000);

	text_of(p, 1 << 20, &whole);
	cr_assert_eq(expose_n_samples(p), 10000);
	expose_page_free(p);
	for (size_t cap = EXPOSE_PIECE_MIN; cap < 3 * EXPOSE_PIECE_MIN; cap += 1011) {
		MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

		p = large(2000);
		text_of(p, cap, &text);
		cr_assert_str_eq(text.data, whole.data);
		expose_page_free(p);
	}
}

/* Between batches a name may be freed, and another stand at its place. */
Test(page, names_that_move)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(expose_page_free)
	struct expose_page *p = expose_page_new(EXPOSE_NATIVE, EXPOSE_TEXT);
	char name[32] = "vif_0_rx";

	object(p, "a");
	expose_put(p, name, 1);
	expose_batch_end(p);
	(void)snprintf(name, sizeof name, "vif_1_tx");
	object(p, "b");
	expose_put(p, name, 2);
	text_of(p, EXPOSE_PIECE_MIN, &text);
	cr_assert(strstr(text.data, "receive_bytes_per_second{vm_uuid=\"a\",vif=\"0\"} 1\n"));
	cr_assert(strstr(text.data, "transmit_bytes_per_second{vm_uuid=\"b\",vif=\"1\"} 2\n"));
}

/* More series than hints, in another order for each VM. */
Test(page, series_in_any_order)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct expose_page *p = expose_page_new(EXPOSE_NATIVE, EXPOSE_TEXT);
	char names[600][16], want[96];

	for (int i = 0; i < 600; i++)
		(void)snprintf(names[i], sizeof names[i], "cpu%d", i);
	object(p, "a");
	for (int i = 0; i < 600; i++)
		expose_put(p, names[i], (float)i);
	object(p, "b");
	for (int i = 600; i-- > 0;)
		expose_put(p, names[i], (float)i);
	text_of(p, EXPOSE_PIECE_MIN, &text);
	for (int i = 0; i < 600; i++)
		for (const char *vm = "a"; vm; vm = *vm == 'a' ? "b" : NULL) {
			(void)snprintf(want, sizeof want, "{vm_uuid=\"%s\",vcpu=\"%d\"} %d\n", vm,
				       i, i);
			cr_assert(strstr(text.data, want), "%s", want);
		}
	expose_page_free(p);
}

Test(page, labels_that_are_too_long_hide_the_object)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct expose_page *p = expose_page_new(EXPOSE_NATIVE, EXPOSE_TEXT);
	MU_CLEANUP(mu_free) char *id = mu_xcalloc(1, EXPOSE_LABELS_MAX + 1);

	memset(id, '"', EXPOSE_LABELS_MAX);
	object(p, id);
	expose_put(p, "memory", 1);
	expose_put_count(p, "cpu_usage", 1, 1);
	object(p, "short");
	expose_put(p, "memory", 2);
	text_of(p, EXPOSE_PIECE_MIN, &text);
	cr_assert(strstr(text.data, "muster_vm_memory_bytes{vm_uuid=\"short\"} 2\n"));
	cr_assert_eq(expose_n_samples(p), 1);
	expose_page_free(p);
	cr_assert_null(expose_page_free(NULL));
}

Test(names, sets)
{
	enum expose_names names = EXPOSE_XO;

	cr_assert(expose_names_parse("native", &names) && names == EXPOSE_NATIVE);
	cr_assert(expose_names_parse("xen-exporter", &names) && names == EXPOSE_XEN_EXPORTER);
	cr_assert(!expose_names_parse("xen", &names) && names == EXPOSE_XEN_EXPORTER);
	for (unsigned i = 0; i < _EXPOSE_NAMES_COUNT; i++)
		cr_assert(expose_names_parse(expose_names_text((enum expose_names)i), &names) &&
			  names == (enum expose_names)i);
}

/* A unit is the end of its name, as OpenMetrics has it; no name is there twice in a set. */
Test(names, tables_are_sound)
{
	for (unsigned set = 0; set < _EXPOSE_NAMES_COUNT; set++) {
		size_t n;
		const struct expose_rule *rules = expose_rules((enum expose_names)set, &n);

		for (size_t i = 0; i < n; i++) {
			const struct expose_family *f = &rules[i].family;

			/* Others' names of counters have rates behind them. */
			cr_assert(f->type == EXPOSE_GAUGE ||
				  (set == EXPOSE_NATIVE && f->unit && rules[i].scale == 0));
			cr_assert(!f->unit || strlen(f->name) > strlen(f->unit) + 1);
			if (f->unit)
				cr_assert_str_eq(f->name + strlen(f->name) - strlen(f->unit),
						 f->unit);
			cr_assert(!rules[i].label || strpbrk(rules[i].source, "#*"));
			for (size_t k = 0; f->name && k < i; k++)
				cr_assert(!rules[k].family.name ||
					  strcmp(rules[k].family.name, f->name) != 0);
		}
	}
}
