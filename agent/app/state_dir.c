/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/state_dir.h"

#include "common/json/json.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

int state_dir_open(struct state_dir *dir, const char *path, struct mu_error *err)
{
	static const char *const subdirs[] = {"", "vms", "built", "save", "memory", "tls", "sim"};
	char at[STATE_PATH_MAX + 1];

	if (strlen(path) >= sizeof dir->path)
		return mu_error_set(err, MU_E_INVALID, "--state: path of more than %zu characters",
				    sizeof dir->path - 1);
	(void)snprintf(dir->path, sizeof dir->path, "%s", path);
	for (size_t i = 0; i < MU_ARRAY_SIZE(subdirs); i++) {
		if (mu_file_mkdirs(state_dir_file(dir, subdirs[i], at), 0700, err) < 0)
			return MU_FAILED;
	}
	if (mu_file_lock(state_dir_file(dir, "lock", at), err) < 0)
		return mu_error_prefix(err, "state directory %s", dir->path);
	return 0;
}

const char *state_dir_file(const struct state_dir *dir, const char *name,
			   char ret[static STATE_PATH_MAX + 1])
{
	(void)snprintf(ret, STATE_PATH_MAX + 1, "%s/%s", dir->path, name);
	return ret;
}

static const char *of_vm(const struct state_dir *dir, const char *sub, const struct vm_id *id,
			 const char *suffix, char ret[static STATE_PATH_MAX + 1])
{
	char uuid[MU_UUID_TEXT];

	(void)snprintf(ret, STATE_PATH_MAX + 1, "%s/%s/%s%s", dir->path, sub,
		       mu_uuid_format(&id->uuid, uuid), suffix);
	return ret;
}

const char *state_dir_vm(const struct state_dir *dir, const struct vm_id *id,
			 char ret[static STATE_PATH_MAX + 1])
{
	return of_vm(dir, "vms", id, ".json", ret);
}

const char *state_dir_built(const struct state_dir *dir, const struct vm_id *id,
			    char ret[static STATE_PATH_MAX + 1])
{
	return of_vm(dir, "built", id, ".json", ret);
}

const char *state_dir_save(const struct state_dir *dir, const struct vm_id *id,
			   char ret[static STATE_PATH_MAX + 1])
{
	return of_vm(dir, "save", id, ".save", ret);
}

const char *state_dir_partial_save(const struct state_dir *dir, const struct vm_id *id,
				   char ret[static STATE_PATH_MAX + 1])
{
	return of_vm(dir, "save", id, ".part", ret);
}

const char *state_dir_memory(const struct state_dir *dir, const struct vm_id *id,
			     char ret[static STATE_PATH_MAX + 1])
{
	return of_vm(dir, "memory", id, ".save", ret);
}

const char *state_dir_partial_memory(const struct state_dir *dir, const struct vm_id *id,
				     char ret[static STATE_PATH_MAX + 1])
{
	return of_vm(dir, "memory", id, ".part", ret);
}

/* A file that holds one UUID and a newline. */
static int read_uuid_file(const char *path, struct mu_uuid *ret, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	if (mu_file_read(path, 256, &text, err) < 0)
		return MU_FAILED;
	while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == ' '))
		text.data[--text.len] = '\0';
	if (!text.len || !mu_uuid_parse(text.data, ret) || mu_uuid_is_nil(ret))
		return mu_error_set(err, MU_E_IO, "%s does not hold a UUID", path);
	return 0;
}

int state_dir_boot_id(char ret_id[static MU_UUID_TEXT], struct mu_error *err)
{
	struct mu_uuid uuid;

	if (read_uuid_file(BOOT_ID, &uuid, err) < 0)
		return MU_FAILED;
	mu_uuid_format(&uuid, ret_id);
	return 0;
}

int state_dir_host_id(const struct state_dir *dir, struct host_id *ret_id, struct mu_error *err)
{
	char path[STATE_PATH_MAX + 1];
	char text[MU_UUID_TEXT];
	struct mu_uuid uuid;

	if (read_uuid_file(state_dir_file(dir, "host-id", path), &uuid, err) == 0) {
		ret_id->uuid = uuid;
		return 0;
	}
	if (err->code != MU_E_NOT_FOUND)
		return mu_error_prefix(err,
				       "this host's id cannot be read; hint: restore the file "
				       "from a backup, or enrol the host anew after removing it");
	mu_error_clear(err);
	uuid = mu_random_uuid();
	mu_uuid_format(&uuid, text);
	text[MU_UUID_TEXT - 1] = '\n'; /* in place of the NUL */
	if (mu_file_replace(path, text, MU_UUID_TEXT, 0644, err) < 0)
		return MU_FAILED;
	ret_id->uuid = uuid;
	return 0;
}

/* Definitions */

struct vm_loader {
	bool keep;
	void (*each)(struct vm_spec *spec, void *arg);
	void *arg;
	size_t n_damaged;
};

/* An older file can have a backend beside a VDI: it meant nothing then. */
static void drop_idle_backends(struct mu_value *v)
{
	struct mu_value *disks = mu_value_find(v, "disks");

	for (struct mu_value *d = disks ? disks->first : NULL; d; d = d->next)
		if (d->kind == MU_VALUE_OBJECT && mu_value_get(d, "vdi"))
			mu_value_remove(d, "backend");
}

