/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills a process before each of its calls that change something, in every operation of disk.h, and
 * looks at what is left after the sweep: the old state or the new one, and nothing else. Then each
 * of its ioctls is refused instead, as by a file system or pool that is full or broken: what an
 * operation says must be true, and nothing is left for the sweep.
 *
 *   sr-crash --driver dir --param location=/srv/empty-directory --state /tmp/state
 *
 * The linker puts wrap_*() in front of the system calls (--wrap, see meson.build), so the product
 * has no switch for this. The operation runs in a child; the parent then does what an agent does at
 * start.
 */
#include "agent/storage/disk.h"
#include "common/os/random.h"
#include "tests/unit/agent/storage/contract_args.h"
#include "tests/unit/agent/storage/contract_env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_KILLED = 77, EXIT_REFUSED = 78, EXIT_NOT_MINDED = 79, FAULTS_MAX = 400 };

static int fault_at; /* 0: never */
static int n_calls;
static int refuse_at; /* of the ioctls; 0: none */
static int n_ioctls;
static bool tools_only; /* LVM: what we do to files between its commands is tried with dir */

static void fault(bool tool)
{
	if (fault_at && (tool || !tools_only) && ++n_calls == fault_at)
		_exit(EXIT_KILLED);
}

/* Everything that changes a file, a directory or a volume, and the end of a tool. */
#define WRAP(tool, type, name, params, args)                                                       \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		fault(tool);                                                                       \
		return __real_##name args;                                                         \
	}

WRAP(false, int, fsync, (int fd), (fd))
WRAP(false, int, rename, (const char *from, const char *to), (from, to))
WRAP(false, int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(false, int, unlink, (const char *path), (path))
WRAP(false, int, unlinkat, (int at, const char *path, int flags), (at, path, flags))
WRAP(false, int, mkdir, (const char *path, mode_t mode), (path, mode))
WRAP(false, int, ftruncate64, (int fd, off_t size), (fd, size))
WRAP(false, ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(false, ssize_t, pwrite64, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at))
WRAP(true, int, posix_spawnp,
     (pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions,
      const posix_spawnattr_t *attr, char *const argv[], char *const env[]),
     (pid, file, actions, attr, argv, env))
WRAP(true, pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))

int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	fault(true);
	if (refuse_at && ++n_ioctls == refuse_at) {
		errno = ENOSPC;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}

/* Scenarios */

struct scene {
	struct env env;
	struct disk_env disk_env;
	struct sr_vdi disk;     /* DISK_SIZE of pattern 1, grown, then pattern 2 at its start */
	struct sr_vdi snapshot; /* of pattern 1; by copy where the SR cannot share */
	struct mu_uuid new_id;
	struct mu_uuid second_id;
	char image[512];
};

static int prepare(struct scene *s, struct mu_error *err)
{
	s->snapshot = env_vdi("snapshot");
	s->new_id = mu_random_uuid();
	s->second_id = mu_random_uuid();
	if (env_disk(&s->env, "disk", &s->disk, err) < 0 ||
	    env_write(&s->env, &s->disk, 0, DISK_SIZE, 1, err) < 0 ||
	    disk_clone(&s->disk_env, s->env.sr, &s->disk, &s->snapshot, err) < 0 ||
	    sr_vdi_resize(s->env.sr, &s->disk, 2 * DISK_SIZE, err) < 0)
		return MU_FAILED;
	s->disk.size_bytes = 2 * DISK_SIZE;
	return env_write(&s->env, &s->disk, 0, DISK_SIZE, 2, err);
}

static struct sr_vdi new_vdi(const struct scene *s)
{
	struct sr_vdi vdi = env_vdi("new");

	vdi.id = s->new_id;
	return vdi;
}

static int do_create(struct scene *s, struct mu_error *err)
{
	struct sr_vdi vdi = new_vdi(s);

	return disk_create(&s->disk_env, s->env.sr, &vdi, err);
}

