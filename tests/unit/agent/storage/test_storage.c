/* SPDX-License-Identifier: Apache-2.0 */
/* The service, on the fake driver: who may do what at the same time, what is told, what survives.
 */
#include "agent/storage/drivers.h"
#include "agent/storage/sr_file.h"
#include "agent/storage/storage.h"
#include "common/os/file.h"
#include "common/os/random.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((int64_t)1 << 20)

static char state[] = "/tmp/test-storage.XXXXXX";
static struct mu_loop *loop;
static struct storage *s;
static int n_changed, n_removed;
static const struct sr_ops *const drivers[] = {&sr_fake_ops, &sr_dir_ops, NULL};

static void on_changed(const struct model_object *o, void *ctx)
{
	(void)ctx;
	cr_assert(!mu_uuid_is_nil(&o->id));
	n_changed++;
	mu_loop_stop(loop);
}

static void on_removed(const struct mu_uuid *id, void *ctx)
{
	(void)id;
	(void)ctx;
	n_removed++;
	mu_loop_stop(loop);
}

static void open_service(void)
{
	const struct storage_options options = {.loop = loop,
						.state_dir = state,
						.host = {mu_random_uuid()},
						.drivers = drivers,
						.listener = {on_changed, on_removed, NULL},
						.interval = 50};
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(storage_new(&options, &s, &err), 0, "%s", err.text);
	storage_start(s);
}

static void on_closed(void *ctx)
{
	*(bool *)ctx = true;
	mu_loop_stop(loop);
}

static void close_service(void)
{
	bool closed = false;

	storage_free(s, on_closed, &closed);
	while (!closed)
		mu_loop_run(loop);
}

static void setup(void)
{
	cr_assert(mkdtemp(state));
	loop = mu_loop_new();
	open_service();
}

