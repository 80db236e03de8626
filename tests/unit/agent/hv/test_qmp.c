/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU says: what real ones have said (tests/data/qmp), and what none should. */
#include "agent/hv/qmp/qmp.h"
#include "tests/unit/agent/import/corpus.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}\r\n"
#define DONE "{\"return\": {}}\r\n"
#define EVENT "{\"timestamp\": {\"seconds\": 1}, \"event\": \"RTC_CHANGE\", \"data\": {}}\r\n"
#define DISK(node, device, n)                                                                      \
	"{\"device\": \"" device "\", \"node-name\": \"" node "\", \"stats\": {\"rd_bytes\": " #n  \
	"0, \"wr_bytes\": " #n "1, \"rd_operations\": " #n "2, \"wr_operations\": " #n             \
	"3, \"rd_total_time_ns\": " #n "4, \"wr_total_time_ns\": " #n "5}}"
#define BACK(disks) "{\"return\": [" disks "]}\r\n"

static int hear_bytes(const char *text, size_t len, size_t cut, struct mu_str *out,
		      struct qmp_disks *ret, struct mu_error *err)
{
	struct qmp q = {.asked = QMP_NOTHING};
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i += cut)
		r = qmp_hear(&q, text + i, len - i < cut ? len - i : cut, out, ret, err);
	qmp_deinit(&q);
	return r;
}

/* However it is cut. */
static struct qmp_disks hear(const char *text)
{
	struct qmp_disks ret, again;
	struct mu_error err = MU_ERROR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;

	cr_assert_eq(hear_bytes(text, strlen(text), SIZE_MAX / 2, &out, &ret, &err), 1, "%s",
		     err.text);
	cr_assert_str_eq(out.data, "{\"execute\":\"qmp_capabilities\"}\n"
				   "{\"execute\":\"query-blockstats\"}\n");
	cr_assert_eq(hear_bytes(text, strlen(text), 1, &out, &again, &err), 1, "%s", err.text);
	cr_assert_eq(ret.n, again.n);
	for (uint32_t i = 0; i < ret.n; i++)
		cr_assert_str_eq(ret.vbds[i].vdev, again.vbds[i].vdev);
	return ret;
}

static void fails(const char *text, enum mu_error_code code, const char *why)
{
	struct mu_error err = MU_ERROR_INIT;
	struct qmp_disks ret = {.n = 77};
	MU_CLEANUP(mu_str_deinit) struct mu_str out = MU_STR_INIT;

	cr_assert_lt(hear_bytes(text, strlen(text), SIZE_MAX / 2, &out, &ret, &err), 0, "%s", text);
	cr_expect_eq(err.code, code, "%s", text);
	cr_expect(strstr(err.text, why), "%s: %s", text, err.text);
	cr_expect_eq(ret.n, 77, "untouched");
}

static void expect(const struct qmp_disks *d, uint32_t i, const char *vdev, uint64_t rd_bytes,
		   uint64_t wr_ns)
{
	cr_assert_lt(i, d->n);
	cr_expect_str_eq(d->vbds[i].vdev, vdev);
	cr_expect_eq(d->vbds[i].rd_bytes, rd_bytes, "%s: %" PRIu64, vdev, d->vbds[i].rd_bytes);
	cr_expect_eq(d->vbds[i].wr_ns, wr_ns, "%s: %" PRIu64, vdev, d->vbds[i].wr_ns);
	cr_expect(d->vbds[i].timed);
	cr_expect_eq(d->vbds[i].at, 0);
}

/* A PV guest on Xen 4.17 with QEMU 7.2, just booted: two qcow2 disks and a raw one. */
Test(qmp, what_a_real_one_says)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct qmp_disks d;

	corpus_read("qmp/xen-4.17-pv.txt", &text);
	d = hear(text.data);
	cr_assert_eq(d.n, 3);
	expect(&d, 0, "xvda", 4401152, d.vbds[0].wr_ns);
	cr_assert(d.vbds[0].rd_reqs == 162 && d.vbds[0].rd_ns == 2524249218);
	cr_assert(d.vbds[0].wr_bytes == 18432 && d.vbds[0].wr_ns > 0);
	expect(&d, 1, "xvdb", 262144, 0);
	expect(&d, 2, "xvdc", 262144, 0);
}

/* An HVM guest that has let go of the emulated disk and works with the emulated CD. */
Test(qmp, what_a_real_one_says_of_an_hvm_guest)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct qmp_disks d;

	corpus_read("qmp/xen-4.17-hvm.txt", &text);
	d = hear(text.data);
	cr_assert_eq(d.n, 2);
	expect(&d, 0, "hdc", 2048, 0);
	expect(&d, 1, "xvda", 0, 0);
}

