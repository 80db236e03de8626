/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a request, as protobuf's own encoding rules have them; test_remote_write.py has them
 * read by others. */
#include "common/expose/remote.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct expose_label vm[] = {{"vm_uuid", "v"}};
static const struct expose_label info[] = {{"vm", "web"}, {"host", ""}, {"host_uuid", "h"}};
static const struct expose_object object = {EXPOSE_VM, vm, 1, info, 3};

static void put(struct expose_remote *w, const char *name, bool known, size_t n,
		const float *values)
{
	static const mu_msec at[] = {1000, 6000};
	const struct expose_values v = {n, at, values, known};

	expose_remote_put(w, name, &v);
}

static void expect(const struct expose_remote *w, const void *bytes, size_t len)
{
	const struct mu_str *got = expose_remote_bytes(w);

	cr_assert_eq(got->len, len, "%zu bytes", got->len);
	cr_assert_arr_eq(got->data, bytes, len);
}

/* "\x0a" and a length before each piece: written out, so that one can see it. */
#define NAME(len, text) "\x0a" len "\x0a\x08__name__\x12" text
#define VM_UUID "\x0a\x0c\x0a\x07vm_uuid\x12\x01v"
#define AT_1000 "\x10\xe8\x07"
#define AT_6000 "\x10\xf0\x2e"

Test(remote, one_series)
{
	static const char want[] = "\x0a\x4e" NAME("\x22", "\x16muster_vm_memory_bytes") VM_UUID
	    "\x12\x0c\x09\0\0\0\0\0\0\xf0\x3f" AT_1000  /* 1 */
	    "\x12\x0c\x09\0\0\0\0\0\0\x04\x40" AT_6000; /* 2.5 */
	MU_CLEANUP(expose_remote_free) struct expose_remote *w = expose_remote_new(EXPOSE_NATIVE);

	expose_remote_object(w, &object);
	put(w, "memory", false, 2, (const float[]){1, 2.5f});
	cr_assert_eq(expose_remote_n_samples(w), 2);
	expect(w, want, sizeof want - 1);
	expose_remote_reset(w);
	cr_assert_eq(expose_remote_n_samples(w), 0);
	expect(w, "", 0);
}

/* The label of a series stands in its place: "vbd" before "vm_uuid", "vif" too. */
Test(remote, labels_are_sorted)
{
	static const char want[] = "\x0a\x5b" NAME(
	    "\x30",
	    "\x24muster_vm_disk_read_bytes_per_second") "\x0a\x0b\x0a\x03vbd\x12\x04xvda" VM_UUID
							"\x12\x0c\x09\0\0\0\0\0\0\xf0\x3f" AT_1000;
	static const struct expose_label labels[] = {{"host", "n"}, {"vm", "w"}, {"aa", "1"}};
	const struct expose_object o = {EXPOSE_VM, labels, 3, NULL, 0};
	MU_CLEANUP(expose_remote_free) struct expose_remote *w = expose_remote_new(EXPOSE_NATIVE);
	MU_CLEANUP(expose_remote_free)
	struct expose_remote *compat = expose_remote_new(EXPOSE_XEN_EXPORTER);
	const struct mu_str *got;
	const char *at;

	expose_remote_object(w, &object);
	put(w, "vbd_xvda_read", false, 1, (const float[]){1});
	expect(w, want, sizeof want - 1);

	/* Two series of one, by these names; "vbd" between "host" and "vm". */
	expose_remote_object(compat, &o);
	put(compat, "vbd_xvda_read", false, 1, (const float[]){1});
	cr_assert_eq(expose_remote_n_samples(compat), 2);
	got = expose_remote_bytes(compat);
	at = memmem(got->data, got->len,
		    "\x0a\x07\x0a\x02"
		    "aa\x12\x01"
		    "1\x0a\x09\x0a\x04host\x12\x01n\x0a\x0b\x0a\x03vbd\x12\x04xvda\x0a\x07\x0a\x02"
		    "vm\x12\x01w",
		    42);
	cr_assert_not_null(at);
}