static void remove_tree(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	char name[512];

	while (d && (entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		if (unlink(name) < 0)
			remove_tree(name);
	}
	if (d)
		closedir(d);
	(void)rmdir(path);
}

static void teardown(void)
{
	close_service();
	mu_loop_free(loop);
	remove_tree(state);
}

TestSuite(storage, .init = setup, .fini = teardown, .timeout = 60);

/* Operations */

struct call {
	struct storage_op op;
	bool done;
	bool in_start;
};

static void on_done(struct storage_op *op)
{
	struct call *c = MU_CONTAINER_OF(op, struct call, op);

	cr_assert(!c->in_start && !c->done);
	c->done = true;
	mu_loop_stop(loop);
}

static void start(struct call *c)
{
	c->op.done = on_done;
	c->in_start = true;
	storage_op_start(s, &c->op);
	c->in_start = false;
}

static void wait_for(struct call *c)
{
	while (!c->done)
		mu_loop_run(loop);
}

static struct storage_op run(struct storage_op op)
{
	struct call c = {.op = op};

	start(&c);
	wait_for(&c);
	return c.op;
}

static struct mu_uuid run_ok(struct storage_op op)
{
	struct storage_op done = run(op);

	cr_assert_eq(done.r, 0, "%s: %s", storage_op_name(op.kind), done.err.text);
	return done.ret_id;
}

static void refused(struct storage_op op, enum mu_error_code code)
{
	struct storage_op done = run(op);

	cr_assert_lt(done.r, 0, "%s should be refused with %s", storage_op_name(op.kind),
		     mu_error_name(code));
	cr_assert_eq(done.err.code, code, "%s: %s: %s", storage_op_name(op.kind),
		     mu_error_name(done.err.code), done.err.text);
}

static struct storage_op sr_op(const char *medium)
{
	static int n;
	struct storage_op op = {.kind = STORAGE_SR_CREATE,
				.config = {.type = "fake", .n_params = 1}};

	snprintf(op.config.params[0].name, sizeof op.config.params[0].name, "medium");
	snprintf(op.config.params[0].value, sizeof op.config.params[0].value, "%s-%d", medium, n++);
	op.text.has_name = true;
	snprintf(op.text.name, sizeof op.text.name, "%s", medium);
	return op;
}

static struct mu_uuid make_sr(const char *medium)
{
	return run_ok(sr_op(medium));
}

static struct mu_uuid make_vdi(struct mu_uuid sr, const char *name)
{
	struct storage_op op = {.kind = STORAGE_VDI_CREATE, .object = sr, .size_bytes = 4 * MIB};

	op.text.has_name = true;
	snprintf(op.text.name, sizeof op.text.name, "%s", name);
	return run_ok(op);
}

static struct model_object get(struct mu_uuid id)
{
	struct model_object o;

	cr_assert(storage_find(s, &id, &o), "it is not there");
	return o;
}

static bool same(struct mu_uuid a, struct mu_uuid b)
{
	return mu_uuid_equal(&a, &b);
}

static bool exists(struct mu_uuid id)
{
	struct model_object o;

	return storage_find(s, &id, &o);
}

static struct storage_op on(enum storage_op_kind kind, struct mu_uuid object)
{
	return (struct storage_op){.kind = kind, .object = object};
}

static struct storage_op hold(struct mu_uuid vdi, struct mu_uuid vm, bool readonly)
{
	return (struct storage_op){
	    .kind = STORAGE_HOLD, .object = vdi, .holder = vm, .readonly = readonly};
}

static struct storage_op release(struct mu_uuid vdi, struct mu_uuid vm)
{
	return (struct storage_op){.kind = STORAGE_RELEASE, .object = vdi, .holder = vm};
}

static void fill(struct mu_uuid vdi, char byte)
{
	struct mu_uuid vm = mu_random_uuid();
	struct storage_op op = run(hold(vdi, vm, false));
	char block[4096];
	int fd;

	cr_assert_eq(op.r, 0, "%s", op.err.text);
	memset(block, byte, sizeof block);
	fd = open(op.ret_path.path, O_WRONLY | O_CLOEXEC);
	cr_assert(fd >= 0);
	for (int64_t at = 0; at < 4 * MIB; at += (int64_t)sizeof block)
		cr_assert_eq(pwrite(fd, block, sizeof block, at), sizeof block);
	close(fd);
	run_ok(release(vdi, vm));
}

static char first_byte(struct mu_uuid vdi)
{
	struct mu_uuid vm = mu_random_uuid();
	struct storage_op op = run(hold(vdi, vm, true));
	char byte = 0;
	int fd;

	cr_assert_eq(op.r, 0, "%s", op.err.text);
	fd = open(op.ret_path.path, O_RDONLY | O_CLOEXEC);
	cr_assert(fd >= 0);
	cr_assert_eq(pread(fd, &byte, 1, MIB), 1);
	close(fd);
	run_ok(release(vdi, vm));
	return byte;
}

/* A pipe that nobody writes keeps an import going for as long as a test wants. */
struct slow {
	struct call call;
	int pipe[2];
};

static void start_slow(struct slow *slow, struct mu_uuid sr)
{
	cr_assert_eq(pipe2(slow->pipe, O_CLOEXEC), 0);
	slow->call = (struct call){.op = {.kind = STORAGE_VDI_IMPORT,
					  .object = sr,
					  .use_fd = true,
					  .fd = slow->pipe[0],
					  .size_bytes = 4 * MIB}};
	start(&slow->call);
	close(slow->pipe[0]);
}

static void end_slow(struct slow *slow)
{
	close(slow->pipe[1]);
	wait_for(&slow->call);
	cr_assert_eq(slow->call.op.r, 0, "%s", slow->call.op.err.text);
}

Test(storage, sr_and_vdi_are_told)
{
	struct mu_uuid sr = make_sr("told"), vdi;

	cr_assert_eq(n_changed, 1);
	cr_assert(get(sr).sr.attached);
	cr_assert_str_eq(get(sr).name, "told");
	cr_assert_str_eq(get(sr).sr.type, "fake");
	cr_assert_gt(get(sr).sr.size_bytes, 0);
	vdi = make_vdi(sr, "disk");
	cr_assert_eq(get(vdi).vdi.size_bytes, 4 * MIB);
	cr_assert_str_eq(get(vdi).vdi.format, "raw");
	cr_assert(same(get(vdi).vdi.sr, sr));
	cr_assert_eq(get(sr).sr.allocated_bytes, 4 * MIB);
	run_ok(on(STORAGE_VDI_DELETE, vdi));
	cr_assert(!exists(vdi));
	cr_assert_eq(n_removed, 1);
	run_ok(on(STORAGE_SR_DESTROY, sr));
	cr_assert(!exists(sr));
	cr_assert_eq(n_removed, 2);
}

Test(storage, edits)
{
	struct mu_uuid sr = make_sr("edited"), vdi = make_vdi(sr, "before");
	struct storage_op op = {.kind = STORAGE_VDI_EDIT, .object = vdi, .size_bytes = 8 * MIB};

	op.text.has_name = op.text.has_tags = true;
	snprintf(op.text.name, sizeof op.text.name, "after");
	op.text.n_tags = 1;
	snprintf(op.text.tags[0], sizeof op.text.tags[0], "tag");
	run_ok(op);
	cr_assert_str_eq(get(vdi).name, "after");
	cr_assert_eq(get(vdi).n_tags, 1);
	cr_assert_eq(get(vdi).vdi.size_bytes, 8 * MIB);
	op.size_bytes = 4 * MIB;
	refused(op, MU_E_INVALID);
	op = (struct storage_op){.kind = STORAGE_VDI_EDIT, .object = vdi};
	op.text.has_tags = true;
	op.text.tags_are = STORAGE_TAGS_ADD;
	op.text.n_tags = MODEL_OBJECT_TAGS_MAX;
	for (size_t i = 0; i < MODEL_OBJECT_TAGS_MAX; i++)
		snprintf(op.text.tags[i], sizeof op.text.tags[i], "t%zu", i);
	refused(op, MU_E_INVALID); /* one more than there is room for */
	cr_assert_eq(get(vdi).n_tags, 1);
	snprintf(op.text.tags[7], sizeof op.text.tags[7], "tag"); /* it has that one */
	run_ok(op);
	cr_assert_eq(get(vdi).n_tags, 8);
	op.text.tags_are = STORAGE_TAGS_REMOVE;
	op.text.n_tags = 7;
	run_ok(op);
	cr_assert_eq(get(vdi).n_tags, 1);
	cr_assert_str_eq(get(vdi).tags[0], "tag");
	op = (struct storage_op){.kind = STORAGE_SR_EDIT, .object = sr};
	op.text.has_description = true;
	snprintf(op.text.description, sizeof op.text.description, "where disks are");
	run_ok(op);
	cr_assert_str_eq(get(sr).description, "where disks are");
	cr_assert_str_eq(get(sr).name, "edited");
	snprintf(op.text.description, sizeof op.text.description, "line\nbreak");
	refused(op, MU_E_INVALID);
}

Test(storage, bad_requests)
{
	struct mu_uuid sr = make_sr("bad"), vdi = make_vdi(sr, "disk");
	struct storage_op op = sr_op("bad");

	refused(on(STORAGE_VDI_DELETE, mu_random_uuid()), MU_E_NOT_FOUND);
	refused(on(STORAGE_SR_SCAN, mu_random_uuid()), MU_E_NOT_FOUND);
	refused(on(STORAGE_VDI_DELETE, sr), MU_E_NOT_FOUND);
	refused((struct storage_op){.kind = STORAGE_VDI_CREATE, .object = sr, .size_bytes = 0},
		MU_E_INVALID);
	refused(
	    (struct storage_op){.kind = STORAGE_VDI_CREATE, .object = sr, .size_bytes = INT64_MAX},
	    MU_E_INVALID);
	refused(
	    (struct storage_op){
		.kind = STORAGE_VDI_CREATE, .object = sr, .size_bytes = MIB, .id = vdi},
	    MU_E_EXISTS);
	snprintf(op.config.type, sizeof op.config.type, "floppy");
	refused(op, MU_E_INVALID);
	op = sr_op("bad");
	op.id = sr;
	refused(op, MU_E_EXISTS);
	refused(on(STORAGE_SR_DESTROY, sr), MU_E_STATE);
	refused(on(STORAGE_VDI_EXPORT, vdi), MU_E_INVALID);
	refused(on(STORAGE_VDI_IMPORT, sr), MU_E_INVALID);
	refused((struct storage_op){.kind = STORAGE_VDI_REVERT, .object = vdi, .other = vdi},
		MU_E_INVALID);
	cr_assert_eq(get(vdi).vdi.size_bytes, 4 * MIB);
}

Test(storage, two_srs_in_one_place)
{
	struct storage_op op = sr_op("shared");

	run_ok(op);
	refused(op, MU_E_EXISTS); /* the same place, another id */
}

Test(storage, everything_survives_a_restart)
{
	struct mu_uuid sr = make_sr("again"), vdi = make_vdi(sr, "disk");
	struct mu_uuid unplugged = make_sr("unplugged");

	run_ok(on(STORAGE_SR_UNPLUG, unplugged));
	cr_assert(!get(unplugged).sr.attached);
	close_service();
	open_service();
	cr_assert(!get(sr).sr.attached, "plugged before anything was done");
	while (!get(sr).sr.attached || !exists(vdi))
		mu_loop_run(loop);
	cr_assert_str_eq(get(vdi).name, "disk");
	cr_assert_str_eq(get(sr).name, "again");
	cr_assert(!get(unplugged).sr.attached);
	run_ok(on(STORAGE_SR_PLUG, unplugged));
	cr_assert(get(unplugged).sr.attached);
	cr_assert_str_eq(get(unplugged).sr.trouble, "");
}

/* The directory of an SR is not there (its file system is not mounted), then it is. */
Test(storage, one_that_cannot_be_plugged_is_shown_and_tried_again)
{
	struct storage_op op = {.kind = STORAGE_SR_CREATE,
				.config = {.type = "dir", .n_params = 1}};
	char away[64];
	struct mu_uuid sr;

	snprintf(op.config.params[0].name, sizeof op.config.params[0].name, "location");
	snprintf(op.config.params[0].value, sizeof op.config.params[0].value, "%s/disks", state);
	snprintf(away, sizeof away, "%s/away", state);
	cr_assert_eq(mkdir(op.config.params[0].value, 0700), 0);
	sr = run_ok(op);
	close_service();
	cr_assert_eq(rename(op.config.params[0].value, away), 0);
	open_service();
	while (!get(sr).sr.trouble[0])
		mu_loop_run(loop);
	cr_assert(!get(sr).sr.attached);
	cr_assert_str_eq(get(sr).sr.location, op.config.params[0].value);
	refused((struct storage_op){.kind = STORAGE_VDI_CREATE, .object = sr, .size_bytes = MIB},
		MU_E_STATE);
	cr_assert_eq(rename(away, op.config.params[0].value), 0);
	while (!get(sr).sr.attached)
		mu_loop_run(loop);
	cr_assert_str_eq(get(sr).sr.trouble, "");
}

/* A kill while an SR is made or destroyed: the next start goes on. */
Test(storage, making_and_destroying_go_on_after_a_crash)
{
	struct sr_file f = {.config = {.id = mu_random_uuid(), .type = "dir", .n_params = 1},
			    .name = "cut off",
			    .plugged = true,
			    .phase = SR_MAKING};
	struct mu_error err = MU_ERROR_INIT;
	char mark[320];

	snprintf(f.config.params[0].name, sizeof f.config.params[0].name, "location");
	snprintf(f.config.params[0].value, sizeof f.config.params[0].value, "%s/disks", state);
	snprintf(mark, sizeof mark, "%s/disks/muster-sr.json", state);
	cr_assert_eq(mkdir(f.config.params[0].value, 0700), 0);
	close_service();
	cr_assert_eq(sr_file_write(state, &f, &err), 0, "%s", err.text);
	open_service();
	while (!get(f.config.id).sr.attached)
		mu_loop_run(loop);
	cr_assert_eq(access(mark, F_OK), 0);
	cr_assert_str_eq(get(f.config.id).name, "cut off");
	close_service();
	f.phase = SR_DESTROYING;
	cr_assert_eq(sr_file_write(state, &f, &err), 0, "%s", err.text);
	open_service();
	while (exists(f.config.id))
		mu_loop_run(loop);
	cr_assert_neq(access(mark, F_OK), 0);
	close_service();
	cr_assert_eq(sr_file_write(state, &f, &err), 0, "%s",
		     err.text); /* all but the file was gone */
	open_service();
	while (exists(f.config.id))
		mu_loop_run(loop);
}

Test(storage, damaged_sr_file_is_set_aside)
{
	struct mu_uuid sr = make_sr("fine");
	struct mu_error err = MU_ERROR_INIT;
	char path[128], aside[160];
	static const char *const bad[] = {"{", "{\"version\": 1}", "{\"version\": 7}"};

	close_service();
	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		snprintf(path, sizeof path, "%s/srs/bad-%zu.json", state, i);
		cr_assert_eq(mu_file_replace(path, bad[i], strlen(bad[i]), 0600, &err), 0, "%s",
			     err.text);
	}
	open_service();
	cr_assert(exists(sr));
	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		snprintf(aside, sizeof aside, "%s/srs/bad-%zu.json.damaged-1", state, i);
		cr_assert_eq(access(aside, F_OK), 0, "%s", bad[i]);
	}
}