static int read_vm(const char *path, const char *name, struct vm_spec *spec, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	char uuid[MU_UUID_TEXT];
	struct mu_value *v;

	if (mu_file_read(path, VM_SPEC_TEXT_MAX, &text, err) < 0)
		return MU_FAILED;
	if (mu_json_read(a, text.data ? text.data : "", text.len, &v, err) < 0)
		return MU_FAILED;
	drop_idle_backends(v);
	if (vm_spec_decode(v, spec, err) < 0)
		return MU_FAILED;
	mu_uuid_format(&spec->config.id.uuid, uuid);
	if (strncmp(uuid, name, MU_UUID_TEXT - 1) || strcmp(name + MU_UUID_TEXT - 1, ".json"))
		return mu_error_set(err, MU_E_INVALID, "uuid: %s is not the file's name", uuid);
	return 0;
}

static int load_vm(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	MU_CLEANUP(mu_free) struct vm_spec *spec = mu_xmalloc(sizeof *spec);
	MU_CLEANUP(mu_free) char *aside = NULL;
	struct mu_error why = MU_ERROR_INIT;
	struct vm_loader *l = ctx;

	if (read_vm(path, name, spec, &why) == 0) {
		l->each(MU_TAKE(spec), l->arg);
		return 0;
	}
	l->n_damaged++;
	if (l->keep) {
		mu_log_warning("definition damaged file=%s err=\"%s\"", path, why.text);
		return 0;
	}
	if (why.code == MU_E_IO || why.code == MU_E_DENIED) {
		/* The disk, not the file: leave it where it is. */
		mu_log_warning("definition not readable file=%s err=\"%s\"", path, why.text);
		return 0;
	}
	if (mu_file_set_aside(path, &aside, err) < 0)
		return mu_error_prefix(err, "setting aside a damaged definition");
	mu_log_warning("definition damaged, set aside file=%s as=%s err=\"%s\"", path, aside,
		       why.text);
	return 0;
}

int state_dir_load_vms(const struct state_dir *dir, bool keep,
		       void (*each)(struct vm_spec *spec, void *arg), void *arg,
		       size_t *ret_n_damaged, struct mu_error *err)
{
	struct vm_loader l = {.keep = keep, .each = each, .arg = arg};
	char path[STATE_PATH_MAX + 1];

	if ((!keep && mu_file_sweep(state_dir_file(dir, "vms", path), ".json", err) < 0) ||
	    mu_file_list(state_dir_file(dir, "vms", path), ".json", load_vm, &l, err) < 0)
		return MU_FAILED;
	*ret_n_damaged = l.n_damaged;
	return 0;
}

int state_dir_load_built(const struct state_dir *dir, void (*each)(struct vm_spec *spec, void *arg),
			 void *arg, struct mu_error *err)
{
	struct vm_loader l = {.each = each, .arg = arg};
	char path[STATE_PATH_MAX + 1];

	if (mu_file_sweep(state_dir_file(dir, "built", path), ".json", err) < 0)
		return MU_FAILED;
	return mu_file_list(path, ".json", load_vm, &l, err);
}

void state_dir_vm_text(const struct vm_spec *spec, struct mu_str *out)
{
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();

	mu_json_write(out, vm_spec_encode(a, spec), true);
}

/* Save files */

struct save_loader {
	void (*each)(const struct vm_id *id, bool partial, void *arg);
	void *arg;
	bool partial;
};

static int load_save(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	const struct save_loader *l = ctx;
	char uuid[MU_UUID_TEXT];
	struct vm_id id;

	(void)err;
	(void)snprintf(uuid, sizeof uuid, "%s", name);
	if (strlen(name) == MU_UUID_TEXT - 1 + 5 && mu_uuid_parse(uuid, &id.uuid))
		l->each(&id, l->partial, l->arg);
	else
		mu_log_warning("not a save file, ignored file=%s", path);
	return 0;
}

static int load_saves(const struct state_dir *dir, const char *sub,
		      void (*each)(const struct vm_id *id, bool partial, void *arg), void *arg,
		      struct mu_error *err)
{
	struct save_loader l = {.each = each, .arg = arg};
	char path[STATE_PATH_MAX + 1];

	state_dir_file(dir, sub, path);
	if (mu_file_list(path, ".save", load_save, &l, err) < 0)
		return MU_FAILED;
	l.partial = true;
	return mu_file_list(path, ".part", load_save, &l, err);
}

int state_dir_load_saves(const struct state_dir *dir,
			 void (*each)(const struct vm_id *id, bool partial, void *arg), void *arg,
			 struct mu_error *err)
{
	return load_saves(dir, "save", each, arg, err);
}

int state_dir_load_memory(const struct state_dir *dir,
			  void (*each)(const struct vm_id *id, bool partial, void *arg), void *arg,
			  struct mu_error *err)
{
	return load_saves(dir, "memory", each, arg, err);
}

int state_dir_load_journal(const struct state_dir *dir, struct journal *j, size_t *ret_n_damaged,
			   struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	char path[STATE_PATH_MAX + 1];

	*ret_n_damaged = 0;
	if (mu_file_read(state_dir_file(dir, "journal", path), JOURNAL_TEXT_MAX, &text, err) < 0) {
		if (err->code != MU_E_NOT_FOUND)
			return MU_FAILED;
		mu_error_clear(err);
		return 0;
	}
	journal_load(j, text.data ? text.data : "", text.len, ret_n_damaged);
	return 0;
}
