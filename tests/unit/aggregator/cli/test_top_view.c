/* SPDX-License-Identifier: Apache-2.0 */
/* What `muster top` shows of an answer. */
#include "aggregator/cli/format.h"
#include "aggregator/cli/top_view.h"
#include "common/json/json.h"

#include <criterion/criterion.h>
#include <string.h>

static struct mu_arena *a;

static void init(void)
{
	a = mu_arena_new();
}

static void deinit(void)
{
	a = mu_arena_free(a);
}

TestSuite(top_view, .init = init, .fini = deinit);

static const char fleet[] =
    "{\"time\":1,\"hosts\":["
    "{\"id\":\"h2\",\"name_label\":\"two\",\"connected\":false,\"values\":{}},"
    "{\"id\":\"h1\",\"name_label\":\"one\",\"connected\":true,\"values\":{\"cpu_avg\":0.5,"
    "\"loadavg\":1.25,\"memory_total_kib\":16777216,\"memory_free_kib\":8388608,"
    "\"pif_aggr_rx\":1024,\"pif_aggr_tx\":0}}],\"vms\":["
    "{\"id\":\"a\",\"name_label\":\"web\",\"$container\":\"h1\",\"power_state\":\"Running\","
    "\"values\":{\"cpu_usage\":0.125,\"vcpus_online\":2,\"memory\":1073741824,\"vif_aggr_rx\":10,"
    "\"vif_aggr_tx\":20,\"vbd_aggr_read\":2048,\"vbd_aggr_write\":0}},"
    "{\"id\":\"b\",\"name_label\":\"Db\",\"$container\":\"h1\",\"power_state\":\"Running\","
    "\"values\":{\"cpu_usage\":0.25,\"vcpus_online\":4,\"memory\":536870912,\"vif_aggr_rx\":0,"
    "\"vif_aggr_tx\":0,\"vbd_aggr_read\":1024,\"vbd_aggr_write\":1024}},"
    "{\"id\":\"c\",\"name_label\":\"far\",\"$container\":\"h2\",\"power_state\":\"Unknown\","
    "\"values\":{}},"
    "{\"id\":\"d\",\"name_label\":\"lost\",\"$container\":\"h9\",\"power_state\":\"Paused\","
    "\"values\":{\"cpu_usage\":0}}]}";

static const char *draw_text(const struct top_view *v, const char *text)
{
	struct mu_str out = MU_STR_INIT;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *stats = NULL;
	const char *drawn;

	if (text)
		cr_assert_eq(mu_json_read(a, text, strlen(text), &stats, &err), 0, "%s", err.text);
	top_draw(&out, a, v, stats);
	drawn = mu_arena_strdup(a, out.data);
	mu_str_deinit(&out);
	return drawn;
}

static const char *draw(const struct top_view *v)
{
	return draw_text(v, fleet);
}

/* The names in the first column of the second table, with commas. */
static const char *vms(const struct top_view *v)
{
	const char *p = strstr(draw(v), "\nVM ");
	struct mu_str names = MU_STR_INIT;
	const char *found;

	cr_assert_not_null(p);
	for (p = strchr(p + 1, '\n') + 1; *p; p = strchr(p, '\n') + 1) {
		mu_str_add_bytes(&names, p, strcspn(p, " \n"));
		mu_str_add_char(&names, ',');
	}
	found = mu_arena_strdup(a, names.data ? names.data : "");
	mu_str_deinit(&names);
	return found;
}

Test(top_view, all_of_it)
{
	const struct top_view v = {.status = "now"};

	cr_expect_str_eq(draw(&v),
			 "muster top: 2 hosts, 4 VMs; now\n"
			 "\n"
			 "HOST  VMS  STATE     CPU  LOAD  MEMORY       RX     TX     DISK\n"
			 "one   2    up     50.0 %  1.25   8 GiB  1 KiB/s  0 B/s  4 KiB/s\n"
			 "two   1    away        -     -       -        -      -        -\n"
			 "\n"
			 "VM    HOST  STATE       CPU  VCPUS   MEMORY      RX      TX     DISK\n"
			 "Db    one   Running  25.0 %      4  512 MiB   0 B/s   0 B/s  2 KiB/s\n"
			 "web   one   Running  12.5 %      2    1 GiB  10 B/s  20 B/s  2 KiB/s\n"
			 "lost        Paused    0.0 %      -        -       -       -        -\n"
			 "far   two   Unknown       -      -        -       -       -        -\n");
}