Test(storage, files_that_a_crash_kept_from_being_written_are_swept)
{
	static const char *const folders[] = {"srs", "storage/intents"};
	char path[256];

	close_service();
	for (size_t i = 0; i < MU_ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof path, "%s/%s", state, folders[i]);
		cr_assert_eq(mu_file_mkdirs(path, 0700, NULL), 0);
		snprintf(path, sizeof path, "%s/%s/x.json.new", state, folders[i]);
		cr_assert_eq(mu_file_replace(path, "{", 1, 0600, NULL), 0);
	}
	open_service();
	for (size_t i = 0; i < MU_ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof path, "%s/%s/x.json.new", state, folders[i]);
		cr_assert(access(path, F_OK) < 0 && errno == ENOENT, "%s", path);
	}
}

Test(storage, forget_keeps_the_disks)
{
	struct storage_op op = sr_op("kept");
	struct mu_uuid sr = run_ok(op), vdi = make_vdi(sr, "disk");

	run_ok(on(STORAGE_SR_FORGET, sr));
	cr_assert(!exists(sr) && !exists(vdi));
	op.id = sr;
	run_ok(op);
	cr_assert_str_eq(get(vdi).name, "disk");
}

Test(storage, one_vm_writes_or_many_read)
{
	struct mu_uuid sr = make_sr("held"), vdi = make_vdi(sr, "disk");
	struct mu_uuid a = mu_random_uuid(), b = mu_random_uuid();
	struct storage_op held = run(hold(vdi, a, false));

	cr_assert_eq(held.r, 0, "%s", held.err.text);
	cr_assert(held.ret_path.path[0] == '/');
	run_ok(hold(vdi, a, false)); /* again, by the same */
	refused(hold(vdi, b, false), MU_E_STATE);
	refused(hold(vdi, b, true), MU_E_STATE);
	refused(on(STORAGE_VDI_DELETE, vdi), MU_E_STATE);
	refused(on(STORAGE_SR_UNPLUG, sr), MU_E_STATE);
	refused(on(STORAGE_SR_FORGET, sr), MU_E_STATE);
	refused(
	    (struct storage_op){.kind = STORAGE_VDI_EXPORT, .object = vdi, .path = "/tmp/never"},
	    MU_E_STATE);
	run_ok((struct storage_op){.kind = STORAGE_VDI_EDIT, .object = vdi, .size_bytes = 8 * MIB});
	run_ok(release(vdi, a));
	run_ok(release(vdi, a));
	run_ok(hold(vdi, a, true));
	run_ok(hold(vdi, b, true));
	refused(hold(vdi, b, false), MU_E_STATE);
	run_ok(release(vdi, a));
	run_ok(hold(vdi, b, false)); /* nobody else now */
	run_ok(release(vdi, b));
	run_ok(on(STORAGE_VDI_DELETE, vdi));
}

