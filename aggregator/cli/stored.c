/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/stored.h"

#include "common/base/str.h"
#include "common/json/json.h"
#include "common/os/file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { STORED_MAX_BYTES = 16 * 1024 };

/* $XDG_CONFIG_HOME/muster, or ~/.config/muster. NULL: there is no home. */
static const char *folder(struct mu_arena *a)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (config && *config == '/')
		return mu_arena_printf(a, "%s/muster", config);
	return home && *home == '/' ? mu_arena_printf(a, "%s/.config/muster", home) : NULL;
}

static const char *file(struct mu_arena *a)
{
	const char *where = folder(a);

	return where ? mu_arena_printf(a, "%s/login.json", where) : NULL;
}

/* 0: there is none; 1: it is there, and private. */
static int check(const char *path, struct mu_error *err)
{
	struct stat st;

	if (!path || (stat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR)))
		return 0;
	if (stat(path, &st) < 0)
		return mu_error_errno(err, errno, "%s", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return mu_error_set(err, MU_E_DENIED,
				    "%s: others can read the token in it; hint: muster logout, and "
				    "chmod 600",
				    path);
	return 1;
}

int cli_stored_load(struct mu_arena *a, struct cli_stored *ret, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	const char *path = file(a);
	struct mu_value *v;
	int r = check(path, err);

	*ret = (struct cli_stored){.url = NULL};
	if (r <= 0)
		return r;
	if (mu_file_read(path, STORED_MAX_BYTES, &text, err) < 0)
		return MU_FAILED;
	if (mu_json_read(a, text.data ? text.data : "", text.len, &v, err) < 0)
		return mu_error_prefix(err, "%s", path);
	ret->url = mu_value_as_string(mu_value_get(v, "url"));
	ret->token = mu_value_as_string(mu_value_get(v, "token"));
	ret->ca = mu_value_as_string(mu_value_get(v, "ca"));
	if (!ret->url || !ret->token)
		return mu_error_set(err, MU_E_PROTOCOL,
				    "%s: no url or no token in it; hint: muster login again", path);
	return 0;
}

int cli_stored_save(struct mu_arena *a, const struct cli_stored *s, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_value *v = mu_value_object(a);

	if (!folder(a))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "HOME is not set: there is no place for the token");
	mu_value_set_string(a, v, "url", s->url);
	mu_value_set_string(a, v, "token", s->token);
	if (s->ca)
		mu_value_set_string(a, v, "ca", s->ca);
	mu_json_write(&text, v, false);
	mu_str_add_char(&text, '\n');
	if (mu_file_mkdirs(folder(a), 0700, err) < 0)
		return MU_FAILED;
	return mu_file_replace(file(a), text.data, text.len, 0600, err);
}

int cli_stored_remove(struct mu_arena *a, struct mu_error *err)
{
	const char *path = file(a);

	return path ? mu_file_remove(path, err) : 0;
}