static int do_delete(struct scene *s, struct mu_error *err)
{
	return disk_delete(&s->disk_env, s->env.sr, &s->snapshot.id, err);
}

static int do_clone(struct scene *s, struct mu_error *err)
{
	struct sr_vdi vdi = new_vdi(s);

	return disk_clone(&s->disk_env, s->env.sr, &s->snapshot, &vdi, err);
}

static int do_copy(struct scene *s, struct mu_error *err)
{
	struct sr_vdi vdi = new_vdi(s);

	return disk_copy(&s->disk_env, s->env.sr, &s->snapshot, s->env.sr, &vdi, err);
}

static int do_revert(struct scene *s, struct mu_error *err)
{
	return disk_revert(&s->disk_env, s->env.sr, &s->disk, &s->snapshot, err);
}

static int do_import(struct scene *s, struct mu_error *err)
{
	static const struct image_part whole;
	struct sr_vdi vdi = new_vdi(s);

	vdi.size_bytes = 0;
	return disk_import(&s->disk_env, s->env.sr, &vdi, s->image, &whole, IMAGE_RAW, err);
}

static int do_overwrite(struct scene *s, struct mu_error *err)
{
	return disk_overwrite(&s->disk_env, s->env.sr, &s->disk, s->image, IMAGE_RAW, err);
}