Test(storage, claims_come_before_the_sr)
{
	struct mu_uuid sr = make_sr("claimed"), vdi = make_vdi(sr, "disk"), vm = mu_random_uuid();
	struct mu_uuid other = mu_random_uuid();
	struct mu_error err = MU_ERROR_INIT;

	close_service();
	open_service();
	cr_assert_eq(storage_claim(s, &vdi, &vm, false, &err), 0);
	cr_assert_lt(storage_claim(s, &vdi, &other, true, &err), 0);
	cr_assert_eq(err.code, MU_E_STATE);
	while (!exists(vdi))
		mu_loop_run(loop);
	refused(on(STORAGE_VDI_DELETE, vdi), MU_E_STATE);
	run_ok(release(vdi, vm));
	run_ok(on(STORAGE_VDI_DELETE, vdi));
}

Test(storage, a_release_forgets_a_claim_wherever_the_disk_is)
{
	struct mu_uuid vdi = mu_random_uuid(), vm = mu_random_uuid(), other = mu_random_uuid();
	struct mu_error err = MU_ERROR_INIT;

	cr_assert_eq(storage_claim(s, &vdi, &vm, false, &err), 0);
	cr_assert_eq(run(release(vdi, vm)).err.code, MU_E_NOT_FOUND);
	cr_assert_eq(storage_claim(s, &vdi, &other, false, &err), 0);
}

