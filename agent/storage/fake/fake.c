/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A storage repository in memory: each disk is a memfd, whose path below /proc other programs of
 * the machine can open while we live. What real storage keeps on a disk is kept in a "medium" of
 * this process, so an SR can be forgotten and found again. For unit tests, simulated hosts and the
 * demo; it keeps the contract like any other.
 *
 * "data_percent" and "metadata_percent" make it say that it is as full as that.
 */
#include "agent/storage/copy.h"
#include "agent/storage/drivers.h"
#include "common/base/list.h"
#include "common/base/str.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_SIZE ((uint64_t)1 << 40)

struct disk {
	struct mu_link link;
	struct sr_vdi vdi;
	int fd;
};

/* What would lie on a disk. The lock is of the list; one SR uses a medium at a time. */
struct medium {
	struct mu_link link;
	char name[MODEL_PATH_MAX + 1];
	struct mu_uuid sr; /* nil: none on it */
	struct mu_link disks;
};

static pthread_mutex_t media_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mu_link media = {&media, &media};

struct fake {
	struct mu_uuid id;
	struct medium *medium;
	int64_t size_bytes;
	int32_t data_percent;
	int32_t metadata_percent;
};

static struct medium *find_medium(const char *name)
{
	struct medium *m = NULL;

	(void)pthread_mutex_lock(&media_lock);
	mu_list_each(it, &media)
	{
		struct medium *known = MU_CONTAINER_OF(it, struct medium, link);

		if (strcmp(known->name, name) == 0)
			m = known;
	}
	if (!m) {
		m = mu_xcalloc(1, sizeof *m);
		(void)snprintf(m->name, sizeof m->name, "%s", name);
		mu_link_init(&m->disks);
		mu_list_push_back(&media, &m->link);
	}
	(void)pthread_mutex_unlock(&media_lock);
	return m;
}

static int number(const struct sr_config *config, const char *name, uint64_t fallback, uint64_t max,
		  uint64_t *ret, struct mu_error *err)
{
	const char *text = sr_config_get(config, name);

	*ret = fallback;
	if (text && (!mu_parse_u64(text, ret) || *ret > max))
		return mu_error_set(err, MU_E_INVALID,
				    "device_config: %s: \"%s\" is no number up to %llu", name, text,
				    (unsigned long long)max);
	return 0;
}

static int fake_open(const struct sr_config *config, const char *state_dir, void **ret_impl,
		     struct mu_error *err)
{
	uint64_t size, data, metadata;
	struct fake *f;

	(void)state_dir;
	if (number(config, "size", DEFAULT_SIZE, (uint64_t)SR_VDI_SIZE_MAX, &size, err) < 0 ||
	    number(config, "data_percent", 0, 100, &data, err) < 0 ||
	    number(config, "metadata_percent", 0, 100, &metadata, err) < 0)
		return MU_FAILED;
	f = mu_xcalloc(1, sizeof *f);
	*f = (struct fake){
	    .id = config->id,
	    .medium = find_medium(sr_config_get(config, "medium")),
	    .size_bytes = (int64_t)size,
	    .data_percent = sr_config_get(config, "data_percent") ? (int32_t)data : -1,
	    .metadata_percent = sr_config_get(config, "metadata_percent") ? (int32_t)metadata : -1};
	*ret_impl = f;
	return 0;
}

static void fake_close(void *impl)
{
	free(impl);
}

static int fake_probe(void *impl, struct mu_uuid *ret_id, struct mu_error *err)
{
	const struct fake *f = impl;

	(void)err;
	*ret_id = f->medium->sr;
	return 0;
}

static int fake_create(void *impl, struct mu_error *err)
{
	struct fake *f = impl;

	(void)err;
	f->medium->sr = f->id;
	return 0;
}

static int fake_destroy(void *impl, struct mu_error *err)
{
	struct fake *f = impl;

	(void)err;
	f->medium->sr = (struct mu_uuid){{0}};
	return 0;
}

static int fake_attach(void *impl, struct sr_caps *ret_caps, struct mu_error *err)
{
	const struct fake *f = impl;

	(void)err;
	*ret_caps = (struct sr_caps){.thin = true, .instant_clone = true};
	(void)snprintf(ret_caps->location, sizeof ret_caps->location, "%s", f->medium->name);
	return 0;
}

static int fake_detach(void *impl, struct mu_error *err)
{
	(void)impl;
	(void)err;
	return 0;
}

static int64_t used_by(const struct disk *d)
{
	struct stat st;

	return fstat(d->fd, &st) == 0 ? (int64_t)st.st_blocks * 512 : -1;
}

static int fake_usage(void *impl, struct sr_usage *ret_usage, struct mu_error *err)
{
	const struct fake *f = impl;
	int64_t used = 0;

	(void)err;
	mu_list_each(it, &f->medium->disks) used += used_by(MU_CONTAINER_OF(it, struct disk, link));
	*ret_usage = (struct sr_usage){.size_bytes = f->size_bytes,
				       .used_bytes = used,
				       .data_percent = f->data_percent,
				       .metadata_percent = f->metadata_percent};
	return 0;
}