/* Of a disk as a VM has it, and of one that nobody uses. */
static int do_snapshots(struct scene *s, struct mu_error *err)
{
	struct disk_snapshots set = {.n = 2};
	struct sr_path path;

	if (sr_activate(s->env.sr, &s->disk, false, &path, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < 2; i++) {
		set.list[i].clone.sr = s->env.sr;
		set.list[i].clone.source = i == 0 ? s->disk : s->snapshot;
		set.list[i].clone.vdi = env_vdi("both");
		set.list[i].clone.vdi.id = i == 0 ? s->new_id : s->second_id;
	}
	if (disk_snapshots_prepare(&s->disk_env, &set, err) < 0)
		return MU_FAILED;
	if (disk_snapshots_take(&set, err) < 0) {
		(void)disk_snapshots_abort(&s->disk_env, &set, NULL);
		return MU_FAILED;
	}
	return disk_snapshots_finish(&s->disk_env, &set, err);
}

static int do_resize(struct scene *s, struct mu_error *err)
{
	return sr_vdi_resize(s->env.sr, &s->snapshot, 2 * DISK_SIZE, err);
}

static int do_edit(struct scene *s, struct mu_error *err)
{
	struct sr_vdi vdi = s->snapshot;

	snprintf(vdi.name, sizeof vdi.name, "new name");
	return sr_vdi_set(s->env.sr, &vdi, err);
}

/* What must be there: `is_new` tells which state it is. */

static int find(struct scene *s, const struct mu_uuid *id, bool *ret_there, struct sr_vdi *ret_vdi,
		struct mu_error *err)
{
	*ret_there = sr_find(s->env.sr, id, ret_vdi, err) == 0;
	if (!*ret_there && err->code != MU_E_NOT_FOUND)
		return MU_FAILED;
	mu_error_clear(err);
	EXPECT(!*ret_there || !ret_vdi->partial, "%s is shown half made", ret_vdi->name);
	return 0;
}

static int new_disk(struct scene *s, unsigned seed, bool *ret_new, struct mu_error *err)
{
	struct sr_vdi vdi;

	if (find(s, &s->new_id, ret_new, &vdi, err) < 0)
		return MU_FAILED;
	if (!*ret_new)
		return 0;
	EXPECT(vdi.size_bytes == DISK_SIZE, "%" PRId64 " bytes", vdi.size_bytes);
	return env_expect(&s->env, &vdi, 0, DISK_SIZE, seed, err);
}

static int see_empty(struct scene *s, bool *ret_new, struct mu_error *err)
{
	return new_disk(s, 0, ret_new, err);
}

static int see_pattern(struct scene *s, bool *ret_new, struct mu_error *err)
{
	return new_disk(s, 1, ret_new, err);
}

static int see_deleted(struct scene *s, bool *ret_new, struct mu_error *err)
{
	struct sr_vdi vdi;
	bool there;

	if (find(s, &s->snapshot.id, &there, &vdi, err) < 0)
		return MU_FAILED;
	*ret_new = !there;
	return there ? env_expect(&s->env, &vdi, 0, DISK_SIZE, 1, err) : 0;
}

static int see_reverted(struct scene *s, bool *ret_new, struct mu_error *err)
{
	struct sr_vdi vdi;
	bool there;

	if (find(s, &s->disk.id, &there, &vdi, err) < 0)
		return MU_FAILED;
	EXPECT(there && strcmp(vdi.name, "disk") == 0, "the disk is gone");
	*ret_new = vdi.size_bytes == DISK_SIZE;
	EXPECT(*ret_new || vdi.size_bytes == 2 * DISK_SIZE, "%" PRId64 " bytes", vdi.size_bytes);
	if (env_expect(&s->env, &vdi, 0, DISK_SIZE, *ret_new ? 1 : 2, err) < 0)
		return MU_FAILED;
	return env_expect(&s->env, &s->snapshot, 0, DISK_SIZE, 1, err);
}

static int see_overwritten(struct scene *s, bool *ret_new, struct mu_error *err)
{
	struct sr_vdi vdi;
	bool there;

	if (find(s, &s->disk.id, &there, &vdi, err) < 0)
		return MU_FAILED;
	EXPECT(there && vdi.size_bytes == 2 * DISK_SIZE, "the disk is gone, or cut");
	*ret_new = env_expect(&s->env, &vdi, 0, DISK_SIZE, 1, NULL) == 0;
	if (!*ret_new && env_expect(&s->env, &vdi, 0, DISK_SIZE, 2, err) < 0)
		return MU_FAILED;
	/* Behind the end of both: what it grew by, or what the image does not reach. */
	return env_expect(&s->env, &vdi, DISK_SIZE, DISK_SIZE, 0, err);
}

static int see_both(struct scene *s, bool *ret_new, struct mu_error *err)
{
	struct sr_vdi first, second;
	bool has_second;

	/* One that was left held would never be read. */
	if (env_expect(&s->env, &s->disk, 0, DISK_SIZE, 2, err) < 0 ||
	    find(s, &s->new_id, ret_new, &first, err) < 0 ||
	    find(s, &s->second_id, &has_second, &second, err) < 0)
		return MU_FAILED;
	EXPECT(*ret_new == has_second, "one snapshot without the other");
	if (!has_second)
		return 0;
	EXPECT(first.readonly && mu_uuid_equal(&first.snapshot_of, &s->disk.id), "not a snapshot");
	if (env_expect(&s->env, &first, 0, DISK_SIZE, 2, err) < 0)
		return MU_FAILED;
	return env_expect(&s->env, &second, 0, DISK_SIZE, 1, err);
}

static int see_resized(struct scene *s, bool *ret_new, struct mu_error *err)
{
	struct sr_vdi vdi;
	bool there;

	if (find(s, &s->snapshot.id, &there, &vdi, err) < 0)
		return MU_FAILED;
	EXPECT(there && (vdi.size_bytes == DISK_SIZE || vdi.size_bytes == 2 * DISK_SIZE),
	       "%" PRId64 " bytes", vdi.size_bytes);
	*ret_new = vdi.size_bytes == 2 * DISK_SIZE;
	return env_expect(&s->env, &vdi, 0, DISK_SIZE, 1, err);
}

static int see_edited(struct scene *s, bool *ret_new, struct mu_error *err)
{
	struct sr_vdi vdi;
	bool there;

	if (find(s, &s->snapshot.id, &there, &vdi, err) < 0)
		return MU_FAILED;
	EXPECT(there, "the disk is gone");
	*ret_new = strcmp(vdi.name, "new name") == 0;
	EXPECT(*ret_new || strcmp(vdi.name, "snapshot") == 0, "name %s", vdi.name);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct scene *s, struct mu_error *err);
	int (*see)(struct scene *s, bool *ret_new, struct mu_error *err);
	bool shares; /* needs an SR that shares blocks */
} scenarios[] = {
    {"create", do_create, see_empty, false},
    {"delete", do_delete, see_deleted, false},
    {"clone", do_clone, see_pattern, false},
    {"copy", do_copy, see_pattern, false},
    {"revert", do_revert, see_reverted, false},
    {"import", do_import, see_pattern, false},
    {"overwrite", do_overwrite, see_overwritten, false},
    {"snapshot of two disks", do_snapshots, see_both, true},
    {"resize", do_resize, see_resized, false},
    {"edit", do_edit, see_edited, false},
};