/* Who asks for it at once after the release began waits for that, and is not refused. */
Test(storage, what_is_being_released_can_be_asked_for)
{
	struct mu_uuid sr = make_sr("busy"), vdi = make_vdi(sr, "disk"), vm = mu_random_uuid();
	struct mu_uuid other = mu_random_uuid();
	struct call first = {.op = release(vdi, vm)}, next = {.op = hold(vdi, other, false)};
	struct call last = {.op = release(vdi, other)};
	struct call removal = {.op = on(STORAGE_VDI_DELETE, vdi)};

	cr_assert_eq(run(hold(vdi, vm, false)).r, 0);
	start(&first);
	start(&next);
	wait_for(&next);
	cr_assert_eq(next.op.r, 0, "%s", next.op.err.text);
	start(&last);
	start(&removal);
	wait_for(&removal);
	cr_assert_eq(removal.op.r, 0, "%s", removal.op.err.text);
}

Test(storage, it_is_settled_once_every_sr_was_tried)
{
	struct mu_uuid sr = make_sr("one");

	cr_assert(storage_settled(s));
	close_service();
	open_service();
	cr_assert_not(storage_settled(s));
	while (!storage_settled(s))
		mu_loop_run(loop);
	cr_assert_eq(run(on(STORAGE_SR_UNPLUG, sr)).r, 0);
	cr_assert(storage_settled(s));
}