/* Only the info has these; empty ones nobody has. */
Test(remote, info)
{
	static const char want[] = "\x0a\x53" NAME(
	    "\x1a", "\x0emuster_vm_info") "\x0a\x0e\x0a\x09host_"
					  "uuid\x12\x01h\x0a\x09\x0a\x02vm\x12\x03web" VM_UUID
					  "\x12\x0c\x09\0\0\0\0\0\0\xf0\x3f" AT_1000;
	MU_CLEANUP(expose_remote_free) struct expose_remote *w = expose_remote_new(EXPOSE_NATIVE);

	expose_remote_object(w, &object);
	put(w, EXPOSE_INFO, false, 1, (const float[]){1});
	expect(w, want, sizeof want - 1);
}

/* Unknown behind known: the series ends there, once; unknown behind unknown is nothing. */
Test(remote, stale)
{
	static const char want[] = "\x0a\x40" NAME("\x22", "\x16muster_vm_memory_bytes") VM_UUID
	    "\x12\x0c\x09\x02\0\0\0\0\0\xf0\x7f" AT_1000;
	MU_CLEANUP(expose_remote_free) struct expose_remote *w = expose_remote_new(EXPOSE_NATIVE);

	expose_remote_object(w, &object);
	put(w, "memory", true, 2, (const float[]){NAN, INFINITY});
	cr_assert_eq(expose_remote_n_samples(w), 1);
	expect(w, want, sizeof want - 1);
	put(w, "memory", false, 2, (const float[]){NAN, NAN});
	put(w, "no_name_of_ours", true, 1, (const float[]){1});
	put(w, "vif_aggr_rx", true, 1, (const float[]){1});
	expect(w, want, sizeof want - 1);
}

/* KiB there, bytes here; large numbers take more than one byte of a length. */
Test(remote, long_labels_and_scale)
{
	char value[300];
	const struct expose_label label = {"vm_uuid", value};
	const struct expose_object o = {EXPOSE_VM, &label, 1, NULL, 0};
	MU_CLEANUP(expose_remote_free) struct expose_remote *w = expose_remote_new(EXPOSE_NATIVE);
	const struct mu_str *got;
	double v;

	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	expose_remote_object(w, &o);
	put(w, "memory_internal_free", false, 1, (const float[]){3});
	got = expose_remote_bytes(w);
	cr_assert_eq(memcmp(got->data, "\x0a\xf7\x02", 3), 0);
	cr_assert_eq(got->len, 3 + 0x177);
	memcpy(&v, got->data + got->len - 11, sizeof v);
	cr_assert_eq(v, 3072);
}

Test(remote, labels_that_are_too_long)
{
	char value[EXPOSE_LABELS_MAX + 1];
	const struct expose_label label = {"vm_uuid", value};
	const struct expose_object o = {EXPOSE_VM, &label, 1, NULL, 0};
	MU_CLEANUP(expose_remote_free) struct expose_remote *w = expose_remote_new(EXPOSE_NATIVE);

	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	expose_remote_object(w, &o);
	put(w, "memory", false, 1, (const float[]){3});
	cr_assert_eq(expose_remote_n_samples(w), 0);
}

/* Names that were many are looked up again. */
Test(remote, many_names)
{
	MU_CLEANUP(expose_remote_free) struct expose_remote *w = expose_remote_new(EXPOSE_NATIVE);
	char name[32];
	size_t len;

	expose_remote_object(w, &object);
	put(w, "memory", false, 1, (const float[]){3});
	len = expose_remote_bytes(w)->len;
	for (unsigned i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof name, "vbd_d%u_read", i);
		put(w, name, false, 1, (const float[]){3});
	}
	cr_assert_eq(expose_remote_n_samples(w), 5001);
	expose_remote_reset(w);
	expose_remote_object(w, &object);
	put(w, "memory", false, 1, (const float[]){3});
	cr_assert_eq(expose_remote_bytes(w)->len, len);
}

Test(remote, free_nothing)
{
	cr_assert_null(expose_remote_free(NULL));
}