static int no_intents(const char *state_dir, struct mu_error *err)
{
	char path[512];
	DIR *d;
	const struct dirent *entry;
	int r = 0;

	snprintf(path, sizeof path, "%s/storage/intents", state_dir);
	d = opendir(path);
	EXPECT(d || errno == ENOENT, "%s", path);
	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] != '.')
			r = mu_error_set(err, MU_E_INTERNAL, "intent left: %s", entry->d_name);
	}
	if (d)
		(void)closedir(d);
	return r;
}

/* Runs the operation in a child: how it ended. */
static int run_child(struct scene *s, size_t i, int die_at, int refused, int *ret_code,
		     struct mu_error *err)
{
	pid_t pid = fork();
	int r, status;

	EXPECT(pid >= 0, "fork");
	if (pid == 0) {
		n_calls = 0;
		fault_at = die_at;
		refuse_at = refused;
		r = scenarios[i].run(s, err);
		fault_at = 0;
		if (refused && n_ioctls >= refused)
			_exit(r < 0 ? EXIT_REFUSED : EXIT_NOT_MINDED);
		if (r < 0)
			fprintf(stderr, "# %s: %s\n", scenarios[i].name, err->text);
		_exit(r < 0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "status %d", status);
	*ret_code = WEXITSTATUS(status);
	EXPECT(*ret_code != 1, "it failed");
	return 0;
}

/* Before its n-th call. *ret_ended: it had fewer. */
static int one_crash(struct scene *s, size_t i, int n, bool *ret_ended, bool *ret_new,
		     struct mu_error *err)
{
	size_t n_swept;
	int code;

	if (prepare(s, err) < 0)
		return mu_error_prefix(err, "prepare");
	if (run_child(s, i, n, 0, &code, err) < 0)
		return MU_FAILED;
	if (intent_sweep(s->disk_env.state_dir, err) < 0 || env_reopen(&s->env, err) < 0 ||
	    intent_recover(s->disk_env.state_dir, s->env.sr, &n_swept, err) < 0)
		return mu_error_prefix(err, "recover");
	if (scenarios[i].see(s, ret_new, err) < 0 || no_intents(s->disk_env.state_dir, err) < 0)
		return MU_FAILED;
	*ret_ended = code == 0;
	EXPECT(*ret_new || !*ret_ended, "it has ended, but the old state is there");
	return 0;
}

/* Its n-th ioctl. *ret_ended: it had fewer. */
static int one_refusal(struct scene *s, size_t i, int n, bool *ret_ended, struct mu_error *err)
{
	bool is_new;
	int code;

	if (prepare(s, err) < 0)
		return mu_error_prefix(err, "prepare");
	if (run_child(s, i, 0, n, &code, err) < 0 || no_intents(s->disk_env.state_dir, err) < 0 ||
	    env_reopen(&s->env, err) < 0 || scenarios[i].see(s, &is_new, err) < 0)
		return MU_FAILED;
	*ret_ended = code == 0;
	EXPECT(is_new == (code != EXIT_REFUSED), "exit code %d, but the %s state is there", code,
	       is_new ? "new" : "old");
	return 0;
}

static int open_scene(const struct sr_contract *c, const char *image, struct scene *ret,
		      struct mu_error *err)
{
	*ret = (struct scene){.disk_env = {.state_dir = c->state_dir}};
	snprintf(ret->image, sizeof ret->image, "%s", image);
	return env_open(&ret->env, c, err);
}

static int run_refusals(const struct sr_contract *c, size_t i, const char *image,
			struct mu_error *err)
{
	bool ended = false;
	struct scene s;
	int r;

