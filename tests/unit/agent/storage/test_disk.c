/* SPDX-License-Identifier: Apache-2.0 */
/* Bad input: images that lie, and directories with traps in them. On real files, with qemu-img. */
#include "agent/storage/disk.h"
#include "agent/storage/drivers.h"
#include "common/os/file.h"
#include "common/os/random.h"
#include "common/os/tool.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((int64_t)1 << 20)
#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

static char top[] = "/tmp/test-disk.XXXXXX";
static char location[64], outside[64], image[64];
static const struct image_part whole;
static struct sr *sr;
static struct disk_env env = {.state_dir = top};

static struct sr *open_sr(const struct sr_ops *ops, const char *param, const char *value)
{
	const struct sr_ops *const drivers[] = {ops, NULL};
	struct sr_config c = {.id = mu_random_uuid(), .n_params = 1};
	struct mu_error err = MU_ERROR_INIT;
	struct sr *opened;

	snprintf(c.type, sizeof c.type, "%s", ops->type);
	snprintf(c.params[0].name, sizeof c.params[0].name, "%s", param);
	snprintf(c.params[0].value, sizeof c.params[0].value, "%s", value);
	cr_assert_eq(sr_new(drivers, &c, top, &opened, &err), 0, "%s", err.text);
	return opened;
}

static void run(const char *const *argv)
{
	struct mu_tool t = {.argv = argv, .output_max = 4096};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(mu_tool_run(&t, &err), 0, "%s", err.text);
	mu_tool_deinit(&t);
}

static void setup(void)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert(mkdtemp(top));
	snprintf(location, sizeof location, "%s/sr", top);
	snprintf(outside, sizeof outside, "%s/outside", top);
	snprintf(image, sizeof image, "%s/image", top);
	cr_assert_eq(mkdir(location, 0700), 0);
	sr = open_sr(&sr_dir_ops, "location", location);
	cr_assert_eq(sr_create(sr, &err), 0, "%s", err.text);
}

static void teardown(void)
{
	sr = sr_free(sr);
	run(ARGV("rm", "-rf", top));
}

TestSuite(disk, .init = setup, .fini = teardown, .timeout = 120);

static size_t n_disks(void)
{
	struct mu_error err = MU_ERROR_INIT;
	struct sr_vdis v;
	size_t n;

	cr_assert_eq(sr_scan(sr, &v, &err), 0, "%s", err.text);
	n = v.n;
	sr_vdis_deinit(&v);
	return n;
}

/* The SR's directory has its mark and nothing else. */
static void nothing_left(void)
{
	DIR *d = opendir(location);
	const struct dirent *entry;

	while ((entry = readdir(d)))
		cr_assert(entry->d_name[0] == '.' || strcmp(entry->d_name, "muster-sr.json") == 0,
			  "left: %s", entry->d_name);
	closedir(d);
	cr_assert_eq(n_disks(), 0);
}

static void import_refused(enum image_format f, enum mu_error_code code, const char *text)
{
	struct sr_vdi vdi = {.id = mu_random_uuid()};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_lt(disk_import(&env, sr, &vdi, image, &whole, f, &err), 0, "%s: taken", text);
	cr_assert_eq(err.code, code, "%s", err.text);
	cr_assert(strstr(err.text, text), "%s", err.text);
	nothing_left();
}

static struct sr_vdi import(enum image_format f)
{
	struct sr_vdi vdi = {.id = mu_random_uuid()};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(disk_import(&env, sr, &vdi, image, &whole, f, &err), 0, "%s", err.text);
	return vdi;
}

static void write_file(const char *path, const void *data, size_t len)
{
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(mu_file_replace(path, data, len, 0600, &err), 0, "%s", err.text);
}

Test(disk, qcow2_with_a_backing_file_is_refused)
{
	write_file(outside, "secret", 6);
	run(ARGV("qemu-img", "create", "-q", "-f", "qcow2", "-b", outside, "-F", "raw", image,
		 "1M"));
	import_refused(IMAGE_QCOW2, MU_E_INVALID, "backing file");
}