Test(storage, snapshot_revert_clone)
{
	struct mu_uuid sr = make_sr("tree"), vdi = make_vdi(sr, "disk"), snapshot, clone;

	fill(vdi, 'a');
	snapshot = run_ok(on(STORAGE_VDI_SNAPSHOT, vdi));
	cr_assert(same(get(snapshot).vdi.snapshot_of, vdi));
	cr_assert_gt(get(snapshot).vdi.snapshot_at, 0);
	cr_assert(get(snapshot).vdi.readonly);
	cr_assert_str_eq(get(snapshot).name, "disk");
	fill(vdi, 'b');
	clone = run_ok(on(STORAGE_VDI_CLONE, snapshot));
	cr_assert_eq(first_byte(clone), 'a');
	cr_assert(!get(clone).vdi.readonly &&
		  same(get(clone).vdi.snapshot_of, (struct mu_uuid){{0}}));
	run_ok((struct storage_op){.kind = STORAGE_VDI_REVERT, .object = vdi, .other = snapshot});
	cr_assert_eq(first_byte(vdi), 'a');
	refused((struct storage_op){.kind = STORAGE_VDI_REVERT, .object = clone, .other = snapshot},
		MU_E_INVALID);
	refused(hold(snapshot, mu_random_uuid(), false), MU_E_STATE);
	run_ok(on(STORAGE_VDI_DELETE, vdi));
	cr_assert_eq(first_byte(snapshot), 'a');
}

Test(storage, copies_between_srs)
{
	struct mu_uuid from = make_sr("from"), to = make_sr("to"), vdi = make_vdi(from, "disk"),
		       copy, moved;

	fill(vdi, 'x');
	copy = run_ok((struct storage_op){.kind = STORAGE_VDI_CLONE, .object = vdi, .other = to});
	cr_assert(same(get(copy).vdi.sr, to));
	cr_assert_eq(first_byte(copy), 'x');
	moved =
	    run_ok((struct storage_op){.kind = STORAGE_VDI_MIGRATE, .object = vdi, .other = to});
	cr_assert(!exists(vdi));
	cr_assert_eq(first_byte(moved), 'x');
	refused((struct storage_op){.kind = STORAGE_VDI_MIGRATE, .object = moved, .other = to},
		MU_E_INVALID);
	refused((struct storage_op){.kind = STORAGE_VDI_MIGRATE,
				    .object = moved,
				    .other = mu_random_uuid()},
		MU_E_NOT_FOUND);
}

