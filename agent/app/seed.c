/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/seed.h"

#include "agent/app/app_priv.h"
#include "common/os/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE MU_SEC(120)
enum { OUTPUT_MAX = 4096 };

static const char *const names[] = {"meta-data", "user-data", "network-config"};

static const char *file_in(const struct seed *seed, const char *name,
			   char ret[static STATE_PATH_MAX + 32])
{
	(void)snprintf(ret, STATE_PATH_MAX + 32, "%s/%s", seed->folder, name);
	return ret;
}

static int write_one(struct seed *seed, const char *name, const char *text)
{
	char path[STATE_PATH_MAX + 32];

	if (!text)
		return 0;
	return mu_file_replace(file_in(seed, name, path), text, strlen(text), 0600, &seed->err);
}

static void run(struct mu_work *w)
{
	struct seed *seed = MU_CONTAINER_OF(w, struct seed, work);
	MU_CLEANUP(mu_str_deinit) struct mu_str meta = MU_STR_INIT;
	char id[MU_UUID_TEXT];

	if (mkdir(seed->folder, 0700) < 0 && errno != EEXIST) {
		(void)mu_error_errno(&seed->err, errno, "%s", seed->folder);
		return;
	}
	mu_str_printf(&meta, "instance-id: %s\nlocal-hostname: %s\n",
		      mu_uuid_format(&seed->vm.uuid, id), seed->hostname);
	if (write_one(seed, "meta-data", meta.data) == 0 &&
	    write_one(seed, "user-data", seed->user_data ? seed->user_data : "") == 0)
		(void)write_one(seed, "network-config", seed->network_config);
}

static void over(struct seed *seed)
{
	if (seed->err.code != MU_E_NONE)
		(void)mu_error_prefix(&seed->err, "cloud_config");
	seed->done(seed, seed->err.code == MU_E_NONE ? NULL : &seed->err);
}

static void on_made(struct mu_process *p)
{
	struct seed *seed = MU_CONTAINER_OF(p, struct seed, process);

	if (p->exit_code < 0)
		seed->err = p->err;
	else if (p->exit_code != 0)
		(void)mu_error_set(&seed->err, MU_E_IO, "genisoimage ended with %d: %.200s",
				   p->exit_code, p->errout.data ? p->errout.data : "");
	mu_process_deinit(p);
	over(seed);
}

static void on_written(struct mu_work *w)
{
	struct seed *seed = MU_CONTAINER_OF(w, struct seed, work);
	const char *const argv[] = {"genisoimage", "-quiet", "-volid",   "cidata",     "-joliet",
				    "-rock",       "-o",     seed->path, seed->folder, NULL};

	if (seed->err.code != MU_E_NONE) {
		over(seed);
		return;
	}
	memcpy(seed->argv, argv, sizeof argv);
	seed->process = (struct mu_process){
	    .argv = seed->argv, .deadline = PATIENCE, .output_max = OUTPUT_MAX, .done = on_made};
	mu_process_start(&seed->process, seed->app->loop);
}

void seed_start(struct seed *seed)
{
	char id[MU_UUID_TEXT];

	(void)snprintf(seed->folder, sizeof seed->folder, "%s/seed-%s", seed->app->dir.path,
		       mu_uuid_format(&seed->vm.uuid, id));
	(void)snprintf(seed->path, sizeof seed->path, "%s.iso", seed->folder);
	seed->work = (struct mu_work){.run = run, .done = on_written};
	mu_work_start(&seed->work, seed->app->loop);
}

/* A handful of small files: not worth a thread. */
void seed_drop(struct seed *seed)
{
	char path[STATE_PATH_MAX + 32];

	if (!seed->folder[0])
		return;
	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++)
		(void)unlink(file_in(seed, names[i], path));
	(void)rmdir(seed->folder);
	(void)unlink(seed->path);
	seed->folder[0] = '\0';
}