	for (int n = 1; n < FAULTS_MAX && !ended; n++) {
		r = open_scene(c, image, &s, err);
		if (r == 0)
			r = one_refusal(&s, i, n, &ended, err);
		if (env_close(&s.env, r < 0 ? NULL : err) < 0 || r < 0)
			return mu_error_prefix(err, "refused ioctl %d", n);
	}
	EXPECT(ended, "more than %d ioctls", FAULTS_MAX);
	return 0;
}

static int run_scenario(const struct sr_contract *c, size_t i, const char *image, int *ret_n,
			bool *ret_skip, struct mu_error *err)
{
	bool ended = false, is_new, was_new = false;
	struct scene s;
	int r;

	for (int n = 1; n < FAULTS_MAX && !ended; n++) {
		r = open_scene(c, image, &s, err);
		if (r == 0 && scenarios[i].shares && !sr_caps_of(s.env.sr).instant_clone) {
			*ret_skip = true;
			return env_close(&s.env, err);
		}
		if (r == 0)
			r = one_crash(&s, i, n, &ended, &is_new, err);
		if (env_close(&s.env, r < 0 ? NULL : err) < 0 || r < 0)
			return mu_error_prefix(err, "killed before call %d", n);
		EXPECT(is_new || !was_new, "call %d: the old state again, after the new one", n);
		was_new = is_new;
		*ret_n = n;
	}
	EXPECT(ended && *ret_n > 1, "%d calls", *ret_n);
	return run_refusals(c, i, image, err);
}

/* DISK_SIZE of pattern 1, made with the help of an SR's disk. */
static int make_image(const struct sr_contract *c, const char *path, struct mu_error *err)
{
	struct disk_env e = {.state_dir = c->state_dir};
	struct sr_vdi vdi;
	struct env env;
	int r;

	(void)unlink(path);
	r = env_open(&env, c, err);
	if (r == 0)
		r = env_disk(&env, "source", &vdi, err);
	if (r == 0)
		r = env_write(&env, &vdi, 0, DISK_SIZE, 1, err);
	if (r == 0)
		r = disk_export(&e, env.sr, &vdi, path, IMAGE_RAW, err);
	if (env_close(&env, r < 0 ? NULL : err) < 0)
		r = MU_FAILED;
	return r;
}

int main(int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	struct sr_contract c;
	const char *only = contract_args(argc, argv, &c);
	char image[480];
	int n_failed = 0;

	tools_only = strcmp(c.config.type, "lvmthin") == 0;
	snprintf(image, sizeof image, "%s/crash-image.raw", c.state_dir);
	printf("1..%zu\n", MU_ARRAY_SIZE(scenarios));
	if (make_image(&c, image, &err) < 0) {
		printf("Bail out! %s\n", err.text);
		return 1;
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(scenarios); i++) {
		bool skip = only && !strstr(scenarios[i].name, only);
		int n = 0;
		int r = skip ? 0 : run_scenario(&c, i, image, &n, &skip, &err);

		printf("%s %zu - %s, killed %d times%s\n", r == 0 ? "ok" : "not ok", i + 1,
		       scenarios[i].name, n, skip ? " # SKIP not here" : "");
		if (r < 0)
			printf("# %s\n", err.text);
		fflush(stdout);
		n_failed += r < 0;
	}
	(void)unlink(image);
	return n_failed > 0;
}