Test(qmp, counts_of_one_disk)
{
	struct qmp_disks d = hear(GREETING DONE BACK(DISK("xvda-qcow2", "", 7)));

	cr_assert_eq(d.n, 1);
	expect(&d, 0, "xvda", 70, 75);
	cr_assert_eq(d.vbds[0].wr_bytes, 71);
	cr_assert_eq(d.vbds[0].rd_reqs, 72);
	cr_assert_eq(d.vbds[0].wr_reqs, 73);
	cr_assert_eq(d.vbds[0].rd_ns, 74);
}

Test(qmp, events_come_at_any_time_and_lines_may_be_empty)
{
	struct qmp_disks d =
	    hear("\n" EVENT GREETING EVENT "\r\n" DONE EVENT EVENT BACK(DISK("xvdb-raw", "", 1)));

	cr_assert_eq(d.n, 1);
	expect(&d, 0, "xvdb", 10, 15);
}

Test(qmp, no_disk_is_an_answer)
{
	cr_assert_eq(hear(GREETING DONE BACK("")).n, 0);
}

Test(qmp, disks_are_in_order_and_have_the_guests_names)
{
	struct qmp_disks d =
	    hear(GREETING DONE BACK(DISK("xvdaa-raw", "", 1) "," DISK("sdb-qcow2", "", 2) "," DISK(
		"xvda1-raw", "", 3) "," DISK("hdc-raw", "", 4) "," DISK("xvda-raw", "", 5)));
	static const char *const names[] = {"hdc", "sdb", "xvda", "xvda1", "xvdaa"};

	cr_assert_eq(d.n, MU_ARRAY_SIZE(names));
	for (uint32_t i = 0; i < d.n; i++)
		cr_expect_str_eq(d.vbds[i].vdev, names[i]);
}

Test(qmp, what_is_no_disk_of_the_guest_is_passed_over)
{
	struct qmp_disks d = hear(
	    GREETING DONE BACK(DISK("#block139", "ide0-hd0", 1) "," DISK("xvda", "", 2) "," DISK(
		"xvd-raw", "",
		3) "," DISK("xvda-", "",
			    4) "," DISK("vda-raw", "",
					5) "," DISK("xvdabcdefghijklmn-raw", "",
						    6) ","
						       "7, null, [], {}, {\"node-name\": 8}, "
						       "{\"device\": \"floppy0\"}, " DISK(
							   "xvdb-raw", "", 9)));

	cr_assert_eq(d.n, 1);
	expect(&d, 0, "xvdb", 90, 95);
}

Test(qmp, a_disk_that_is_named_twice_counts_once)
{
	struct qmp_disks d =
	    hear(GREETING DONE BACK(DISK("xvda-raw", "", 1) "," DISK("xvda-qcow2", "", 2)));

	cr_assert_eq(d.n, 1);
	expect(&d, 0, "xvda", 10, 15);
}

Test(qmp, no_more_disks_than_there_is_room_for)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct qmp_disks d;

	mu_str_add(&text, GREETING DONE "{\"return\": [");
	for (int i = 0; i < 26; i++)
		mu_str_printf(&text,
			      "%s{\"node-name\": \"xvd%c-raw\", \"stats\": {\"rd_bytes\": 4}}",
			      i ? "," : "", 'a' + i);
	mu_str_add(&text, "]}\n");
	d = hear(text.data);
	cr_assert_eq(d.n, HV_DISKS_MAX);
	expect(&d, 0, "xvda", 4, HV_COUNTER_UNKNOWN);
}

Test(qmp, a_count_that_is_none_is_unknown)
{
	struct qmp_disks d = hear(GREETING DONE BACK(
	    "{\"node-name\": \"xvda-raw\", \"stats\": {\"rd_bytes\": -1, "
	    "\"wr_bytes\": \"4\", \"rd_operations\": 1.5, \"wr_operations\": 0}},"
	    "{\"node-name\": \"xvdb-raw\"}"));

	cr_assert_eq(d.n, 2);
	expect(&d, 0, "xvda", HV_COUNTER_UNKNOWN, HV_COUNTER_UNKNOWN);
	cr_assert_eq(d.vbds[0].wr_bytes, HV_COUNTER_UNKNOWN);
	cr_assert_eq(d.vbds[0].rd_reqs, HV_COUNTER_UNKNOWN);
	cr_assert_eq(d.vbds[0].wr_reqs, 0);
	expect(&d, 1, "xvdb", HV_COUNTER_UNKNOWN, HV_COUNTER_UNKNOWN);
}