/* The trap: bytes of a qcow2 image, said to be raw. They stay bytes. */
Test(disk, raw_that_looks_like_qcow2_is_never_followed)
{
	unsigned char bytes[4];
	struct sr_path path;
	struct sr_vdi vdi;
	struct stat st;
	int fd;

	write_file(outside, "secret", 6);
	run(ARGV("qemu-img", "create", "-q", "-f", "qcow2", "-b", outside, "-F", "raw", image,
		 "1M"));
	vdi = import(IMAGE_RAW);
	cr_assert_eq(stat(image, &st), 0);
	cr_assert_eq(vdi.size_bytes, (st.st_size + 511) / 512 * 512);
	cr_assert_eq(sr_activate(sr, &vdi, true, &path, NULL), 0);
	cr_assert_str_eq(path.format, "raw");
	fd = open(path.path, O_RDONLY);
	cr_assert_eq(pread(fd, bytes, 4, 0), 4);
	close(fd);
	cr_assert_eq(memcmp(bytes, "QFI\xfb", 4), 0);
	/* Nor on the way out again. */
	snprintf(image, sizeof image, "%s/copy", top);
	cr_assert_eq(disk_export(&env, sr, &vdi, image, IMAGE_QCOW2, NULL), 0);
	vdi = import(IMAGE_QCOW2);
	cr_assert_eq(vdi.size_bytes, (st.st_size + 511) / 512 * 512);
}

Test(disk, qcow2_with_an_external_data_file_is_refused)
{
	char option[128];

	snprintf(option, sizeof option, "data_file=%s", outside);
	run(ARGV("qemu-img", "create", "-q", "-f", "qcow2", "-o", option, image, "1M"));
	import_refused(IMAGE_QCOW2, MU_E_INVALID, "another file");
}

Test(disk, vmdk_in_several_files_is_refused)
{
	run(ARGV("qemu-img", "create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", image,
		 "1M"));
	import_refused(IMAGE_VMDK, MU_E_INVALID, "data inside");
}

Test(disk, wrong_format_is_refused)
{
	char zeroes[4096] = {0};

	write_file(image, zeroes, sizeof zeroes);
	import_refused(IMAGE_QCOW2, MU_E_INVALID, "no qcow2 image");
	import_refused(IMAGE_VHD, MU_E_INVALID, "no vhd image");
	import_refused(IMAGE_VMDK, MU_E_INVALID, "no vmdk image");
	import_refused(IMAGE_OVA, MU_E_INVALID, "0 .vmdk files");
	write_file(image, "", 0);
	import_refused(IMAGE_RAW, MU_E_INVALID, "empty");
	run(ARGV("qemu-img", "create", "-q", "-f", "qcow2", image, "1M"));
	cr_assert_eq(truncate(image, 512), 0);
	import_refused(IMAGE_QCOW2, MU_E_INVALID, "cut off");
}

Test(disk, image_that_is_no_file_is_refused)
{
	cr_assert_eq(symlink("/etc/passwd", image), 0);
	import_refused(IMAGE_RAW, MU_E_IO, image);
	cr_assert_eq(unlink(image), 0);
	cr_assert_eq(mkfifo(image, 0600), 0);
	import_refused(IMAGE_RAW, MU_E_INVALID, "regular file");
	cr_assert_eq(unlink(image), 0);
	import_refused(IMAGE_RAW, MU_E_NOT_FOUND, image);
	snprintf(image, sizeof image, "relative");
	import_refused(IMAGE_RAW, MU_E_INVALID, "absolute");
}

Test(disk, image_larger_than_the_sr_is_refused)
{
	run(ARGV("qemu-img", "create", "-q", "-f", "qcow2", image, "60T"));
	import_refused(IMAGE_QCOW2, MU_E_EXHAUSTED, "more than the storage repository has");
}

Test(disk, ova_holds_a_disk)
{
	char vmdk[64];
	struct sr_vdi vdi;

	snprintf(vmdk, sizeof vmdk, "%s/d.vmdk", top);
	run(ARGV("qemu-img", "create", "-q", "-f", "vmdk", "-o", "subformat=streamOptimized", vmdk,
		 "3M"));
	write_file(outside, "<Envelope/>", 11);
	run(ARGV("tar", "-cf", image, "-C", top, "outside", "d.vmdk"));
	vdi = import(IMAGE_OVA);
	cr_assert_eq(vdi.size_bytes, 3 * MIB);
	run(ARGV("cp", vmdk, outside));
	run(ARGV("tar", "-cf", image, "-C", top, "d.vmdk", "outside", "--transform",
		 "s/outside/e.vmdk/"));
	cr_assert_eq(disk_delete(&env, sr, &vdi.id, NULL), 0);
	import_refused(IMAGE_OVA, MU_E_INVALID, "2 .vmdk files");
	run(ARGV("tar", "-cf", image, "-C", top, "d.vmdk"));
	cr_assert_eq(truncate(image, 1024), 0);
	import_refused(IMAGE_OVA, MU_E_INVALID, "cut off");
}

