/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/net_store.h"

#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_MAX_BYTES = 16 * 1024, RECORDS_MAX = 4096 };

/* ---- records ---- */

static char *record_path(const char *dir, const char *bridge)
{
	return mu_xasprintf("%s/%s.json", dir, bridge);
}

static int read_record(const char *path, const char *name, struct net_record *ret,
		       struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	struct mu_value *v;

	if (mu_file_read(path, RECORD_MAX_BYTES, &text, err) < 0)
		return MU_FAILED;
	mu_str_add(&text, "");
	if (mu_json_read(a, text.data, text.len, &v, err) < 0 || net_record_decode(v, ret, err) < 0)
		return MU_FAILED;
	if (strncmp(name, ret->bridge, strlen(ret->bridge)) != 0 ||
	    strcmp(name + strlen(ret->bridge), ".json") != 0)
		return mu_error_set(err, MU_E_INVALID, "bridge: not the file's name");
	return 0;
}

static int load_one(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	struct net_records *records = ctx;
	MU_CLEANUP(mu_free) char *aside = NULL;
	struct net_record rec;

	if (records->n == RECORDS_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE, "%s: more than %d records", path,
				    RECORDS_MAX);
	if (read_record(path, name, &rec, err) < 0) {
		if (err->code == MU_E_IO || err->code == MU_E_DENIED)
			return MU_FAILED; /* it may be readable next time */
		mu_log_warning("network record is damaged file=%s err=\"%s\"", path, err->text);
		return mu_file_set_aside(path, &aside, err);
	}
	records->items = mu_xrealloc(records->items, records->n + 1, sizeof *records->items);
	records->items[records->n++] = rec;
	return 0;
}

int net_store_load(const char *dir, struct net_records *ret, struct mu_error *err)
{
	if (mu_file_mkdirs(dir, 0700, err) < 0 || mu_file_sweep(dir, ".json", err) < 0)
		return MU_FAILED;
	return mu_file_list(dir, ".json", load_one, ret, err);
}

int net_store_save(const char *dir, const struct net_record *rec, struct mu_error *err)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_free) char *path = record_path(dir, rec->bridge);
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_json_write(&text, net_record_encode(a, rec), true);
	return mu_file_replace(path, text.data, text.len, 0600, err);
}

int net_store_forget(const char *dir, const char *bridge, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *path = record_path(dir, bridge);

	return mu_file_remove(path, err);
}

/* ---- configuration files ---- */

/* The folder of a drop-in. Its mode counts whatever our umask is: networkd is not root. */
static int make_folder(const char *path, struct mu_error *err)
{
	MU_CLEANUP(mu_free)
	char *dir = mu_xstrndup(path, (size_t)(strrchr(path, '/') - path));

	if (mkdir(dir, 0755) == 0)
		return chmod(dir, 0755) < 0 ? mu_error_errno(err, errno, "%s", dir) : 0;
	return errno == EEXIST ? 0 : mu_error_errno(err, errno, "mkdir %s", dir);
}

int net_store_write_files(const struct net_plan *plan, struct mu_error *err)
{
	for (size_t i = 0; i < plan->n_files; i++) {
		const struct net_file *f = &plan->files[i];

		if (make_folder(f->path, err) < 0 ||
		    mu_file_replace(f->path, f->text, strlen(f->text), f->secret ? 0600 : 0644,
				    err) < 0)
			return MU_FAILED;
	}
	return 0;
}

/* In reverse order of writing, and what a crash left of a writing. */
int net_store_remove_files(const struct net_plan *plan, struct mu_error *err)
{
	for (size_t i = plan->n_files; i-- > 0;) {
		const struct net_file *f = &plan->files[i];
		MU_CLEANUP(mu_free) char *temp = mu_xasprintf("%s.new", f->path);
		MU_CLEANUP(mu_free) char *dir = NULL;

		if (f->shared)
			continue;
		if (mu_file_remove(temp, err) < 0 || mu_file_remove(f->path, err) < 0)
			return MU_FAILED;
		dir = mu_xstrndup(f->path, (size_t)(strrchr(f->path, '/') - f->path));
		/* A drop-in's folder, if nobody else has something in it. */
		if (!strcmp(dir + strlen(dir) - 2, ".d") && strstr(dir, ".network.d"))
			(void)rmdir(dir);
	}
	return 0;
}