static int fake_scan(void *impl, struct sr_vdis *ret_vdis, struct mu_error *err)
{
	const struct fake *f = impl;

	mu_list_each(it, &f->medium->disks)
	{
		const struct disk *d = MU_CONTAINER_OF(it, struct disk, link);
		struct sr_vdi vdi = d->vdi;

		vdi.used_bytes = used_by(d);
		if (sr_vdis_add(ret_vdis, &vdi, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static struct disk *find_disk(const struct fake *f, const struct mu_uuid *id)
{
	mu_list_each(it, &f->medium->disks)
	{
		struct disk *d = MU_CONTAINER_OF(it, struct disk, link);

		if (mu_uuid_equal(&d->vdi.id, id))
			return d;
	}
	return NULL;
}

static int get_disk(const struct fake *f, const struct mu_uuid *id, struct disk **ret,
		    struct mu_error *err)
{
	char text[MU_UUID_TEXT];

	*ret = find_disk(f, id);
	if (!*ret)
		return mu_error_set(err, MU_E_NOT_FOUND, "there is no disk %s",
				    mu_uuid_format(id, text));
	return 0;
}

static int fake_activate(void *impl, const struct sr_vdi *vdi, bool readonly,
			 struct sr_path *ret_path, struct mu_error *err)
{
	struct disk *d;

	(void)readonly;
	if (get_disk(impl, &vdi->id, &d, err) < 0)
		return MU_FAILED;
	*ret_path = (struct sr_path){.format = "raw", .backend = SR_BACKEND_QDISK, .zero = true};
	(void)snprintf(ret_path->path, sizeof ret_path->path, "/proc/%d/fd/%d", (int)getpid(),
		       d->fd);
	return 0;
}

static int fake_deactivate(void *impl, const struct mu_uuid *id, struct mu_error *err)
{
	struct disk *d;

	return get_disk(impl, id, &d, err);
}

static int fake_vdi_create(void *impl, const struct sr_vdi *vdi, struct mu_error *err)
{
	struct fake *f = impl;
	__attribute__((cleanup(copy_close))) int fd = memfd_create("vdi", MFD_CLOEXEC);
	struct disk *d;

	if (fd < 0 || ftruncate(fd, vdi->size_bytes) < 0)
		return mu_error_errno(err, errno, "memfd");
	d = mu_xcalloc(1, sizeof *d);
	d->vdi = *vdi;
	d->fd = fd;
	fd = -1;
	mu_list_push_back(&f->medium->disks, &d->link);
	return 0;
}

static int fake_vdi_remove(void *impl, const struct mu_uuid *id, struct mu_error *err)
{
	struct disk *d = find_disk(impl, id);

	(void)err;
	if (d) {
		mu_list_remove(&d->link);
		(void)close(d->fd);
		free(d);
	}
	return 0;
}

static int fake_vdi_set(void *impl, const struct sr_vdi *vdi, struct mu_error *err)
{
	int64_t size_bytes;
	struct disk *d;

	if (get_disk(impl, &vdi->id, &d, err) < 0)
		return MU_FAILED;
	size_bytes = d->vdi.size_bytes;
	d->vdi = *vdi;
	d->vdi.size_bytes = size_bytes;
	return 0;
}

static int fake_vdi_resize(void *impl, const struct mu_uuid *id, int64_t size_bytes,
			   struct mu_error *err)
{
	struct disk *d;

	if (get_disk(impl, id, &d, err) < 0)
		return MU_FAILED;
	if (ftruncate(d->fd, size_bytes) < 0)
		return mu_error_errno(err, errno, "memfd");
	d->vdi.size_bytes = size_bytes;
	return 0;
}

static int fake_clone_take(void *impl, const struct sr_clone *c, struct mu_error *err)
{
	const struct copy_watch nobody = {.cancel = NULL};
	struct disk *from, *to;

	if (get_disk(impl, &c->source.id, &from, err) < 0 ||
	    get_disk(impl, &c->vdi.id, &to, err) < 0)
		return MU_FAILED;
	return copy_raw(&nobody, from->fd, to->fd, from->vdi.size_bytes, true, err);
}

static int fake_clone_prepare(void *impl, struct sr_clone *c, struct mu_error *err)
{
	struct disk *from;

	if (get_disk(impl, &c->source.id, &from, err) < 0)
		return MU_FAILED;
	return fake_vdi_create(impl, &c->vdi, err);
}

static int fake_vdi_replace(void *impl, const struct sr_vdi *vdi, const struct mu_uuid *from_id,
			    struct mu_error *err)
{
	struct disk *to, *from;
	int fd;

	if (get_disk(impl, &vdi->id, &to, err) < 0 || get_disk(impl, from_id, &from, err) < 0)
		return MU_FAILED;
	fd = to->fd;
	to->fd = from->fd;
	to->vdi.size_bytes = from->vdi.size_bytes;
	from->fd = fd;
	return fake_vdi_remove(impl, from_id, err);
}

static const struct sr_param_rule params[] = {
    {"medium", true, "any name; SRs of one process on one medium see the same disks"},
    {"size", false, "bytes"},
    {"data_percent", false, "how full to say that it is"},
    {"metadata_percent", false, "the same"},
    {NULL},
};

const struct sr_ops sr_fake_ops = {
    .type = "fake",
    .params = params,
    .granularity_bytes = 512,
    .open = fake_open,
    .close = fake_close,
    .probe = fake_probe,
    .create = fake_create,
    .destroy = fake_destroy,
    .attach = fake_attach,
    .detach = fake_detach,
    .usage = fake_usage,
    .scan = fake_scan,
    .activate = fake_activate,
    .deactivate = fake_deactivate,
    .vdi_create = fake_vdi_create,
    .vdi_remove = fake_vdi_remove,
    .vdi_set = fake_vdi_set,
    .vdi_resize = fake_vdi_resize,
    .clone_prepare = fake_clone_prepare,
    .clone_take = fake_clone_take,
    .vdi_replace = fake_vdi_replace,
};
