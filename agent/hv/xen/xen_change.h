/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that change a domain that runs, or the host's devices (xen_job.h). Libxl thread.
 */
#ifndef MUSTER_AGENT_HV_XEN_CHANGE_H
#define MUSTER_AGENT_HV_XEN_CHANGE_H

#include "agent/hv/xen/xen_job.h"

/* By the job's kind; `d` is the domain as it is now. */
void job_change(struct job *job, const struct hv_domain *d);
/* PCI_ASSIGN, PCI_RELEASE */
void job_change_host(struct job *job);

/* xen_record.c: brings libxl's record of the domain up to date, and finishes with what was done. */
void job_record(struct job *job);
/* xen_device.c, xen_resize.c, xen_passthrough.c, xen_resources.c; `d` is the domain as it is now */
void job_disk_attach(struct job *job);
void job_disk_detach(struct job *job);
void job_cd_change(struct job *job);
void job_nic_attach(struct job *job);
void job_nic_detach(struct job *job);
void job_nic_rate(struct job *job);
/* The domain's disk of that name into job->disk. */
int job_find_disk(struct job *job, struct mu_error *err);
void job_disk_resize(struct job *job);
void job_pci_attach(struct job *job);
void job_pci_detach(struct job *job);
void job_pci_assign(struct job *job);
void job_pci_release(struct job *job);
void job_usb_attach(struct job *job);
void job_usb_detach(struct job *job);
void job_set_vcpus(struct job *job, const struct hv_domain *d);
void job_set_memory(struct job *job, const struct hv_domain *d);
void job_set_sched(struct job *job, const struct hv_domain *d);
void job_set_affinity(struct job *job, const struct hv_domain *d);
void job_set_name(struct job *job, const struct hv_domain *d);
/* The affinity that libxl's record should show. */
void job_record_affinity(struct job *job, libxl_domain_config *record);

#endif
