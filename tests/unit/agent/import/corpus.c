/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/import/corpus.h"

#include "common/json/json.h"
#include "common/os/file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk {
	void (*each)(const char *name, const struct mu_str *text);
	int n;
};

static int one(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct walk *walk = ctx;

	cr_assert_eq(mu_file_read(path, 1 << 20, &text, err), 0, "%s", path);
	mu_str_add(&text, "");
	walk->each(name, &text);
	walk->n++;
	return 0;
}

static void path_of(const char *rest, char buf[static 512])
{
	const char *data = getenv("MUSTER_TEST_DATA");

	cr_assert_not_null(data);
	(void)snprintf(buf, 512, "%s/%s", data, rest);
}

void corpus_each(const char *folder, const char *suffix, int least,
		 void (*each)(const char *name, const struct mu_str *text))
{
	struct walk walk = {each, 0};
	struct mu_error err = MU_ERROR_INIT;
	char path[512];

	path_of(folder, path);
	cr_assert_eq(mu_file_list(path, suffix, one, &walk, &err), 0, "%s", err.text);
	cr_assert_geq(walk.n, least, "%s has %d files", folder, walk.n);
}

void corpus_read(const char *rest, struct mu_str *text)
{
	struct mu_error err = MU_ERROR_INIT;
	char path[512];

	path_of(rest, path);
	cr_assert_eq(mu_file_read(path, 1 << 20, text, &err), 0, "%s", err.text);
}

struct mu_value *corpus_json(struct mu_arena *a, const struct mu_str *text)
{
	struct mu_error err = MU_ERROR_INIT;
	struct mu_value *v;

	cr_assert_eq(mu_json_read(a, text->data, text->len, &v, &err), 0, "%s", err.text);
	return v;
}

/* What libxl fills in where nothing is said (libxl_create.c, libxl_types.idl). */

static void drop_if(struct mu_value *object, const char *name, const char *text)
{
	if (mu_str_equal(mu_value_as_string(mu_value_get(object, name)), text))
		mu_value_remove(object, name);
}

static void drop_number(struct mu_value *object, const char *name, int64_t n)
{
	const struct mu_value *v = mu_value_get(object, name);

	if (v && v->kind == MU_VALUE_INT && v->integer == n)
		mu_value_remove(object, name);
}

static void drop_empty(struct mu_value *v)
{
	struct mu_value *next;

	for (struct mu_value *child = v->first; child; child = next) {
		next = child->next;
		drop_empty(child);
		if (v->kind == MU_VALUE_OBJECT && !child->n_children &&
		    (child->kind == MU_VALUE_LIST || child->kind == MU_VALUE_OBJECT) &&
		    !strchr(child->name, '.'))
			mu_value_remove(v, child->name);
	}
}

static void drop_disk(struct mu_value *disk)
{
	drop_if(disk, "pdev_path", ""); /* of an empty drive */
	drop_number(disk, "removable", 0);
}

static void drop_defaults(struct mu_value *root)
{
	static const char *const events[] = {"on_poweroff", "on_reboot", "on_crash", "on_watchdog",
					     "on_soft_reset"};
	struct mu_value *c = mu_value_find(root, "c_info");
	struct mu_value *b = mu_value_find(root, "b_info");
	struct mu_value *hvm = mu_value_find(b, "type.hvm");
	const struct mu_value *online = mu_value_get(b, "avail_vcpus");
	struct mu_value *vfbs = mu_value_find(root, "vfbs");
	struct mu_value *disks = mu_value_find(root, "disks");

	/* from xl.conf, not from the file */
	mu_value_remove(c, "run_hotplug_scripts");
	mu_value_remove(b, "claim_mode");
	drop_number(b, "max_vcpus", 1);
	if (online && online->n_children == 1)
		mu_value_remove(b, "avail_vcpus");
	for (size_t i = 0; i < MU_ARRAY_SIZE(events); i++)
		drop_if(root, events[i], "destroy");
	if (hvm) {
		drop_if(mu_value_find(hvm, "vnc"), "enable", "True");
		drop_if(hvm, "usb", "False");
	}
	if (vfbs && vfbs->first)
		drop_if(mu_value_find(vfbs->first, "vnc"), "enable", "True");
	for (struct mu_value *d = vfbs ? vfbs->first : NULL; d; d = d->next)
		drop_empty(d);
	for (struct mu_value *d = disks ? disks->first : NULL; d; d = d->next)
		drop_disk(d);
}

/* An address that was not said is derived; a policy for reserved memory is for HVM alone, and xl
 * reads it from memory that PV uses otherwise. */
static void drop_made_up(struct mu_value *root, const struct mu_value *expected)
{
	struct mu_value *nics = mu_value_find(root, "nics");
	const struct mu_value *asked = mu_value_get(expected, "nics");
	const struct mu_value *said = asked ? asked->first : NULL;
	struct mu_value *pci = mu_value_find(root, "pcidevs");

	for (struct mu_value *nic = nics ? nics->first : NULL; nic && said;
	     nic = nic->next, said = said->next) {
		if (!mu_value_get(said, "mac"))
			mu_value_remove(nic, "mac");
	}
	if (mu_value_get(mu_value_get(root, "b_info"), "type.hvm"))
		return;
	for (struct mu_value *dev = pci ? pci->first : NULL; dev; dev = dev->next)
		mu_value_remove(dev, "rdm_policy");
}

static struct mu_value *plain(struct mu_arena *a, const struct mu_value *v,
			      const struct mu_value *expected)
{
	struct mu_value *copy = mu_value_copy(a, v);

	drop_defaults(copy);
	drop_made_up(copy, expected);
	drop_empty(copy);
	return copy;
}

void corpus_same(struct mu_arena *a, const char *name, const struct mu_value *expected,
		 const struct mu_value *found)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str e = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str f = MU_STR_INIT;
	struct mu_value *x = plain(a, expected, expected);
	struct mu_value *y = plain(a, found, expected);

	mu_json_write(&e, x, false);
	mu_json_write(&f, y, false);
	cr_expect(mu_value_equal(x, y), "%s\nexpected %s\nfound    %s", name, e.data, f.data);
}