/* Until an HVM guest has its drivers it works with what QEMU emulates. */
Test(qmp, emulated_disks_add_to_the_guests)
{
	static const struct {
		const char *device;
		const char *vdev;
		bool adds;
	} rows[] = {
	    {"ide0-hd0", "xvda", true},   {"ide0-hd1", "xvdb", true},
	    {"ide1-hd0", "xvdc", true},   {"ide1-hd1", "hdd", true},
	    {"ide0-hd0", "hda", true},    {"ide0-hd0", "xvda1", true},
	    {"ahcidisk-4", "xvde", true}, {"scsi0-hd2", "sdc", true},
	    {"ide-5632", "hdc", true},    {"ide-5696", "hdd", true},
	    {"ide-832", "hdb", true},     {"ide-51744", "xvdc", true},
	    {"ide-2064", "sdb", true},    {"ide0-hd0", "xvdb", false},
	    {"ide0-hd0", "xvdaa", false}, {"ide-99999", "xvda", false},
	    {"ide0-hdx", "xvda", false},  {"ahcidisk-99", "xvda", false},
	    {"ide-", "xvda", false},      {"floppy0", "xvda", false},
	    {"ide-5632", "xvda", false},  {"", "xvda", false},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(rows); i++) {
		char text[1000];
		struct qmp_disks d;

		snprintf(
		    text, sizeof text,
		    GREETING DONE
		    "{\"return\": [{\"device\": \"%s\", \"node-name\": \"#block1\", \"stats\": "
		    "{\"rd_bytes\": 5, \"rd_total_time_ns\": 1}}, {\"node-name\": \"%s-raw\", "
		    "\"stats\": {\"rd_bytes\": 10, \"wr_total_time_ns\": 3}}]}\n",
		    rows[i].device, rows[i].vdev);
		d = hear(text);
		cr_assert_eq(d.n, 1);
		cr_expect_eq(d.vbds[0].rd_bytes, rows[i].adds ? 15 : 10, "%s %s", rows[i].device,
			     rows[i].vdev);
		cr_expect_eq(d.vbds[0].wr_ns, rows[i].adds ? HV_COUNTER_UNKNOWN : 3, "%s %s",
			     rows[i].device, rows[i].vdev);
		cr_expect_eq(d.vbds[0].rd_ns, HV_COUNTER_UNKNOWN);
	}
}

Test(qmp, what_makes_no_sense_is_refused)
{
	fails("hello\n", MU_E_PROTOCOL, "QEMU's answer: malformed JSON");
	fails("{}\n", MU_E_PROTOCOL, "neither");
	fails("[]\n", MU_E_PROTOCOL, "neither");
	fails(DONE, MU_E_PROTOCOL, "neither");
	fails(GREETING GREETING, MU_E_PROTOCOL, "neither");
	fails(GREETING DONE GREETING, MU_E_PROTOCOL, "neither");
	fails(GREETING DONE DONE, MU_E_PROTOCOL, "no list of disks");
	fails(GREETING
	      "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not \\u001b now\"}}\n",
	      MU_E_IO, "QEMU refuses: \"not ? now\"");
	fails(GREETING DONE "{\"error\": 7}\n", MU_E_IO, "QEMU refuses: \"\"");
}

Test(qmp, what_is_too_long_or_too_deep_is_refused)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_str_add(&text, GREETING);
	while (text.len < QMP_LINE_MAX + 200)
		mu_str_add(&text, "          ");
	fails(text.data, MU_E_PROTOCOL, "more than 131072 bytes");
	mu_str_reset(&text);
	while (text.len < 2 * QMP_HEARD_MAX)
		mu_str_add(&text, EVENT);
	fails(text.data, MU_E_PROTOCOL, "more than 262144 bytes");
	mu_str_reset(&text);
	mu_str_add(&text, GREETING);
	while (text.len < QMP_HEARD_MAX) /* empty lines */
		mu_str_add_char(&text, '\n');
	mu_str_add(&text, DONE BACK(DISK("xvda-raw", "", 1)));
	fails(text.data, MU_E_PROTOCOL, "more than 262144 bytes");
	mu_str_reset(&text);
	for (int i = 0; i < 100; i++)
		mu_str_add_char(&text, '[');
	mu_str_add_char(&text, '\n');
	fails(text.data, MU_E_PROTOCOL, "deeper than");
}