Test(disk, stream_that_is_too_long_leaves_nothing)
{
	struct sr_vdi vdi = {.id = mu_random_uuid(), .size_bytes = 512};
	struct mu_error err = MU_ERROR_INIT;
	char bytes[1024] = "x";
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(write(ends[1], bytes, sizeof bytes), sizeof bytes);
	close(ends[1]);
	cr_assert_lt(disk_receive(&env, sr, &vdi, ends[0], &err), 0);
	cr_assert_eq(err.code, MU_E_TOO_LARGE, "%s", err.text);
	close(ends[0]);
	nothing_left();
}

Test(disk, cancelled_work_leaves_nothing)
{
	struct sr_vdi vdi = {.id = mu_random_uuid()};
	struct mu_error err = MU_ERROR_INIT;
	struct disk_env cancelled = env;
	struct mu_cancel cancel;

	run(ARGV("truncate", "-s", "16M", image));
	mu_cancel_init(&cancel);
	mu_cancel_set(&cancel);
	cancelled.watch.cancel = &cancel;
	cr_assert_lt(disk_import(&cancelled, sr, &vdi, image, &whole, IMAGE_RAW, &err), 0);
	cr_assert_eq(err.code, MU_E_CANCELLED, "%s", err.text);
	mu_cancel_deinit(&cancel);
	nothing_left();
}

Test(disk, formats_have_names)
{
	enum image_format f;

	for (int i = 0; i < _IMAGE_FORMAT_COUNT; i++) {
		cr_assert(image_format_parse(image_format_name((enum image_format)i), &f));
		cr_assert_eq((int)f, i);
	}
	cr_assert(!image_format_parse("iso", &f));
}

/* Directories with traps */

static void location_refused(const char *path, enum mu_error_code code)
{
	const struct sr_ops *const drivers[] = {&sr_dir_ops, NULL};
	struct sr_config c = {.id = mu_random_uuid(), .type = "dir", .n_params = 1};
	struct mu_error err = MU_ERROR_INIT;
	struct sr *other = NULL;

	snprintf(c.params[0].name, sizeof c.params[0].name, "location");
	snprintf(c.params[0].value, sizeof c.params[0].value, "%s", path);
	if (sr_new(drivers, &c, top, &other, &err) == 0)
		cr_assert_lt(sr_create(other, &err), 0, "%s: taken", path);
	cr_assert_eq(err.code, code, "%s: %s", path, err.text);
	sr_free(other);
}

Test(disk, locations_that_lead_astray_are_refused)
{
	char path[128];

	location_refused("relative/path", MU_E_INVALID);
	snprintf(path, sizeof path, "%s/../sr", location);
	location_refused(path, MU_E_INVALID);
	snprintf(path, sizeof path, "%s/..", location);
	location_refused(path, MU_E_INVALID);
	cr_assert_eq(symlink(location, outside), 0);
	location_refused(outside, MU_E_INVALID);
	snprintf(path, sizeof path, "%s/missing", top);
	location_refused(path, MU_E_NOT_FOUND);
	location_refused(location, MU_E_EXISTS);
	snprintf(path, sizeof path, "%s/", location);
	location_refused(path, MU_E_EXISTS);
}

