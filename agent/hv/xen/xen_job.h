/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One operation while it is on the libxl thread: what its steps (xen_build.c, xen_stop.c) share,
 * and the helpers of xen_ops.c they are made of. Private to agent/hv/xen.
 *
 * A step starts one libxl call with
 *     job_begun(job, libxl_xxx(ctx, ..., job_expect(job, "libxl_xxx", next_step)));
 * and returns. next_step(job, rc) runs from the loop when libxl is done with it, never inside
 * libxl.
 */
#ifndef MUSTER_AGENT_HV_XEN_JOB_H
#define MUSTER_AGENT_HV_XEN_JOB_H

#include "agent/hv/hv.h"
#include "common/base/list.h"
#include "common/loop/work.h"

#include <libxl.h>
#include <xenctrl.h>

struct job;
struct xen_ops;

typedef void (*job_step)(struct job *job, int rc);

enum job_wait {
	JOB_NO_WAIT,
	JOB_WAIT_STOP,   /* for the guest to stop */
	JOB_WAIT_OTHERS, /* it has stopped: for another toolstack to clean it up */
	JOB_WAIT_GONE,   /* it is dying: for the hypervisor to let go of it */
};

struct job {
	/* set by start, then read only */
	struct xen_ops *ops;
	enum hv_op_kind kind;
	struct hv_domid domid;
	struct hv_vm_config *config;
	char *path;
	bool paused;
	bool ours;
	bool type_known;
	enum vm_type type;
	int64_t memory_static_bytes; /* -1 = unknown */
	struct hv_device *device;
	struct hv_resources *resources;
	/* loop thread */
	struct mu_link home_link;
	struct hv_op *op; /* NULL: nobody wants to know any more */
	/* libxl thread */
	struct mu_link link;
	struct mu_link build_link;
	bool building; /* has had its turn */
	libxl_asyncop_how how;
	const char *what; /* the libxl function under way */
	job_step next;
	int rc;
	uint64_t log_mark;
	mu_msec begun_at;
	bool in_libxl;
	bool abortable; /* the call under way may be cut short */
	bool cancelled;
	bool streaming; /* its progress is the one that libxl reports */
	enum job_wait wait;
	struct mu_timer *timer;
	int n_unpauses;
	bool others_began;          /* to destroy the stopped domain */
	struct vm_id id;            /* of the domain: numbers are used again */
	libxl_domain_config xl;     /* what to build, or one device */
	libxl_domain_config record; /* of a domain that runs */
	char *record_before;
	int n_retrieved;
	libxl_bitmap cpus;
	libxl_device_disk disk; /* one that the domain has */
	libxl_device_nic nic;
	libxl_device_pci pci;
	libxl_device_usbdev usb;
	char *backend;      /* of a disk, in xenstore */
	mu_msec give_up_at; /* monotonic: waiting for it */
	libxl_domain_restore_params restore;
	uint32_t xl_domid;
	int fd;
	char *part_path;    /* a save file that is not complete */
	mu_msec stopped_at; /* CHECKPOINT: the guest was seen to stand still; 0 = not yet */
	mu_msec stopped;    /* result */
	struct mu_work work;
	struct mu_error work_err;
	int work_r;
	/* result */
	struct mu_error err;
	int r;
	uint32_t ret_number;
};

libxl_ctx *job_ctx(const struct job *job);
xc_interface *job_xch(const struct job *job);
/* A connection to xenstore of the libxl thread's own. */
struct xs_handle *job_xs(const struct job *job);
struct mu_loop *job_loop(const struct job *job);
const libxl_asyncop_how *job_expect(struct job *job, const char *what, job_step next);
void job_begun(struct job *job, int rc);
/* Fills job->err from `rc` and what libxl said of it; the first error stays. */
void job_note_error(struct job *job, int rc);
/* The end: r is 0, or MU_FAILED with job->err. */
void job_finish(struct job *job, int r);
void job_fail(struct job *job, enum mu_error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Another job is building this VM. */
bool job_vm_is_being_built(const struct job *job);

/* Finishes by libxl's code: with what it said, or well. */
void job_finish_by_rc(struct job *job, int rc);

/* xen_pause.c; `d` is the domain as it is now */
void job_pause(struct job *job, const struct hv_domain *d);
void job_unpause(struct job *job, const struct hv_domain *d);
/* xen_build.c */
void job_create(struct job *job);
void job_restore(struct job *job);
/* MU_E_NOT_FOUND when files or bridges of the configuration are missing. */
int job_check_needs(const struct hv_vm_config *config, struct mu_error *err);
/* xen_stop.c */
void job_shutdown(struct job *job);
/* Destroys its domain and waits until it is gone; finishes with job->err, if that is set. */
void job_destroy(struct job *job);
void job_save(struct job *job);
/* The job's domain as it is now; 0 when it is gone. */
bool job_probe(const struct job *job, struct hv_domain *ret);
/* xen_passthrough.c: the devices of the host that it is to be built with, are they to be had? */
int job_check_pci(struct job *job, struct mu_error *err);
/* xen_passthrough.c: its domain is gone, and with it what that had of the host. */
void job_pci_let_go(struct job *job);
/* Looks again whether what it waits for has come. */
void job_recheck(struct job *job);
/* Its guest may have been suspended for the save by now. */
void job_note_stop(struct job *job);
#endif
