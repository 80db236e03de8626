/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/storage/contract.h"

#include "common/os/random.h"
#include "tests/unit/agent/storage/contract_env.h"
#include "tests/unit/agent/storage/contract_moment.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int usage_is_plausible(struct env *e, struct mu_error *err)
{
	struct sr_usage u;
	struct sr_caps caps = sr_caps_of(e->sr);

	if (sr_usage(e->sr, &u, err) < 0)
		return MU_FAILED;
	EXPECT(u.size_bytes > 0 && u.used_bytes >= 0 && u.used_bytes <= u.size_bytes,
	       "%" PRId64 " of %" PRId64 " bytes", u.used_bytes, u.size_bytes);
	EXPECT(u.data_percent >= -1 && u.data_percent <= 100 && u.metadata_percent >= -1 &&
		   u.metadata_percent <= 100,
	       "%d %%, %d %%", u.data_percent, u.metadata_percent);
	EXPECT(caps.location[0] != '\0', "no location");
	return 0;
}

/* An export holds many, each in a directory of its own. */
static bool shares_its_place(const struct env *e)
{
	return !strcmp(e->c->ops->type, "nfs");
}

static int beside(struct sr *other, struct mu_error *err)
{
	REFUSED(MU_E_NOT_FOUND, sr_attach(other, err));
	EXPECT(sr_create(other, err) == 0, "%s", err->text);
	return sr_destroy(other, err);
}

static int instead(struct sr *other, struct mu_error *err)
{
	REFUSED(MU_E_EXISTS, sr_create(other, err));
	REFUSED(MU_E_NOT_FOUND, sr_attach(other, err));
	return 0;
}

static int made_once(struct env *e, struct mu_error *err)
{
	const struct sr_ops *const drivers[] = {e->c->ops, NULL};
	struct sr_config other_config = e->c->config;
	struct sr *again = NULL, *other = NULL;
	int r;

	other_config.id = mu_random_uuid();
	if (sr_new(drivers, &e->config, e->c->state_dir, &again, err) < 0)
		return MU_FAILED;
	r = sr_create(again, err);
	sr_free(again);
	EXPECT(r == SR_FOUND, "%d: %s", r, err->text);
	if (sr_new(drivers, &other_config, e->c->state_dir, &other, err) < 0)
		return MU_FAILED;
	r = shares_its_place(e) ? beside(other, err) : instead(other, err);
	sr_free(other);
	return r;
}

static int nothing_works_detached(struct env *e, struct mu_error *err)
{
	struct sr_vdis vdis = {NULL, 0};
	struct sr_vdi vdi;
	struct sr_path path;

	if (env_disk(e, "disk", &vdi, err) < 0 || sr_detach(e->sr, err) < 0 ||
	    sr_detach(e->sr, err) < 0)
		return MU_FAILED;
	REFUSED(MU_E_STATE, sr_scan(e->sr, &vdis, err));
	REFUSED(MU_E_STATE, sr_activate(e->sr, &vdi, true, &path, err));
	REFUSED(MU_E_STATE, sr_vdi_remove(e->sr, &vdi.id, err));
	REFUSED(MU_E_STATE, sr_destroy(e->sr, err));
	return sr_attach(e->sr, err);
}