/* Somebody puts a link where a disk's data was. */
Test(disk, link_in_place_of_data_is_not_followed)
{
	struct sr_vdi vdi = {.id = mu_random_uuid(), .size_bytes = MIB}, got;
	struct mu_error err = MU_ERROR_INIT;
	char path[256], text[MU_UUID_TEXT];
	struct sr_path p;
	struct stat st;

	cr_assert_eq(disk_create(&env, sr, &vdi, &err), 0, "%s", err.text);
	snprintf(path, sizeof path, "%s/%s.raw", location, mu_uuid_format(&vdi.id, text));
	cr_assert_eq(unlink(path), 0);
	write_file(outside, "secret", 6);
	cr_assert_eq(symlink(outside, path), 0);
	cr_assert_lt(sr_activate(sr, &vdi, true, &p, &err), 0);
	cr_assert_eq(err.code, MU_E_DENIED, "%s", err.text);
	cr_assert_lt(sr_vdi_resize(sr, &vdi, 2 * MIB, &err), 0);
	cr_assert_eq(sr_find(sr, &vdi.id, &got, &err), 0);
	cr_assert(got.missing);
	cr_assert_eq(disk_delete(&env, sr, &vdi.id, &err), 0, "%s", err.text);
	cr_assert_eq(stat(outside, &st), 0);
	cr_assert_eq(st.st_size, 6);
	nothing_left();
}

/* Xen's block script puts a loop device over a raw image; it must see a resize. */
Test(disk, growth_reaches_a_loop_device)
{
	struct sr_vdi vdi = {.id = mu_random_uuid(), .size_bytes = MIB};
	struct mu_tool t = {.output_max = 100};
	struct mu_error err = MU_ERROR_INIT;
	struct sr_path p;
	off_t end;
	int fd;

	cr_assert_eq(disk_create(&env, sr, &vdi, &err), 0, "%s", err.text);
	cr_assert_eq(sr_activate(sr, &vdi, false, &p, &err), 0, "%s", err.text);
	t.argv = ARGV("losetup", "--find", "--show", p.path);
	if (mu_tool_run(&t, &err) < 0)
		cr_skip("no loop devices here: %s", err.text);
	t.out.data[strcspn(t.out.data, "\n")] = '\0';
	cr_expect_eq(sr_vdi_resize(sr, &vdi, 2 * MIB, &err), 0, "%s", err.text);
	fd = open(t.out.data, O_RDONLY);
	end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	close(fd);
	run(ARGV("losetup", "--detach", t.out.data));
	cr_assert_eq(end, 2 * MIB);
	mu_tool_deinit(&t);
}

Test(disk, damaged_book_keeping_is_shown_as_missing)
{
	struct sr_vdi vdi = {.id = mu_random_uuid(), .size_bytes = MIB}, got;
	static const char *const bad[] = {"", "{", "{\"version\": 2}",
					  "{\"version\": 1, \"uuid\": \"x\"}", "[1]"};
	char path[256], text[MU_UUID_TEXT];

	cr_assert_eq(disk_create(&env, sr, &vdi, NULL), 0);
	snprintf(path, sizeof path, "%s/%s.json", location, mu_uuid_format(&vdi.id, text));
	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		write_file(path, bad[i], strlen(bad[i]));
		cr_assert_eq(sr_find(sr, &vdi.id, &got, NULL), 0, "%s", bad[i]);
		cr_assert(got.missing && got.description[0], "%s", bad[i]);
	}
}

Test(disk, mark_that_cannot_be_read_is_not_overwritten)
{
	char path[128];

	snprintf(path, sizeof path, "%s/muster-sr.json", location);
	write_file(path, "{", 1);
	location_refused(location, MU_E_PROTOCOL);
}

/* Intents of other SRs wait for them; damaged ones are set aside. */
Test(disk, intents_are_swept_per_sr)
{
	struct sr_vdi vdi = {.id = mu_random_uuid(), .size_bytes = MIB};
	struct mu_uuid elsewhere = mu_random_uuid(), unknown = mu_random_uuid();
	struct mu_error err = MU_ERROR_INIT;
	char path[256], text[MU_UUID_TEXT];
	struct intent in;
	size_t n = 9;

	cr_assert_eq(intent_recover(top, sr, &n, &err), 0, "%s", err.text);
	cr_assert_eq(n, 0);
	cr_assert_eq(disk_create(&env, sr, &vdi, &err), 0);
	intent_init(&in, "test");
	intent_add(&in, &sr_config_of(sr)->id, &vdi.id);
	intent_add(&in, &sr_config_of(sr)->id, &unknown);
	intent_add(&in, &elsewhere, &unknown);
	cr_assert_eq(intent_begin(top, &in, &err), 0, "%s", err.text);
	snprintf(path, sizeof path, "%s/storage/intents/bad.json", top);
	write_file(path, "{", 1);
	cr_assert_eq(intent_recover(top, sr, &n, &err), 0, "%s", err.text);
	cr_assert_eq(n, 2);
	nothing_left();
	cr_assert_neq(access(path, F_OK), 0, "the damaged one is still there");
	snprintf(path, sizeof path, "%s/storage/intents/%s.json", top,
		 mu_uuid_format(&in.id, text));
	cr_assert_eq(access(path, F_OK), 0, "the other SR's part is gone");
	cr_assert_eq(intent_recover(top, sr, &n, &err), 0);
	cr_assert_eq(n, 0);
}