Test(storage, export_and_import)
{
	struct mu_uuid sr = make_sr("files"), vdi = make_vdi(sr, "disk"), back;
	char path[64];

	snprintf(path, sizeof path, "%s/disk.img", state);
	fill(vdi, 'e');
	for (int f = IMAGE_RAW; f < IMAGE_OVA; f++) {
		run_ok((struct storage_op){.kind = STORAGE_VDI_EXPORT,
					   .object = vdi,
					   .path = path,
					   .format = (enum image_format)f});
		refused((struct storage_op){.kind = STORAGE_VDI_EXPORT,
					    .object = vdi,
					    .path = path,
					    .format = (enum image_format)f},
			MU_E_EXISTS);
		back = run_ok((struct storage_op){.kind = STORAGE_VDI_IMPORT,
						  .object = sr,
						  .path = path,
						  .format = (enum image_format)f});
		cr_assert_eq(first_byte(back), 'e', "%s", image_format_name((enum image_format)f));
		cr_assert_geq(get(back).vdi.size_bytes, 4 * MIB);
		cr_assert_eq(unlink(path), 0);
	}
	refused(
	    (struct storage_op){
		.kind = STORAGE_VDI_EXPORT, .object = vdi, .path = path, .format = IMAGE_OVA},
	    MU_E_UNSUPPORTED);
	refused((struct storage_op){.kind = STORAGE_VDI_IMPORT, .object = sr, .path = path},
		MU_E_NOT_FOUND);
}

Test(storage, long_work_holds_up_nothing_and_can_be_cancelled)
{
	struct mu_uuid sr = make_sr("slow"), vdi = make_vdi(sr, "disk");
	struct slow first, second, third;

	start_slow(&first, sr);
	start_slow(&second, sr);
	start_slow(&third, sr); /* waits for one of them */
	run_ok(on(STORAGE_VDI_SNAPSHOT, vdi));
	run_ok(hold(vdi, mu_random_uuid(), false));
	cr_assert(!first.call.done && !second.call.done && !third.call.done);
	storage_op_cancel(&third.call.op);
	wait_for(&third.call);
	cr_assert_eq(third.call.op.err.code, MU_E_CANCELLED);
	close(third.pipe[1]);
	storage_op_cancel(&second.call.op); /* though nothing comes out of its pipe */
	wait_for(&second.call);
	close(second.pipe[1]);
	cr_assert_eq(second.call.op.err.code, MU_E_CANCELLED);
	cr_assert(!exists(second.call.op.ret_id));
	end_slow(&first);
	cr_assert(exists(first.call.op.ret_id));
}

Test(storage, deadline_answers_though_the_work_hangs)
{
	struct mu_uuid sr = make_sr("hangs");
	struct slow slow = {.call = {.op = {.kind = STORAGE_VDI_IMPORT,
					    .object = sr,
					    .use_fd = true,
					    .size_bytes = MIB,
					    .deadline = 50}}};

	cr_assert_eq(pipe2(slow.pipe, O_CLOEXEC), 0);
	slow.call.op.fd = slow.pipe[0];
	start(&slow.call);
	wait_for(&slow.call);
	cr_assert_eq(slow.call.op.err.code, MU_E_TIMEOUT);
	close(slow.pipe[1]);
	close(slow.pipe[0]);
	make_vdi(sr, "still works");
}

Test(storage, fill_is_told_as_trouble)
{
	struct storage_op op = sr_op("full");
	struct mu_uuid sr;

	op.config.n_params = 2;
	snprintf(op.config.params[1].name, sizeof op.config.params[1].name, "data_percent");
	snprintf(op.config.params[1].value, sizeof op.config.params[1].value, "91");
	sr = run_ok(op);
	cr_assert_eq(get(sr).sr.data_percent, 91);
	cr_assert(strstr(get(sr).sr.trouble, "data 91 % full"), "%s", get(sr).sr.trouble);
	refused((struct storage_op){.kind = STORAGE_VDI_CREATE, .object = sr, .size_bytes = MIB},
		MU_E_EXHAUSTED);
}

/* Snapshots of several disks */

struct set {
	struct storage_snapshots ss;
	int n_done;
};

static void on_set(struct storage_snapshots *ss)
{
	MU_CONTAINER_OF(ss, struct set, ss)->n_done++;
	mu_loop_stop(loop);
}

static void wait_set(struct set *set, int n)
{
	while (set->n_done < n)
		mu_loop_run(loop);
}

