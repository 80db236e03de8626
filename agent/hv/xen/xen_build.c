/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making domains: create and restore. What can be found out beforehand is (a VM that runs already,
 * missing files and bridges, too little memory), because libxl says it late and in other words.
 *
 * A build that fails or is cancelled leaves no domain: libxl removes its own, except after an
 * abort, which may leave half of one, so we look.
 */
#include "agent/hv/xen/xen_convert.h"
#include "agent/hv/xen/xen_domains.h"
#include "agent/hv/xen/xen_job.h"
#include "agent/hv/xen/xen_save.h"
#include "common/base/assert.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenstore.h>

enum { INFO_CHUNK = 256, PAGE_BYTES = 4096, KIB = 1024, PATH_BYTES = 64 };

/* ---- before it begins ---- */

/* Two running copies of a VM would destroy its disks; Xen itself does not mind. */
static int check_not_running(struct job *job, struct mu_error *err)
{
	MU_CLEANUP(mu_free) xc_domaininfo_t *infos = mu_xcalloc(INFO_CHUNK, sizeof *infos);
	uint32_t first = 1;
	int n;

	if (job_vm_is_being_built(job))
		return mu_error_set(err, MU_E_EXISTS,
				    "this VM is being built by another operation");
	do {
		n = xc_domain_getinfolist(job_xch(job), first, INFO_CHUNK, infos);
		if (n < 0)
			return mu_error_errno(err, errno,
					      "the hypervisor does not list its domains");
		for (int i = 0; i < n; i++) {
			struct hv_domain d;

			xen_domain_from_info(&infos[i], &d);
			if (!d.dying && mu_uuid_equal(&d.id.uuid, &job->config->id.uuid))
				return mu_error_set(err, MU_E_EXISTS,
						    "this VM has a domain already: %" PRIu32,
						    d.domid.value);
		}
		if (n > 0)
			first = infos[n - 1].domain + 1u;
	} while (n == INFO_CHUNK);
	return 0;
}

static int check_name_is_free(struct job *job, struct mu_error *err)
{
	uint32_t domid;

	if (libxl_name_to_domid(job_ctx(job), job->config->name, &domid) != 0)
		return 0;
	return mu_error_set(err, MU_E_EXISTS, "there is a domain called \"%s\" already: %" PRIu32,
			    job->config->name, domid);
}

static int check_file(const char *what, const char *path, struct mu_error *err)
{
	if (path[0] == '\0' || access(path, R_OK) == 0)
		return 0;
	return mu_error_errno(err, errno, "%s %s", what, path);
}

static int check_bridge(const char *name, struct mu_error *err)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/sys/class/net/%s", name);
	if (name[0] == '\0' || access(path, F_OK) == 0)
		return 0;
	return mu_error_set(err, MU_E_NOT_FOUND,
			    "there is no bridge \"%s\"; hint: ip link show type bridge", name);
}

/* Its backend is another domain: what it names is not in this one. */
static bool served_elsewhere(const char *extra)
{
	return strstr(extra, "\"backend_dom") != NULL;
}