/* Images for CD drives */

Test(disk, iso_shows_images_and_changes_nothing)
{
	struct sr *iso = open_sr(&sr_iso_ops, "location", location);
	struct sr_vdi vdi = {.id = mu_random_uuid(), .size_bytes = MIB};
	struct mu_error err = MU_ERROR_INIT;
	struct sr_vdis v;
	struct sr_path p;
	char path[128];

	snprintf(path, sizeof path, "%s/debian 12.ISO", location);
	write_file(path, "image", 5);
	snprintf(path, sizeof path, "%s/trap.iso", location);
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof path, "%s/notes.txt", location);
	write_file(path, "text", 4);
	cr_assert_eq(sr_create(iso, &err), SR_FOUND, "%s", err.text);
	cr_assert(sr_caps_of(iso).iso && sr_caps_of(iso).read_only);
	cr_assert_eq(sr_scan(iso, &v, &err), 0, "%s", err.text);
	cr_assert_eq(v.n, 1);
	cr_assert_str_eq(v.list[0].name, "debian 12.ISO");
	cr_assert(v.list[0].type == VDI_ISO && v.list[0].readonly && v.list[0].size_bytes == 5);
	cr_assert_lt(sr_activate(iso, &v.list[0], false, &p, &err), 0);
	cr_assert_eq(sr_activate(iso, &v.list[0], true, &p, &err), 0, "%s", err.text);
	cr_assert(strstr(p.path, "/debian 12.ISO"));
	cr_assert_lt(sr_vdi_create(iso, &vdi, &err), 0);
	cr_assert_eq(err.code, MU_E_UNSUPPORTED);
	cr_assert_lt(disk_delete(&env, iso, &v.list[0].id, &err), 0);
	cr_assert_eq(sr_activate(iso, &vdi, true, &p, &err), MU_FAILED);
	cr_assert_eq(err.code, MU_E_NOT_FOUND);
	cr_assert_eq(sr_destroy(iso, &err), 0, "%s", err.text);
	cr_assert_eq(access(path, F_OK), 0, "its files are not ours");
	sr_vdis_deinit(&v);
	sr_free(iso);
}

Test(disk, parameters_are_checked)
{
	static const struct {
		const struct sr_ops *ops;
		const char *name;
		const char *value;
	} bad[] = {
	    {&sr_dir_ops, "lokation", "/x"},      {&sr_dir_ops, "location", ""},
	    {&sr_dir_ops, "full_percent", "0"},   {&sr_lvmthin_ops, "pool", "vg"},
	    {&sr_lvmthin_ops, "pool", "-f/pool"}, {&sr_lvmthin_ops, "pool", "vg/po ol"},
	    {&sr_lvmthin_ops, "pool", "vg/../x"}, {&sr_nfs_ops, "server", "host"},
	    {&sr_nfs_ops, "serverpath", "/x"},    {&sr_iso_ops, "full_percent", "50"},
	    {&sr_iso_ops, "location", "x"},       {&sr_fake_ops, "size", "10"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		const struct sr_ops *const drivers[] = {bad[i].ops, NULL};
		struct sr_config c = {.id = mu_random_uuid(), .n_params = 1};
		struct mu_error err = MU_ERROR_INIT;
		struct sr *opened;

		snprintf(c.type, sizeof c.type, "%s", bad[i].ops->type);
		snprintf(c.params[0].name, sizeof c.params[0].name, "%s", bad[i].name);
		snprintf(c.params[0].value, sizeof c.params[0].value, "%s", bad[i].value);
		cr_assert_lt(sr_new(drivers, &c, top, &opened, &err), 0, "%s=%s", bad[i].name,
			     bad[i].value);
		cr_assert_eq(err.code, MU_E_INVALID, "%s", err.text);
		cr_assert(strstr(err.text, "device_config"), "%s", err.text);
	}
}