Test(storage, snapshots_of_several_disks)
{
	struct mu_uuid one = make_sr("one"), two = make_sr("two"), vm = mu_random_uuid();
	struct mu_uuid a = make_vdi(one, "a"), b = make_vdi(two, "b");
	struct set set = {
	    .ss = {.n = 2, .done = on_set, .list = {{.vdi = a}, {.vdi = b, .name = "of b"}}}};

	fill(a, 'a');
	run_ok(hold(a, vm, false));
	storage_snapshots_prepare(s, &set.ss);
	wait_set(&set, 1);
	cr_assert_eq(set.ss.r, 0, "%s", set.ss.err.text);
	cr_assert(!exists(set.ss.list[0].id), "shown before it was taken");
	storage_snapshots_take(&set.ss);
	wait_set(&set, 2);
	cr_assert_eq(set.ss.r, 0, "%s", set.ss.err.text);
	cr_assert_geq(set.ss.ret_take_us, 0);
	storage_snapshots_end(&set.ss, true);
	wait_set(&set, 3);
	cr_assert_eq(set.ss.r, 0, "%s", set.ss.err.text);
	cr_assert_eq(first_byte(set.ss.list[0].id), 'a');
	while (!exists(set.ss.list[1].id))
		mu_loop_run(loop);
	cr_assert_str_eq(get(set.ss.list[1].id).name, "of b");
	cr_assert(same(get(set.ss.list[1].id).vdi.snapshot_of, b));
}

/* Each holds its SR, and none of them a thread of it. */
Test(storage, snapshots_of_as_many_disks_as_there_may_be)
{
	struct mu_uuid sr = make_sr("sr");
	struct set set = {.ss = {.n = STORAGE_SNAPSHOTS_MAX, .done = on_set}};
	struct call unplug = {.op = on(STORAGE_SR_UNPLUG, sr)};

	for (size_t i = 0; i < set.ss.n; i++)
		set.ss.list[i].vdi = make_vdi(sr, "one of many");
	storage_snapshots_prepare(s, &set.ss);
	wait_set(&set, 1);
	cr_assert_eq(set.ss.r, 0, "%s", set.ss.err.text);
	start(&unplug); /* wants to be alone */
	storage_snapshots_take(&set.ss);
	wait_set(&set, 2);
	cr_assert_eq(set.ss.r, 0, "%s", set.ss.err.text);
	cr_assert(!unplug.done);
	storage_snapshots_end(&set.ss, true);
	wait_set(&set, 3);
	cr_assert_eq(set.ss.r, 0, "%s", set.ss.err.text);
	wait_for(&unplug);
	cr_assert_eq(unplug.op.r, 0, "%s", unplug.op.err.text);
}

Test(storage, snapshots_that_are_given_up_leave_nothing)
{
	struct mu_uuid sr = make_sr("sr"), a = make_vdi(sr, "a"), b = make_vdi(sr, "b");
	struct set set = {.ss = {.n = 2, .done = on_set, .list = {{.vdi = a}, {.vdi = b}}}};
	struct call del = {.op = on(STORAGE_VDI_DELETE, a)};

	storage_snapshots_prepare(s, &set.ss);
	wait_set(&set, 1);
	start(&del); /* waits until the snapshots are done with it */
	storage_snapshots_take(&set.ss);
	wait_set(&set, 2);
	cr_assert(!del.done);
	storage_snapshots_end(&set.ss, false);
	wait_set(&set, 3);
	cr_assert_eq(set.ss.r, 0, "%s", set.ss.err.text);
	cr_assert(!exists(set.ss.list[0].id) && !exists(set.ss.list[1].id));
	wait_for(&del);
	cr_assert_eq(del.op.r, 0, "%s", del.op.err.text);
	set.n_done = 0;
	storage_snapshots_prepare(s, &set.ss); /* of a disk that is gone */
	wait_set(&set, 1);
	cr_assert_eq(set.ss.err.code, MU_E_NOT_FOUND);
	cr_assert_null(set.ss.priv);
}

Test(storage, closing_ends_what_runs)
{
	struct mu_uuid sr = make_sr("closing");
	struct slow slow;
	struct call waiting = {.op = on(STORAGE_SR_UNPLUG, sr)};

	start_slow(&slow, sr);
	start(&waiting); /* wants to be alone */
	close_service();
	close(slow.pipe[1]);
	cr_assert(slow.call.done && waiting.done);
	cr_assert_eq(waiting.op.err.code, MU_E_CANCELLED);
	open_service();
}
