/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "hard" mounts: a guest's write waits for the server instead of failing, as on any disk of a
 * storage network. So that a server that is away hangs no more than the threads that wait for it,
 * the service lets few of them into one SR and answers its users by deadline (storage.h); nobody
 * looks into a mount point but those threads.
 */
#include "agent/storage/nfs/nfs_mount.h"

#include "agent/storage/sr.h"
#include "common/base/str.h"
#include "common/os/file.h"
#include "common/os/tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000, OUTPUT_MAX = 4096, MOUNTS_MAX = 4 << 20 };

static bool plain(const char *text, const char *more)
{
	for (; *text; text++) {
		if (!strchr(more, *text) && !((*text | 32) >= 'a' && (*text | 32) <= 'z') &&
		    !(*text >= '0' && *text <= '9'))
			return false;
	}
	return true;
}

static int copy_param(const struct sr_config *c, const char *name, const char *more, char *ret,
		      struct mu_error *err)
{
	const char *value = sr_config_get(c, name);

	if (!value)
		value = "";
	if (value[0] == '-' || !plain(value, more) || strstr(value, ".."))
		return mu_error_set(
		    err, MU_E_INVALID,
		    "device_config: %s: \"%s\" has characters that do not belong there", name,
		    value);
	memcpy(ret, value, strlen(value) + 1);
	return 0;
}

int nfs_mount_init(struct nfs_mount *m, const struct sr_config *config, const char *state_dir,
		   bool read_only, struct mu_error *err)
{
	char id[MU_UUID_TEXT];

	*m = (struct nfs_mount){.read_only = read_only};
	if (copy_param(config, "server", ".-_:[]", m->server, err) < 0 ||
	    copy_param(config, "serverpath", "/.-_+", m->export, err) < 0 ||
	    copy_param(config, "options", ",=.-_:", m->options, err) < 0)
		return MU_FAILED;
	if (m->export[0] != '/')
		return mu_error_set(err, MU_E_INVALID,
				    "device_config: serverpath: \"%s\" is no absolute path",
				    m->export);
	if (snprintf(m->point, sizeof m->point, "%s/mnt/%s", state_dir,
		     mu_uuid_format(&config->id, id)) >= (int)sizeof m->point)
		return mu_error_set(err, MU_E_TOO_LARGE, "the state directory's path is too long");
	return 0;
}

/* The kernel's list, which no server can hold up. A line: "server:/export /point nfs4 options 0 0".
 */
static bool is_up(const struct nfs_mount *m)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_free) char *middle = mu_xasprintf(" %s nfs", m->point);

	return mu_file_read("/proc/self/mounts", MOUNTS_MAX, &text, NULL) == 0 && text.data &&
	       strstr(text.data, middle);
}

static int run(const char *const *argv, struct mu_error *err)
{
	MU_CLEANUP(mu_tool_deinit)
	struct mu_tool t = {.argv = argv, .deadline = DEADLINE_MS, .output_max = OUTPUT_MAX};

	return mu_tool_run(&t, err);
}

int nfs_mount_up(const struct nfs_mount *m, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *source = mu_xasprintf("%s:%s", m->server, m->export);
	MU_CLEANUP(mu_free)
	char *options = mu_xasprintf("%s,nosuid,nodev,noexec,hard%s%s", m->read_only ? "ro" : "rw",
				     m->options[0] ? "," : "", m->options);

	if (is_up(m))
		return 0;
	if (mu_file_mkdirs(m->point, 0700, err) < 0)
		return MU_FAILED;
	if (run((const char *const[]){"mount", "-t", "nfs4", "-o", options, source, m->point, NULL},
		err) < 0)
		return mu_error_prefix(err, "%s", source);
	return 0;
}

int nfs_mount_down(const struct nfs_mount *m, struct mu_error *err)
{
	if (is_up(m) && run((const char *const[]){"umount", m->point, NULL}, err) < 0) {
		if (err && err->code == MU_E_IO && strstr(err->text, "busy"))
			err->code = MU_E_STATE;
		return mu_error_prefix(err, "%s:%s", m->server, m->export);
	}
	if (rmdir(m->point) < 0 && errno != ENOENT)
		return mu_error_errno(err, errno, "remove %s", m->point);
	return 0;
}