static int metadata_survives(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi = env_vdi("d\xc3\xa9j\xc3\xa0 vu = 100 % \"'$(x)\\ |");
	struct sr_vdi got;

	snprintf(vdi.description, sizeof vdi.description, "%0255d", 7);
	vdi.n_tags = MODEL_OBJECT_TAGS_MAX;
	for (size_t i = 0; i < vdi.n_tags; i++)
		snprintf(vdi.tags[i], sizeof vdi.tags[i], "tag %zu: \xe2\x82\xac,@%%", i);
	vdi.type = VDI_MEMORY;
	vdi.snapshot_of = mu_random_uuid();
	vdi.parent = mu_random_uuid();
	vdi.snapshot_at = 1700000000123;
	if (sr_vdi_create(e->sr, &vdi, err) < 0 || env_reopen(e, err) < 0 ||
	    sr_find(e->sr, &vdi.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(strcmp(got.name, vdi.name) == 0, "name %s", got.name);
	EXPECT(strcmp(got.description, vdi.description) == 0, "description %s", got.description);
	EXPECT(got.n_tags == vdi.n_tags, "%zu tags", got.n_tags);
	for (size_t i = 0; i < vdi.n_tags; i++)
		EXPECT(strcmp(got.tags[i], vdi.tags[i]) == 0, "tag %zu: %s", i, got.tags[i]);
	EXPECT(got.type == VDI_MEMORY && !got.readonly && !got.partial && !got.missing, "flags");
	EXPECT(mu_uuid_equal(&got.snapshot_of, &vdi.snapshot_of) &&
		   mu_uuid_equal(&got.parent, &vdi.parent),
	       "ids");
	EXPECT(got.snapshot_at == vdi.snapshot_at, "snapshot_at %" PRId64, got.snapshot_at);
	EXPECT(got.size_bytes == DISK_SIZE, "%" PRId64 " bytes", got.size_bytes);
	return 0;
}

static int edit_changes_metadata(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, got;

	if (env_disk(e, "before", &vdi, err) < 0 || env_write(e, &vdi, 0, 2 * MIB, 3, err) < 0)
		return MU_FAILED;
	snprintf(vdi.name, sizeof vdi.name, "after");
	vdi.n_tags = 1;
	snprintf(vdi.tags[0], sizeof vdi.tags[0], "one");
	if (sr_vdi_set(e->sr, &vdi, err) < 0)
		return MU_FAILED;
	vdi.name[0] = '\0';
	vdi.n_tags = 0;
	vdi.size_bytes = 1; /* no edit of text changes it */
	if (sr_find(e->sr, &vdi.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(strcmp(got.name, "after") == 0 && got.n_tags == 1, "%s, %zu tags", got.name,
	       got.n_tags);
	if (sr_vdi_set(e->sr, &vdi, err) < 0 || sr_find(e->sr, &vdi.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(got.name[0] == '\0' && got.n_tags == 0, "%s, %zu tags", got.name, got.n_tags);
	EXPECT(got.size_bytes == DISK_SIZE, "%" PRId64 " bytes", got.size_bytes);
	vdi.id = mu_random_uuid();
	REFUSED(MU_E_NOT_FOUND, sr_vdi_set(e->sr, &vdi, err));
	return 0;
}

static int new_disk_reads_zeroes(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, got;

	if (env_disk(e, "disk", &vdi, err) < 0 || env_expect(e, &vdi, 0, DISK_SIZE, 0, err) < 0 ||
	    sr_find(e->sr, &vdi.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(got.size_bytes == DISK_SIZE, "%" PRId64, got.size_bytes);
	return 0;
}

static int data_stays(struct env *e, struct mu_error *err)
{
	struct sr_vdi a, b;

	if (env_disk(e, "a", &a, err) < 0 || env_disk(e, "b", &b, err) < 0 ||
	    env_write(e, &a, 0, DISK_SIZE, 1, err) < 0 ||
	    env_write(e, &b, 0, DISK_SIZE, 2, err) < 0 || env_reopen(e, err) < 0 ||
	    env_expect(e, &a, 0, DISK_SIZE, 1, err) < 0)
		return MU_FAILED;
	return env_expect(e, &b, 0, DISK_SIZE, 2, err);
}

static int size_is_rounded_up(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi = env_vdi("odd"), got;

	vdi.size_bytes = DISK_SIZE - 1000;
	if (sr_vdi_create(e->sr, &vdi, err) < 0 || sr_find(e->sr, &vdi.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(vdi.size_bytes >= DISK_SIZE - 1000 && vdi.size_bytes % 512 == 0, "%" PRId64,
	       vdi.size_bytes);
	EXPECT(got.size_bytes == vdi.size_bytes, "%" PRId64 " told, %" PRId64 " made",
	       vdi.size_bytes, got.size_bytes);
	return 0;
}

static int expect_disks(struct env *e, size_t n, struct mu_error *err)
{
	MU_CLEANUP(sr_vdis_deinit) struct sr_vdis vdis = {NULL, 0};

	if (sr_scan(e->sr, &vdis, err) < 0)
		return MU_FAILED;
	EXPECT(vdis.n == n, "%zu disks", vdis.n);
	return 0;
}

static int bad_sizes_refused(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi = env_vdi("bad");
	struct sr_usage u;

	vdi.size_bytes = 0;
	REFUSED(MU_E_INVALID, sr_vdi_create(e->sr, &vdi, err));
	vdi.size_bytes = -1;
	REFUSED(MU_E_INVALID, sr_vdi_create(e->sr, &vdi, err));
	vdi.size_bytes = INT64_MAX;
	REFUSED(MU_E_INVALID, sr_vdi_create(e->sr, &vdi, err));
	if (sr_usage(e->sr, &u, err) < 0)
		return MU_FAILED;
	vdi.size_bytes = u.size_bytes + 1;
	REFUSED(MU_E_EXHAUSTED, sr_vdi_create(e->sr, &vdi, err));
	return expect_disks(e, 0, err);
}

static int bad_text_refused(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi = env_vdi("line\nbreak");

	REFUSED(MU_E_INVALID, sr_vdi_create(e->sr, &vdi, err));
	snprintf(vdi.name, sizeof vdi.name, "\xff\xfe");
	REFUSED(MU_E_INVALID, sr_vdi_create(e->sr, &vdi, err));
	snprintf(vdi.name, sizeof vdi.name, "good");
	vdi.n_tags = 1;
	snprintf(vdi.tags[0], sizeof vdi.tags[0], "\x7f");
	REFUSED(MU_E_INVALID, sr_vdi_create(e->sr, &vdi, err));
	return expect_disks(e, 0, err);
}

static int duplicate_refused(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, same;

	if (env_disk(e, "first", &vdi, err) < 0 || env_write(e, &vdi, 0, MIB, 5, err) < 0)
		return MU_FAILED;
	same = vdi;
	REFUSED(MU_E_EXISTS, sr_vdi_create(e->sr, &same, err));
	return env_expect(e, &vdi, 0, MIB, 5, err);
}

static int unknown_disk_not_found(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi = env_vdi("nobody");
	struct sr_path path;
	struct sr_vdi got;

	REFUSED(MU_E_NOT_FOUND, sr_find(e->sr, &vdi.id, &got, err));
	REFUSED(MU_E_NOT_FOUND, sr_activate(e->sr, &vdi, false, &path, err));
	REFUSED(MU_E_NOT_FOUND, sr_vdi_resize(e->sr, &vdi, 2 * DISK_SIZE, err));
	return 0;
}

static int removed_twice(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, other;

	if (env_disk(e, "goes", &vdi, err) < 0 || env_disk(e, "stays", &other, err) < 0 ||
	    env_write(e, &other, 0, MIB, 4, err) < 0 || sr_vdi_remove(e->sr, &vdi.id, err) < 0 ||
	    sr_vdi_remove(e->sr, &vdi.id, err) < 0 || expect_disks(e, 1, err) < 0)
		return MU_FAILED;
	return env_expect(e, &other, 0, MIB, 4, err);
}

static int grows(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, got;

	if (env_disk(e, "grows", &vdi, err) < 0 || env_write(e, &vdi, 0, DISK_SIZE, 6, err) < 0 ||
	    sr_vdi_resize(e->sr, &vdi, 2 * DISK_SIZE, err) < 0 ||
	    sr_find(e->sr, &vdi.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(got.size_bytes == 2 * DISK_SIZE, "%" PRId64, got.size_bytes);
	if (env_expect(e, &vdi, 0, DISK_SIZE, 6, err) < 0 ||
	    env_expect(e, &vdi, DISK_SIZE, 2 * DISK_SIZE, 0, err) < 0 ||
	    sr_vdi_resize(e->sr, &vdi, 2 * DISK_SIZE, err) < 0)
		return MU_FAILED;
	REFUSED(MU_E_INVALID, sr_vdi_resize(e->sr, &vdi, DISK_SIZE, err));
	REFUSED(MU_E_INVALID, sr_vdi_resize(e->sr, &vdi, 0, err));
	return 0;
}

static int grows_while_active(struct env *e, struct mu_error *err)
{
	struct sr_path path;
	struct sr_vdi vdi;
	off_t end;
	int fd;

	if (env_disk(e, "active", &vdi, err) < 0 || sr_activate(e->sr, &vdi, false, &path, err) < 0)
		return MU_FAILED;
	fd = open(path.path, O_RDWR | O_CLOEXEC);
	EXPECT(fd >= 0, "%s", path.path);
	if (sr_vdi_resize(e->sr, &vdi, 2 * DISK_SIZE, err) < 0) {
		(void)close(fd);
		return MU_FAILED;
	}
	end = lseek(fd, 0, SEEK_END);
	(void)close(fd);
	EXPECT(end == 2 * DISK_SIZE, "%lld bytes", (long long)end);
	return sr_deactivate(e->sr, &vdi.id, err);
}

static int activated_twice(struct env *e, struct mu_error *err)
{
	struct sr_path first, second;
	struct sr_vdi vdi;

	if (env_disk(e, "disk", &vdi, err) < 0 ||
	    sr_activate(e->sr, &vdi, false, &first, err) < 0 ||
	    sr_activate(e->sr, &vdi, false, &second, err) < 0)
		return MU_FAILED;
	EXPECT(strcmp(first.path, second.path) == 0, "%s, %s", first.path, second.path);
	if (sr_deactivate(e->sr, &vdi.id, err) < 0)
		return MU_FAILED;
	return sr_deactivate(e->sr, &vdi.id, err);
}

static int readonly_is_kept(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi = env_vdi("fixed");
	struct sr_path path;

	vdi.readonly = true;
	if (sr_vdi_create(e->sr, &vdi, err) < 0)
		return MU_FAILED;
	REFUSED(MU_E_STATE, sr_activate(e->sr, &vdi, false, &path, err));
	REFUSED(MU_E_STATE, sr_vdi_resize(e->sr, &vdi, 2 * DISK_SIZE, err));
	return env_expect(e, &vdi, 0, DISK_SIZE, 0, err);
}

static int cannot_share(struct env *e, struct mu_error *err)
{
	struct sr_clone c = {.sr = e->sr, .vdi = env_vdi("clone")};

	if (env_disk(e, "disk", &c.source, err) < 0)
		return MU_FAILED;
	REFUSED(MU_E_UNSUPPORTED, sr_clone_prepare(&c, err));
	return expect_disks(e, 1, err);
}

static int snapshot_stands_still(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, snapshot, got;

	if (!sr_caps_of(e->sr).instant_clone)
		return cannot_share(e, err);
	if (env_disk(e, "disk", &vdi, err) < 0 || env_write(e, &vdi, 0, DISK_SIZE, 1, err) < 0 ||
	    env_clone(e, &vdi, true, &snapshot, err) < 0 ||
	    env_write(e, &vdi, 4 * MIB, 8 * MIB, 2, err) < 0 ||
	    env_expect(e, &snapshot, 0, DISK_SIZE, 1, err) < 0 ||
	    env_expect(e, &vdi, 4 * MIB, 8 * MIB, 2, err) < 0 ||
	    sr_find(e->sr, &snapshot.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(got.size_bytes == DISK_SIZE && got.readonly && !got.partial, "%" PRId64 " bytes",
	       got.size_bytes);
	EXPECT(mu_uuid_equal(&got.snapshot_of, &vdi.id) && got.snapshot_at == 1700000000123,
	       "whose, when");
	if (sr_vdi_remove(e->sr, &vdi.id, err) < 0)
		return MU_FAILED;
	return env_expect(e, &snapshot, 0, DISK_SIZE, 1, err);
}

/* The data that the writer's fsync covered must be in it, though the disk is open. */
static int snapshot_of_an_open_disk(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, snapshot;
	struct sr_path path;
	char byte = 'x';
	int fd, r;

	if (!sr_caps_of(e->sr).instant_clone)
		return cannot_share(e, err);
	if (env_disk(e, "disk", &vdi, err) < 0 || env_write(e, &vdi, 0, DISK_SIZE, 8, err) < 0 ||
	    sr_activate(e->sr, &vdi, false, &path, err) < 0)
		return MU_FAILED;
	fd = open(path.path, O_RDWR | O_CLOEXEC);
	EXPECT(fd >= 0 && pwrite(fd, &byte, 1, MIB + 8192) == 1 && fsync(fd) == 0, "%s", path.path);
	r = env_clone(e, &vdi, true, &snapshot, err);
	(void)close(fd);
	if (r < 0 || sr_activate(e->sr, &snapshot, true, &path, err) < 0)
		return MU_FAILED;
	fd = open(path.path, O_RDONLY | O_CLOEXEC);
	byte = 0;
	EXPECT(fd >= 0 && pread(fd, &byte, 1, MIB + 8192) == 1, "%s", path.path);
	(void)close(fd);
	EXPECT(byte == 'x', "the write is not in the snapshot");
	if (sr_deactivate(e->sr, &vdi.id, err) < 0 || sr_deactivate(e->sr, &snapshot.id, err) < 0)
		return MU_FAILED;
	return env_expect(e, &snapshot, 0, DISK_SIZE, 8, err);
}

static int tree_of_clones(struct env *e, struct mu_error *err)
{
	struct sr_vdi root, snapshot, clone, second;

	if (!sr_caps_of(e->sr).instant_clone)
		return 0;
	if (env_disk(e, "root", &root, err) < 0 || env_write(e, &root, 0, DISK_SIZE, 1, err) < 0 ||
	    env_clone(e, &root, true, &snapshot, err) < 0 ||
	    env_clone(e, &snapshot, false, &clone, err) < 0 ||
	    env_write(e, &clone, 0, 4 * MIB, 2, err) < 0 ||
	    env_clone(e, &clone, true, &second, err) < 0 ||
	    env_write(e, &clone, 0, 4 * MIB, 3, err) < 0)
		return MU_FAILED;
	if (sr_vdi_remove(e->sr, &snapshot.id, err) < 0 ||
	    env_expect(e, &root, 0, DISK_SIZE, 1, err) < 0 ||
	    env_expect(e, &clone, 0, 4 * MIB, 3, err) < 0 ||
	    env_expect(e, &clone, 4 * MIB, DISK_SIZE, 1, err) < 0 ||
	    env_expect(e, &second, 0, 4 * MIB, 2, err) < 0)
		return MU_FAILED;
	return env_expect(e, &second, 4 * MIB, DISK_SIZE, 1, err);
}

static int clone_of_grown_source(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, snapshot, got;

	if (!sr_caps_of(e->sr).instant_clone)
		return 0;
	if (env_disk(e, "disk", &vdi, err) < 0 || env_clone(e, &vdi, true, &snapshot, err) < 0 ||
	    sr_vdi_resize(e->sr, &vdi, 2 * DISK_SIZE, err) < 0 ||
	    sr_find(e->sr, &snapshot.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(got.size_bytes == DISK_SIZE, "the snapshot grew to %" PRId64, got.size_bytes);
	return 0;
}

/* As a revert does it: a clone of the snapshot takes the disk's place. */
static int replace_gives_the_old_data(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, snapshot, clone, got;

	if (!sr_caps_of(e->sr).instant_clone)
		return 0;
	if (env_disk(e, "disk", &vdi, err) < 0 || env_write(e, &vdi, 0, DISK_SIZE, 1, err) < 0 ||
	    env_clone(e, &vdi, true, &snapshot, err) < 0 ||
	    env_write(e, &vdi, 0, DISK_SIZE, 2, err) < 0 ||
	    sr_vdi_resize(e->sr, &vdi, 2 * DISK_SIZE, err) < 0 ||
	    env_clone(e, &snapshot, false, &clone, err) < 0 ||
	    sr_vdi_replace(e->sr, &vdi, &clone.id, err) < 0 || expect_disks(e, 2, err) < 0 ||
	    sr_find(e->sr, &vdi.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(strcmp(got.name, "disk") == 0 && !got.readonly && !got.partial, "name %s", got.name);
	EXPECT(got.size_bytes == DISK_SIZE, "%" PRId64, got.size_bytes);
	EXPECT(mu_uuid_is_nil(&got.snapshot_of), "it reads as a snapshot");
	if (env_expect(e, &vdi, 0, DISK_SIZE, 1, err) < 0 || env_write(e, &vdi, 0, MIB, 9, err) < 0)
		return MU_FAILED;
	return env_expect(e, &snapshot, 0, DISK_SIZE, 1, err);
}

/* What storage that cannot share blocks does: a copy takes the disk's place. */
static int replace_by_a_whole_disk(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, copy = env_vdi("copy");

	copy.partial = true;
	if (env_disk(e, "disk", &vdi, err) < 0 || sr_vdi_create(e->sr, &copy, err) < 0 ||
	    env_write(e, &copy, 0, DISK_SIZE, 3, err) < 0 ||
	    sr_vdi_replace(e->sr, &vdi, &copy.id, err) < 0 || expect_disks(e, 1, err) < 0 ||
	    env_expect(e, &vdi, 0, DISK_SIZE, 3, err) < 0)
		return MU_FAILED;
	return env_reopen(e, err) < 0 ? MU_FAILED : env_expect(e, &vdi, 0, DISK_SIZE, 3, err);
}

static int partial_is_marked(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi = env_vdi("half"), got;

	vdi.partial = true;
	if (sr_vdi_create(e->sr, &vdi, err) < 0 || env_reopen(e, err) < 0 ||
	    sr_find(e->sr, &vdi.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(got.partial, "not marked");
	vdi.partial = false;
	if (sr_vdi_set(e->sr, &vdi, err) < 0 || sr_find(e->sr, &vdi.id, &got, err) < 0)
		return MU_FAILED;
	EXPECT(!got.partial, "still marked");
	return 0;
}

static int thin_disks_cost_little(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi = env_vdi("large");
	struct sr_usage before, after;

	if (!sr_caps_of(e->sr).thin || sr_usage(e->sr, &before, err) < 0)
		return sr_caps_of(e->sr).thin ? MU_FAILED : 0;
	vdi.size_bytes = before.size_bytes / 2 / DISK_SIZE * DISK_SIZE;
	if (sr_vdi_create(e->sr, &vdi, err) < 0 || sr_usage(e->sr, &after, err) < 0)
		return MU_FAILED;
	EXPECT(after.used_bytes - before.used_bytes < vdi.size_bytes / 8,
	       "%" PRId64 " bytes for an empty disk", after.used_bytes - before.used_bytes);
	return 0;
}

static int destroy_needs_an_empty_one(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi;

	if (env_disk(e, "disk", &vdi, err) < 0)
		return MU_FAILED;
	REFUSED(MU_E_STATE, sr_destroy(e->sr, err));
	return env_expect(e, &vdi, 0, MIB, 0, err);
}

static int full_pool_refuses(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, more = env_vdi("more");
	struct sr_clone c = {.sr = e->sr, .vdi = env_vdi("clone")};
	struct sr_usage u;
	char limit[16];

	if (env_disk(e, "disk", &vdi, err) < 0 || env_write(e, &vdi, 0, DISK_SIZE, 1, err) < 0 ||
	    sr_usage(e->sr, &u, err) < 0)
		return MU_FAILED;
	if (u.data_percent < 1 &&
	    u.metadata_percent < 1) /* no pool, or nearly empty by its nature */
		return 0;
	snprintf(limit, sizeof limit, "%d",
		 u.data_percent > u.metadata_percent ? u.data_percent : u.metadata_percent);
	if (env_reopen_with(e, "full_percent", limit, err) < 0)
		return MU_FAILED;
	REFUSED(MU_E_EXHAUSTED, sr_vdi_create(e->sr, &more, err));
	REFUSED(MU_E_EXHAUSTED, sr_vdi_resize(e->sr, &vdi, 2 * DISK_SIZE, err));
	c.source = vdi;
	if (sr_caps_of(e->sr).instant_clone)
		REFUSED(MU_E_EXHAUSTED, sr_clone_prepare(&c, err));
	if (env_write(e, &vdi, 0, MIB, 7, err) < 0) /* what is there goes on */
		return MU_FAILED;
	return expect_disks(e, 1, err);
}

/* From several threads at once */

enum { N_THREADS = 4, N_ROUNDS = 4 };

struct user {
	struct env *env;
	pthread_t thread;
	int r;
	struct mu_error err;
};

static int come_and_go(struct env *e, struct mu_error *err)
{
	struct sr_vdi vdi, clone;

	for (unsigned i = 1; i <= N_ROUNDS; i++) {
		if (env_disk(e, "mine", &vdi, err) < 0 ||
		    env_write(e, &vdi, 0, 4 * MIB, i, err) < 0)
			return MU_FAILED;
		if (sr_caps_of(e->sr).instant_clone &&
		    (env_clone(e, &vdi, true, &clone, err) < 0 ||
		     env_expect(e, &clone, 0, 4 * MIB, i, err) < 0 ||
		     sr_vdi_remove(e->sr, &clone.id, err) < 0))
			return MU_FAILED;
		if (env_expect(e, &vdi, 0, 4 * MIB, i, err) < 0 ||
		    sr_vdi_remove(e->sr, &vdi.id, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static void *use(void *arg)
{
	struct user *u = arg;

	u->r = come_and_go(u->env, &u->err);
	return NULL;
}

static int many_threads(struct env *e, struct mu_error *err)
{
	struct user users[N_THREADS] = {{.env = NULL}};
	int r = 0;

	for (size_t i = 0; i < N_THREADS; i++) {
		users[i].env = e;
		EXPECT(pthread_create(&users[i].thread, NULL, use, &users[i]) == 0, "thread %zu",
		       i);
	}
	for (size_t i = 0; i < N_THREADS; i++) {
		EXPECT(pthread_join(users[i].thread, NULL) == 0, "thread %zu", i);
		if (users[i].r < 0) {
			*err = users[i].err;
			r = MU_FAILED;
		}
	}
	return r < 0 ? r : expect_disks(e, 0, err);
}

static int many_disks_sorted(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(sr_vdis_deinit) struct sr_vdis vdis = {NULL, 0};
	struct sr_vdi vdi;

	for (int i = 0; i < 9; i++) {
		if (env_disk(e, "one of many", &vdi, err) < 0)
			return MU_FAILED;
	}
	if (sr_scan(e->sr, &vdis, err) < 0)
		return MU_FAILED;
	EXPECT(vdis.n == 9, "%zu", vdis.n);
	for (size_t i = 1; i < vdis.n; i++)
		EXPECT(memcmp(vdis.list[i - 1].id.bytes, vdis.list[i].id.bytes, 16) < 0, "%zu", i);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct env *e, struct mu_error *err);
} cases[] = {
    {"usage is plausible", usage_is_plausible},
    {"made once, found by its id, no other in its place", made_once},
    {"nothing works while detached", nothing_works_detached},
    {"metadata survives a restart", metadata_survives},
    {"edit changes metadata", edit_changes_metadata},
    {"new disk reads zeroes", new_disk_reads_zeroes},
    {"data stays", data_stays},
    {"size is rounded up", size_is_rounded_up},
    {"sizes of 0 and beyond the SR are refused", bad_sizes_refused},
    {"control characters and bad UTF-8 are refused", bad_text_refused},
    {"second disk of an id is refused", duplicate_refused},
    {"unknown disk is not found", unknown_disk_not_found},
    {"removed twice, the others stay", removed_twice},
    {"grows, and never shrinks", grows},
    {"grows while it is active", grows_while_active},
    {"activated and deactivated twice", activated_twice},
    {"read-only disk is not written", readonly_is_kept},
    {"snapshot stands still, and outlives its disk", snapshot_stands_still},
    {"snapshot of an open disk has what was synced", snapshot_of_an_open_disk},
    {"snapshots of several disks are one moment", contract_snapshots_are_one_moment},
    {"tree of snapshots and clones", tree_of_clones},
    {"growing leaves snapshots alone", clone_of_grown_source},
    {"replace gives the old data under the same id", replace_gives_the_old_data},
    {"replace by a disk that shares nothing", replace_by_a_whole_disk},
    {"disk in the making is marked", partial_is_marked},
    {"thin disks cost little", thin_disks_cost_little},
    {"destroy needs an empty one", destroy_needs_an_empty_one},
    {"full pool refuses what is new", full_pool_refuses},
    {"several threads at once", many_threads},
    {"many disks, sorted", many_disks_sorted},
};

size_t sr_contract_n_cases(void)
{
	return MU_ARRAY_SIZE(cases);
}

const char *sr_contract_case_name(size_t i)
{
	return cases[i].name;
}

int sr_contract_run(const struct sr_contract *c, size_t i, struct mu_error *err)
{
	struct env e;
	int r;

	mu_error_clear(err);
	r = env_open(&e, c, err);
	if (r == 0)
		r = cases[i].run(&e, err);
	if (env_close(&e, r < 0 ? NULL : err) < 0)
		r = MU_FAILED;
	return r;
}
