/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contents of disks, in and out: the use case for both doors, and the uploads that calls read. It
 * ends after the calls and before the storage, which it uses.
 */
#include "agent/app/app_priv.h"

#include "agent/transfer/transfer.h"
#include "common/os/file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* The given directory, or one of the state directory's, as an absolute path. */
static int find_dir(struct app *app, const char *given, char ret[static PATH_MAX],
		    struct mu_error *err)
{
	char ours[STATE_PATH_MAX + 1];
	const char *dir = given ? given : state_dir_file(&app->dir, "transfer", ours);

	if (mu_file_mkdirs(dir, 0700, err) < 0)
		return mu_error_prefix(err, "--transfer-dir");
	if (!realpath(dir, ret))
		return mu_error_errno(err, errno, "--transfer-dir: %s", dir);
	return 0;
}

int transfers_open(struct app *app, const char *dir, struct mu_error *err)
{
	char path[PATH_MAX];
	const struct transfer_hub_options options = {
	    .loop = app->loop,
	    .storage = app->storage,
	    .state_dir = app->dir.path,
	    .dir = path,
	    .boot_id = app->boot_id,
	};

	if (find_dir(app, dir, path, err) < 0)
		return MU_FAILED;
	return transfer_hub_new(&options, &app->transfers, err);
}

void transfers_close(struct app *app, mu_loop_cb done, void *arg)
{
	struct transfer_hub *hub = app->transfers;

	app->transfers = NULL;
	transfer_hub_free(hub, done, arg);
}

int app_transfer_open(struct app *app, const struct transfer_request *rq, struct mu_pipe near,
		      struct mu_pipe *ret_far, struct mu_error *err)
{
	if (app->stopping || !app->transfers)
		return mu_error_set(err, MU_E_UNAVAILABLE, "the host's agent is stopping");
	return transfer_hub_open(app->transfers, rq, near, ret_far, err);
}