Test(top_view, orders)
{
	static const struct {
		const char *name, *want;
	} orders[] = {
	    {"cpu", "Db,web,lost,far,"},  {"memory", "web,Db,far,lost,"},
	    {"net", "web,Db,far,lost,"},  {"disk", "Db,web,far,lost,"},
	    {"name", "Db,far,lost,web,"},
	};
	struct top_view v = {.reverse = false};

	for (size_t i = 0; i < MU_ARRAY_SIZE(orders); i++) {
		cr_assert(top_sort_parse(orders[i].name, &v.sort));
		cr_expect_str_eq(vms(&v), orders[i].want, "%s: %s", orders[i].name, vms(&v));
	}
	v.reverse = true;
	cr_expect_str_eq(vms(&v), "web,lost,far,Db,");
	cr_expect_not(top_sort_parse("size", &v.sort));
	v.sort = _TOP_SORT_COUNT; /* as by name */
	cr_expect_str_eq(vms(&v), "web,lost,far,Db,");
}

Test(top_view, some_of_it)
{
	struct top_view v = {.text = "B", .sort = TOP_NAME};

	cr_expect_str_eq(vms(&v), "Db,web,");
	cr_expect_not_null(strstr(draw(&v), "muster top: 0 hosts, 2 VMs\n"));
	v = (struct top_view){.host = "h2", .text = ""};
	cr_expect_str_eq(vms(&v), "far,");
	cr_expect_not_null(strstr(draw(&v), "muster top: 1 host, 1 VM\n"));
	/* A host's figures are of all its VMs, also of those that are not shown. */
	v = (struct top_view){.text = "one"};
	cr_expect_not_null(strstr(draw(&v), "one   2    up "));
}

/* As many lines as there are, none wider than it is. */
static void check_screen(const char *text, size_t width, size_t height)
{
	size_t n = 0;

	for (const char *p = text; *p; n++) {
		size_t len = strcspn(p, "\n");

		cr_expect_leq(cli_format_width(mu_arena_strndup(a, p, len)), width);
		p += len + 1;
	}
	cr_expect_leq(n, height, "%zu lines for %zu", n, height);
}

Test(top_view, a_screen)
{
	struct mu_str text = MU_STR_INIT;

	mu_str_add(&text, "{\"hosts\":[");
	for (int i = 0; i < 100; i++)
		mu_str_printf(
		    &text,
		    "%s{\"id\":\"h%d\",\"name_label\":\"host-\u00fc-%d-with-a-name-that-is-longer-"
		    "than-there-is-room\",\"connected\":true,\"values\":{}}",
		    i ? "," : "", i, i);
	mu_str_add(&text, "],\"vms\":[");
	for (int i = 0; i < 100; i++)
		mu_str_printf(&text,
			      "%s{\"id\":\"v%d\",\"name_label\":\"vm-%d\",\"$container\":\"h%d\","
			      "\"power_state\":\"Running\",\"values\":{}}",
			      i ? "," : "", i, i, i);
	mu_str_add(&text, "]}");
	for (size_t height = 7; height < 250; height += 9)
		for (size_t width = 1; width < 150; width += 31) {
			const struct top_view v = {.width = width, .height = height};

			check_screen(draw_text(&v, text.data), width, height);
		}
	{
		const struct top_view v = {.width = 80, .height = 35};
		const char *drawn = draw_text(&v, text.data);

		cr_expect_not_null(strstr(drawn, "... and 91 more"));
		cr_expect_not_null(strstr(drawn, "... and 81 more"));
	}
	mu_str_deinit(&text);
}

Test(top_view, nothing_yet_and_nothing_that_makes_sense)
{
	const struct top_view v = {.width = 40, .height = 1};

	cr_expect_not_null(strstr(draw_text(&v, NULL), "muster top: 0 hosts, 0 VMs\n"));
	cr_expect_not_null(strstr(draw_text(&v, "{}"), "muster top: 0 hosts, 0 VMs\n"));
	cr_expect_not_null(strstr(
	    draw_text(
		&v,
		"{\"hosts\":[{}],\"vms\":[{\"values\":{\"memory\":\"x\",\"vcpus_online\":2}}]}"),
	    "muster top: 1 host, 1 VM\n"));
	/* A name cannot do anything to the terminal. */
	cr_expect_null(strchr(
	    draw_text(&v,
		      "{\"hosts\":[{\"id\":\"h\",\"name_label\":\"\\u001b[2J\",\"values\":{}}]}"),
	    '\033'));
}
