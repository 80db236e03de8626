/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/agent/storage/contract_env.h"

#include "common/base/rand.h"
#include "common/os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATTERN_BYTES = 4096 };

static int new_sr(struct env *e, struct mu_error *err)
{
	const struct sr_ops *const drivers[] = {e->c->ops, NULL};

	return sr_new(drivers, &e->config, e->c->state_dir, &e->sr, err);
}

int env_open(struct env *e, const struct sr_contract *c, struct mu_error *err)
{
	int r;

	*e = (struct env){.c = c, .config = c->config};
	e->config.id = mu_random_uuid();
	if (new_sr(e, err) < 0)
		return mu_error_prefix(err, "new");
	r = sr_create(e->sr, err);
	if (r < 0)
		return mu_error_prefix(err, "create");
	EXPECT(r == 0, "found one where none should be");
	return 0;
}

int env_reopen(struct env *e, struct mu_error *err)
{
	e->sr = sr_free(e->sr);
	if (new_sr(e, err) < 0)
		return mu_error_prefix(err, "new again");
	return sr_attach(e->sr, err);
}

int env_reopen_with(struct env *e, const char *name, const char *value, struct mu_error *err)
{
	struct sr_param *p = &e->config.params[e->config.n_params++];

	snprintf(p->name, sizeof p->name, "%s", name);
	snprintf(p->value, sizeof p->value, "%s", value);
	return env_reopen(e, err);
}

static int remove_all(struct env *e, struct mu_error *err)
{
	MU_CLEANUP(sr_vdis_deinit) struct sr_vdis vdis = {NULL, 0};

	if (sr_attach(e->sr, err) < 0 || sr_scan(e->sr, &vdis, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < vdis.n; i++) {
		if (sr_deactivate(e->sr, &vdis.list[i].id, err) < 0 ||
		    sr_vdi_remove(e->sr, &vdis.list[i].id, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

int env_close(struct env *e, struct mu_error *err)
{
	int r = 0;

	if (e->sr && (remove_all(e, err) < 0 || sr_destroy(e->sr, err) < 0))
		r = mu_error_prefix(err, "clean up");
	e->sr = sr_free(e->sr);
	if (r == 0 && e->c->leak_check)
		r = e->c->leak_check(e->c, err);
	return r;
}

struct sr_vdi env_vdi(const char *name)
{
	struct sr_vdi vdi = {.id = mu_random_uuid(), .size_bytes = DISK_SIZE};

	snprintf(vdi.name, sizeof vdi.name, "%s", name);
	return vdi;
}

int env_disk(struct env *e, const char *name, struct sr_vdi *ret_vdi, struct mu_error *err)
{
	*ret_vdi = env_vdi(name);
	if (sr_vdi_create(e->sr, ret_vdi, err) < 0)
		return mu_error_prefix(err, "create %s", name);
	return 0;
}

static void pattern(char *buf, unsigned seed, int64_t at)
{
	struct mu_rand rand = {.state = seed * 1000003u + (uint64_t)at};

	for (size_t i = 0; i < PATTERN_BYTES; i += sizeof(uint64_t)) {
		uint64_t v = seed ? mu_rand_next(&rand) : 0;

		memcpy(buf + i, &v, sizeof v);
	}
}

static int each_mib(int fd, int64_t from, int64_t to, unsigned seed, bool write,
		    struct mu_error *err)
{
	char want[PATTERN_BYTES], got[PATTERN_BYTES];

	for (int64_t at = from; at < to; at += MIB) {
		pattern(want, seed, at);
		if (write) {
			EXPECT(pwrite(fd, want, sizeof want, at) == sizeof want,
			       "at %" PRId64 ": %s", at, strerror(errno));
		} else {
			EXPECT(pread(fd, got, sizeof got, at) == sizeof got, "at %" PRId64 ": %s",
			       at, strerror(errno));
			EXPECT(memcmp(want, got, sizeof got) == 0, "at %" PRId64 ": not pattern %u",
			       at, seed);
		}
	}
	return 0;
}

static int with_path(struct env *e, const struct sr_vdi *vdi, int64_t from, int64_t to,
		     unsigned seed, bool write, struct mu_error *err)
{
	struct sr_path path;
	int fd, r;

	if (sr_activate(e->sr, vdi, !write, &path, err) < 0)
		return mu_error_prefix(err, "activate %s", vdi->name);
	EXPECT(strcmp(path.format, "raw") == 0, "format %s", path.format);
	fd = open(path.path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	EXPECT(fd >= 0, "%s: %s", path.path, strerror(errno));
	r = each_mib(fd, from, to, seed, write, err);
	if (r == 0 && write)
		r = fsync(fd);
	(void)close(fd);
	if (r < 0)
		return mu_error_prefix(err, "%s", vdi->name);
	return sr_deactivate(e->sr, &vdi->id, err);
}

int env_write(struct env *e, const struct sr_vdi *vdi, int64_t from, int64_t to, unsigned seed,
	      struct mu_error *err)
{
	return with_path(e, vdi, from, to, seed, true, err);
}

int env_expect(struct env *e, const struct sr_vdi *vdi, int64_t from, int64_t to, unsigned seed,
	       struct mu_error *err)
{
	return with_path(e, vdi, from, to, seed, false, err);
}

int env_clone(struct env *e, const struct sr_vdi *source, bool snapshot, struct sr_vdi *ret_vdi,
	      struct mu_error *err)
{
	struct sr_clone c;

	*ret_vdi = env_vdi(snapshot ? "snapshot" : "clone");
	ret_vdi->size_bytes = source->size_bytes;
	ret_vdi->parent = source->id;
	ret_vdi->readonly = snapshot;
	ret_vdi->partial = true;
	if (snapshot) {
		ret_vdi->snapshot_of = source->id;
		ret_vdi->snapshot_at = 1700000000123;
	}
	c = (struct sr_clone){.sr = e->sr, .source = *source, .vdi = *ret_vdi};
	if (sr_clone_prepare(&c, err) < 0 ||
	    sr_clones_take((struct sr_clone *const[]){&c}, 1, err) < 0)
		return mu_error_prefix(err, "clone %s", source->name);
	ret_vdi->partial = false;
	return sr_vdi_set(e->sr, ret_vdi, err);
}
