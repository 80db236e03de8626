/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libxl's record of a running domain (libxl-json) is what adoption and `xl` read. libxl writes a
 * device into it when it attaches one, but leaves one there that it has detached, and most
 * resources as they were at the start: it corrects those whenever it reads the record. We correct
 * them at once.
 *
 *     retrieve (record + xenstore + hypervisor, by libxl) --> is the record still the one that was
 *     read? --no--> again        --yes--> store
 *
 * The comparison is for another toolstack that changes the same domain just now: libxl has a lock,
 * but not one that we could hold over both. A device that the record lacks would be worse than one
 * too many, so a record that keeps changing is left alone.
 *
 * What was done is done: a record that cannot be written is logged, and the operation succeeds.
 */
#include "agent/hv/xen/xen_change.h"
#include "agent/hv/xen/xen_convert.h"
#include "common/log/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS_MAX = 3 };

static void retrieve(struct job *job);

static void finish(struct job *job)
{
	job_finish(job, job->err.code == MU_E_NONE ? 0 : MU_FAILED);
}

static void give_up(struct job *job, const char *why, int rc)
{
	mu_log_warning("libxl's record of a domain is out of date domid=%" PRIu32
		       " why=\"%s\" rc=%d",
		       job->domid.value, why, rc);
	finish(job);
}

/* NULL when there is none. */
static char *read_record(struct job *job)
{
	uint8_t *data = NULL;
	int len = 0;
	char *text;

	if (libxl_userdata_retrieve(job_ctx(job), job->domid.value, "libxl-json", &data, &len) != 0)
		return NULL;
	text = mu_xstrndup(data ? (const char *)data : "", (size_t)len);
	free(data);
	return text;
}

/* libxl 4.17 compares the record's USB devices with a list that has neither controller nor port
 * (usbdev has no from_xenstore), so it finds none of them and drops all. */
static void amend_usb(struct job *job, libxl_domain_config *c)
{
	int n = 0;
	libxl_device_usbdev *list = libxl_device_usbdev_list(job_ctx(job), job->domid.value, &n);

	libxl_device_usbdev_list_free(c->usbdevs, c->num_usbdevs);
	c->usbdevs = list;
	c->num_usbdevs = list ? n : 0;
}

/* What libxl does not look up itself. */
static void amend(struct job *job)
{
	libxl_domain_config *c = &job->record;

	amend_usb(job, c);
	for (int i = 0; job->kind == HV_NIC_RATE && i < c->num_nics; i++) {
		if (c->nics[i].devid != job->nic.devid)
			continue;
		c->nics[i].rate_bytes_per_interval = job->nic.rate_bytes_per_interval;
		c->nics[i].rate_interval_usecs = job->nic.rate_interval_usecs;
	}
	if (job->kind == HV_SET_AFFINITY)
		job_record_affinity(job, c);
}

static void on_retrieved(struct job *job, int rc)
{
	MU_CLEANUP(mu_free) char *json = NULL;
	MU_CLEANUP(mu_free) char *now = NULL;

	if (rc != 0) {
		give_up(job, "it cannot be read", rc);
		return;
	}
	amend(job);
	json = libxl_domain_config_to_json(job_ctx(job), &job->record);
	now = read_record(job);
	if (!json || !now) {
		give_up(job, "there is none", 0);
		return;
	}
	if (strcmp(now, job->record_before) != 0) {
		retrieve(job);
		return;
	}
	rc = libxl_userdata_store(job_ctx(job), job->domid.value, "libxl-json",
				  (const uint8_t *)json, (int)strlen(json) + 1);
	if (rc != 0)
		give_up(job, "it cannot be written", rc);
	else
		finish(job);
}

static void retrieve(struct job *job)
{
	if (job->n_retrieved++ == ATTEMPTS_MAX) {
		give_up(job, "others keep changing it", 0);
		return;
	}
	libxl_domain_config_dispose(&job->record);
	libxl_domain_config_init(&job->record);
	free(job->record_before);
	job->record_before = read_record(job);
	if (!job->record_before) {
		give_up(job, "there is none", 0);
		return;
	}
	job_begun(job, libxl_retrieve_domain_configuration(
			   job_ctx(job), job->domid.value, &job->record,
			   job_expect(job, "libxl_retrieve_domain_configuration", on_retrieved)));
}

void job_record(struct job *job)
{
	retrieve(job);
}
