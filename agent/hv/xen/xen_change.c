/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_change.h"

void job_change(struct job *job, const struct hv_domain *d)
{
	static const struct {
		void (*run)(struct job *job);
		void (*run_with)(struct job *job, const struct hv_domain *d);
	} changes[_HV_OP_KIND_COUNT] = {
	    [HV_DISK_ATTACH] = {job_disk_attach},   [HV_DISK_DETACH] = {job_disk_detach},
	    [HV_DISK_RESIZE] = {job_disk_resize},   [HV_CD_INSERT] = {job_cd_change},
	    [HV_CD_EJECT] = {job_cd_change},        [HV_NIC_ATTACH] = {job_nic_attach},
	    [HV_NIC_DETACH] = {job_nic_detach},     [HV_NIC_RATE] = {job_nic_rate},
	    [HV_PCI_ATTACH] = {job_pci_attach},     [HV_PCI_DETACH] = {job_pci_detach},
	    [HV_USB_ATTACH] = {job_usb_attach},     [HV_USB_DETACH] = {job_usb_detach},
	    [HV_SET_VCPUS] = {NULL, job_set_vcpus}, [HV_SET_MEMORY] = {NULL, job_set_memory},
	    [HV_SET_SCHED] = {NULL, job_set_sched}, [HV_SET_AFFINITY] = {NULL, job_set_affinity},
	    [HV_SET_NAME] = {NULL, job_set_name},
	};

	if (d->shutdown != HV_SHUTDOWN_NONE)
		job_fail(job, MU_E_STATE, "the guest has stopped");
	else if (!job->type_known)
		job_fail(job, MU_E_UNAVAILABLE,
			 "the domain is not known well enough yet; hint: try again in a second");
	else if (changes[job->kind].run)
		changes[job->kind].run(job);
	else
		changes[job->kind].run_with(job, d);
}

void job_change_host(struct job *job)
{
	if (job->kind == HV_PCI_ASSIGN)
		job_pci_assign(job);
	else
		job_pci_release(job);
}