int job_check_needs(const struct hv_vm_config *c, struct mu_error *err)
{
	if (check_file("kernel", c->kernel, err) < 0 || check_file("ramdisk", c->ramdisk, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < c->n_disks; i++)
		if (c->disks[i].script[0] == '\0' && !served_elsewhere(c->disks[i].extra) &&
		    check_file(c->disks[i].vdev, c->disks[i].path, err) < 0)
			return MU_FAILED;
	for (size_t i = 0; i < c->n_nics; i++)
		if (!served_elsewhere(c->nics[i].extra) && check_bridge(c->nics[i].bridge, err) < 0)
			return mu_error_prefix(err, "nic %zu", i);
	return 0;
}

static int check_memory(struct job *job, struct mu_error *err)
{
	xc_physinfo_t info = {0};
	libxl_domain_config filled;
	uint64_t need_kib, free_kib;
	int rc;

	/* The call fills in defaults, which would then be in libxl's record of the domain as if
	 * they had been asked for. */
	libxl_domain_config_init(&filled);
	libxl_domain_config_copy(job_ctx(job), &filled, &job->xl);
	rc = libxl_domain_need_memory(job_ctx(job), &filled, UINT32_MAX, &need_kib);
	libxl_domain_config_dispose(&filled);
	if (rc != 0 || xc_physinfo(job_xch(job), &info) < 0)
		return 0; /* building it will tell */
	free_kib = (info.free_pages + info.scrub_pages) * (PAGE_BYTES / KIB);
	if (need_kib <= free_kib)
		return 0;
	return mu_error_set(err, MU_E_EXHAUSTED,
			    "it needs %" PRIu64 " MiB of memory and the host has %" PRIu64
			    " MiB free; hint: stop another VM, or give it less memory",
			    (need_kib + KIB - 1) / KIB, free_kib / KIB);
}

/* ---- after it was built ---- */

static void give_up(struct job *job)
{
	struct hv_domain d;

	job->domid.value = job->xl_domid;
	job->id = job->config->id;
	if (job->xl_domid != UINT32_MAX && job_probe(job, &d))
		job_destroy(job);
	else
		job_finish(job, MU_FAILED);
}

static void on_unpaused(struct job *job, int rc)
{
	if (rc == 0) {
		job_finish(job, 0);
		return;
	}
	job_note_error(job, rc);
	give_up(job);
}

/* libxl lets a guest write none of its "control" but a few names that it knows. An empty one more,
 * the guest's own, before it runs: agents and Windows' drivers say there whether it has a balloon.
 * Without it they cannot say so, and nothing else is different. */
static void let_guest_tell(struct job *job)
{
	struct xs_permissions guests = {.id = job->xl_domid, .perms = XS_PERM_NONE};
	char path[PATH_BYTES];

	(void)snprintf(path, sizeof path, "/local/domain/%" PRIu32 "/control/feature-balloon",
		       job->xl_domid);
	if (!xs_write(job_xs(job), XBT_NULL, path, "", 0) ||
	    !xs_set_permissions(job_xs(job), XBT_NULL, path, &guests, 1))
		mu_log_debug("guest cannot tell of its balloon vm=%s errno=%d", job->config->name,
			     errno);
}

static void on_built(struct job *job, int rc)
{
	job->streaming = false;
	if (rc != 0) {
		job_note_error(job, rc);
		give_up(job);
		return;
	}
	if (job->cancelled) {
		(void)mu_error_set(&job->err, MU_E_CANCELLED, "cancelled while it was built");
		give_up(job);
		return;
	}
	let_guest_tell(job);
	if (job->paused) {
		job_finish(job, 0);
	} else {
		job_begun(job, libxl_domain_unpause(
				   job_ctx(job), job->xl_domid,
				   job_expect(job, "libxl_domain_unpause", on_unpaused)));
	}
}

/* ---- create ---- */

void job_create(struct job *job)
{
	const libxl_asyncop_how *how;

	if (check_not_running(job, &job->err) < 0 || check_name_is_free(job, &job->err) < 0 ||
	    job_check_needs(job->config, &job->err) < 0 ||
	    xen_config_to_libxl(job_ctx(job), job->config, &job->xl, &job->err) < 0 ||
	    job_check_pci(job, &job->err) < 0 || check_memory(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	how = job_expect(job, "libxl_domain_create_new", on_built);
	job->abortable = true;
	job_begun(job, libxl_domain_create_new(job_ctx(job), &job->xl, &job->xl_domid, how, NULL));
}

/* ---- restore ---- */

/* But for where its disks are: they may be copies of those that it was saved with. */
static void place_disks(libxl_domain_config *xl, const struct hv_vm_config *config)
{
	for (int i = 0; i < xl->num_disks; i++) {
		libxl_device_disk *to = &xl->disks[i];

		for (size_t k = 0; to->vdev && k < config->n_disks; k++) {
			const struct hv_disk *from = &config->disks[k];

			if (strcmp(from->vdev, to->vdev) != 0 || mu_uuid_is_nil(&from->vdi))
				continue;
			free(to->pdev_path);
			to->pdev_path = mu_xstrdup(from->path);
		}
	}
}

/* The configuration in the file is the one that the saved memory fits to. */
static int config_from_file(struct job *job, struct mu_error *err)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str json = MU_STR_INIT;

	if (xen_save_read_head(job->fd, &json, err) < 0)
		return MU_FAILED;
	if (json.len == 0)
		return xen_config_to_libxl(job_ctx(job), job->config, &job->xl, err);
	if (libxl_domain_config_from_json(job_ctx(job), &job->xl, json.data) != 0)
		return mu_error_set(err, MU_E_INVALID, "the configuration in it cannot be parsed");
	if (memcmp(job->xl.c_info.uuid.uuid, job->config->id.uuid.bytes,
		   sizeof job->config->id.uuid.bytes) != 0)
		return mu_error_set(err, MU_E_STATE, "it holds another VM (\"%s\")",
				    job->xl.c_info.name ? job->xl.c_info.name : "");
	xen_config_claim(&job->xl, job->config->name);
	place_disks(&job->xl, job->config);
	return 0;
}

static int open_saved(struct job *job, struct mu_error *err)
{
	job->fd = open(job->path, O_RDONLY | O_CLOEXEC);
	if (job->fd < 0)
		return mu_error_errno(err, errno, "save file %s", job->path);
	if (config_from_file(job, err) < 0)
		return mu_error_prefix(err, "save file %s", job->path);
	return 0;
}

void job_restore(struct job *job)
{
	const libxl_asyncop_how *how;

	if (check_not_running(job, &job->err) < 0 || check_name_is_free(job, &job->err) < 0 ||
	    open_saved(job, &job->err) < 0 || check_memory(job, &job->err) < 0) {
		job_finish(job, MU_FAILED);
		return;
	}
	job->restore.checkpointed_stream = LIBXL_CHECKPOINTED_STREAM_NONE;
	job->restore.stream_version = 2;
	how = job_expect(job, "libxl_domain_create_restore", on_built);
	job->abortable = true;
	job->streaming = true;
	job_begun(job, libxl_domain_create_restore(job_ctx(job), &job->xl, &job->xl_domid, job->fd,
						   -1, &job->restore, how, NULL));
}
