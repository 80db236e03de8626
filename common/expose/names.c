/* SPDX-License-Identifier: Apache-2.0 */
/* The tables. What has no rule is not shown: a name that nobody has thought of is no name. */
#include "common/expose/names.h"

#include "common/base/assert.h"

#include <string.h>

#define KIB 1024.0f
#define TO_MIB (1.0f / (1 << 20))

#define HIDE(of, from)                                                                             \
	{                                                                                          \
		.kind = (of), .source = (from)                                                     \
	}
#define SHOW(of, from, key, factor, called, in, about)                                             \
	{                                                                                          \
		.kind = (of), .source = (from), .label = (key), .scale = (factor), .family = {     \
			.name = (called),                                                          \
			.unit = (in),                                                              \
			.help = (about)                                                            \
		}                                                                                  \
	}
#define ALSO(of, from, key, factor, called, in, about)                                             \
	{                                                                                          \
		.kind = (of), .source = (from), .label = (key), .scale = (factor), .more = true,   \
		.family = {                                                                        \
			.name = (called),                                                          \
			.unit = (in),                                                              \
			.help = (about)                                                            \
		}                                                                                  \
	}

#define COUNT(of, from, key, called, in, about)                                                    \
	{                                                                                          \
		.kind = (of), .source = (from), .label = (key), .family = {                        \
			.name = (called),                                                          \
			.unit = (in),                                                              \
			.help = (about),                                                           \
			.type = EXPOSE_COUNTER                                                     \
		}                                                                                  \
	}

#define HOST EXPOSE_HOST
#define VM EXPOSE_VM

/* Sums that the server can make itself ("aggr", "total") are left out: sum() over a name makes
 * sense. */
static const struct expose_rule native[] = {
    SHOW(HOST, EXPOSE_INFO, NULL, 0, "muster_host_info", NULL, "What the host is; always 1."),
    SHOW(HOST, EXPOSE_UP, NULL, 0, "muster_host_up", NULL, "Is its agent connected?"),
    SHOW(HOST, "cpu_avg", NULL, 0, "muster_host_cpu_usage_ratio", "ratio",
	 "Busy share of all physical CPUs."),
    SHOW(HOST, "cpu#", "cpu", 0, "muster_host_cpu_core_usage_ratio", "ratio",
	 "Busy share of a physical CPU."),
    SHOW(HOST, "loadavg", NULL, 0, "muster_host_dom0_load1", NULL,
	 "Load average of dom0, one minute."),
    SHOW(HOST, "hostload", NULL, 0, "muster_host_load_ratio", "ratio",
	 "vCPUs that run or wait for a CPU, by physical CPUs."),
    SHOW(HOST, "running_vcpus", NULL, 0, "muster_host_running_vcpus", NULL,
	 "vCPUs on a physical CPU, without those of dom0."),
    SHOW(HOST, "running_domains", NULL, 0, "muster_host_running_domains", NULL,
	 "Domains that are not paused, without dom0."),
    SHOW(HOST, "vms", NULL, 0, "muster_host_vms", NULL, "VMs that have a domain."),
    SHOW(HOST, "vcpus", NULL, 0, "muster_host_vcpus", NULL, "Their vCPUs that are online."),
    SHOW(HOST, "memory_dom0_kib", NULL, KIB, "muster_host_memory_dom0_bytes", "bytes",
	 "Memory of dom0."),
    SHOW(HOST, "memory_xen_kib", NULL, KIB, "muster_host_memory_xen_bytes", "bytes",
	 "Memory of the hypervisor: its heap, and its tables for domains."),
    SHOW(HOST, "memory_reclaimed", NULL, 0, "muster_host_memory_reclaimed_bytes", "bytes",
	 "Taken from VMs below what they may have."),
    SHOW(HOST, "memory_reclaimed_max", NULL, 0, "muster_host_memory_reclaimable_bytes", "bytes",
	 "What VMs could still be asked for."),
    SHOW(HOST, "memory_total_kib", NULL, KIB, "muster_host_memory_total_bytes", "bytes",
	 "Memory of the machine."),
    SHOW(HOST, "memory_free_kib", NULL, KIB, "muster_host_memory_free_bytes", "bytes",
	 "Memory that the hypervisor has free."),
    HIDE(HOST, "pif_aggr_*"),
    SHOW(HOST, "pif_*_rx", "pif", 0, "muster_host_network_receive_bytes_per_second",
	 "bytes_per_second", "Received by a network card."),
    SHOW(HOST, "pif_*_tx", "pif", 0, "muster_host_network_transmit_bytes_per_second",
	 "bytes_per_second", "Sent by a network card."),
    SHOW(HOST, "pif_*_rx_packets", "pif", 0, "muster_host_network_receive_packets_per_second",
	 "packets_per_second", "Packets received by a network card."),
    SHOW(HOST, "pif_*_tx_packets", "pif", 0, "muster_host_network_transmit_packets_per_second",
	 "packets_per_second", "Packets sent by a network card."),
    SHOW(HOST, "pif_*_rx_errors", "pif", 0, "muster_host_network_receive_errors_per_second",
	 "errors_per_second", "Errors in receiving of a network card."),
    SHOW(HOST, "pif_*_tx_errors", "pif", 0, "muster_host_network_transmit_errors_per_second",
	 "errors_per_second", "Errors in sending of a network card."),
    SHOW(HOST, "pif_*_rx_drops", "pif", 0, "muster_host_network_receive_drops_per_second",
	 "drops_per_second", "Packets that a network card dropped in receiving."),
    SHOW(HOST, "pif_*_tx_drops", "pif", 0, "muster_host_network_transmit_drops_per_second",
	 "drops_per_second", "Packets that a network card dropped in sending."),
    HIDE(HOST, "disk_*_iops_total"),
    SHOW(HOST, "disk_*_iops_read", "disk", 0, "muster_host_disk_read_requests_per_second",
	 "requests_per_second", "Reads from a disk of the host."),
    SHOW(HOST, "disk_*_iops_write", "disk", 0, "muster_host_disk_write_requests_per_second",
	 "requests_per_second", "Writes to a disk of the host."),
    SHOW(HOST, "disk_*_read", "disk", 0, "muster_host_disk_read_bytes_per_second",
	 "bytes_per_second", "Read from a disk of the host."),
    SHOW(HOST, "disk_*_write", "disk", 0, "muster_host_disk_written_bytes_per_second",
	 "bytes_per_second", "Written to a disk of the host."),
    SHOW(HOST, "disk_*_read_latency", "disk", 0, "muster_host_disk_read_latency_seconds", "seconds",
	 "How long a read takes, in the mean."),
    SHOW(HOST, "disk_*_write_latency", "disk", 0, "muster_host_disk_write_latency_seconds",
	 "seconds", "How long a write takes, in the mean."),
    SHOW(HOST, "disk_*_latency", "disk", 0, "muster_host_disk_latency_seconds", "seconds",
	 "How long a request takes, in the mean."),
    SHOW(HOST, "disk_*_avgqu_sz", "disk", 0, "muster_host_disk_queue_requests", "requests",
	 "Requests under way, in the mean."),
    SHOW(HOST, "disk_*_inflight", "disk", 0, "muster_host_disk_inflight_requests", "requests",
	 "Requests under way at that moment."),
    SHOW(HOST, "temperature_*", "sensor", 0, "muster_host_temperature_celsius", "celsius",
	 "Temperatures that dom0's kernel knows."),
    /* sr: the first eight digits of its id. Sizes are on the aggregator's own page. */
    HIDE(HOST, "size_*"),
    HIDE(HOST, "physical_utilisation_*"),
    HIDE(HOST, "virtual_allocation_*"),
    HIDE(HOST, "iops_total_*"),
    SHOW(HOST, "read_*", "sr", 0, "muster_host_sr_read_bytes_per_second", "bytes_per_second",
	 "Read from an SR by the host's VMs."),
    SHOW(HOST, "write_*", "sr", 0, "muster_host_sr_written_bytes_per_second", "bytes_per_second",
	 "Written to an SR by the host's VMs."),
    SHOW(HOST, "iops_read_*", "sr", 0, "muster_host_sr_read_requests_per_second",
	 "requests_per_second", "Reads from an SR by the host's VMs."),
    SHOW(HOST, "iops_write_*", "sr", 0, "muster_host_sr_write_requests_per_second",
	 "requests_per_second", "Writes to an SR by the host's VMs."),
    SHOW(VM, EXPOSE_INFO, NULL, 0, "muster_vm_info", NULL, "What the VM is and where; always 1."),
    SHOW(VM, EXPOSE_UP, NULL, 0, "muster_vm_running", NULL, "Does it run?"),
    SHOW(VM, "cpu_usage", NULL, 0, "muster_vm_cpu_usage_ratio", "ratio",
	 "Busy share of all online vCPUs."),
    SHOW(VM, "cpu#", "vcpu", 0, "muster_vm_vcpu_usage_ratio", "ratio", "Busy share of a vCPU."),
    SHOW(VM, "vcpus_online", NULL, 0, "muster_vm_vcpus_online", NULL, "vCPUs that are online."),
    SHOW(VM, "vcpus_running", NULL, 0, "muster_vm_vcpus_running", NULL,
	 "vCPUs that are on a physical CPU."),
    SHOW(VM, "vcpus_blocked", NULL, 0, "muster_vm_vcpus_blocked", NULL,
	 "vCPUs that wait for an event."),
    SHOW(VM, "vcpus_waiting", NULL, 0, "muster_vm_vcpus_waiting", NULL,
	 "vCPUs that could run and have no physical CPU."),
    SHOW(VM, "memory", NULL, 0, "muster_vm_memory_bytes", "bytes", "Memory that the domain has."),
    SHOW(VM, "memory_target", NULL, 0, "muster_vm_memory_target_bytes", "bytes",
	 "Memory that it is to have."),
    SHOW(VM, "memory_internal_free", NULL, KIB, "muster_vm_guest_memory_free_bytes", "bytes",
	 "Free memory, as the guest says."),
    SHOW(VM, "memory_internal_total", NULL, KIB, "muster_vm_guest_memory_total_bytes", "bytes",
	 "All memory, as the guest says."),
    SHOW(VM, "uptime", NULL, 0, "muster_vm_uptime_seconds", "seconds",
	 "Since its domain was made."),
    SHOW(VM, "vif_#_rx", "vif", 0, "muster_vm_network_receive_bytes_per_second", "bytes_per_second",
	 "Received by the guest."),
    SHOW(VM, "vif_#_tx", "vif", 0, "muster_vm_network_transmit_bytes_per_second",
	 "bytes_per_second", "Sent by the guest."),
    SHOW(VM, "vif_#_rx_packets", "vif", 0, "muster_vm_network_receive_packets_per_second",
	 "packets_per_second", "Packets received by the guest."),
    SHOW(VM, "vif_#_tx_packets", "vif", 0, "muster_vm_network_transmit_packets_per_second",
	 "packets_per_second", "Packets sent by the guest."),
    SHOW(VM, "vif_#_rx_errors", "vif", 0, "muster_vm_network_receive_errors_per_second",
	 "errors_per_second", "Errors in receiving."),
    SHOW(VM, "vif_#_tx_errors", "vif", 0, "muster_vm_network_transmit_errors_per_second",
	 "errors_per_second", "Errors in sending."),
    SHOW(VM, "vif_#_rx_drops", "vif", 0, "muster_vm_network_receive_drops_per_second",
	 "drops_per_second", "Packets that the guest did not get."),
    SHOW(VM, "vif_#_tx_drops", "vif", 0, "muster_vm_network_transmit_drops_per_second",
	 "drops_per_second", "Packets of the guest that dom0 dropped."),
    HIDE(VM, "vbd_aggr_*"),
    HIDE(VM, "vbd_*_iops_total"),
    SHOW(VM, "vbd_*_iops_read", "vbd", 0, "muster_vm_disk_read_requests_per_second",
	 "requests_per_second", "Reads from a disk."),
    SHOW(VM, "vbd_*_iops_write", "vbd", 0, "muster_vm_disk_write_requests_per_second",
	 "requests_per_second", "Writes to a disk."),
    SHOW(VM, "vbd_*_read", "vbd", 0, "muster_vm_disk_read_bytes_per_second", "bytes_per_second",
	 "Read from a disk."),
    SHOW(VM, "vbd_*_write", "vbd", 0, "muster_vm_disk_written_bytes_per_second", "bytes_per_second",
	 "Written to a disk."),
    SHOW(VM, "vbd_*_read_latency", "vbd", 0, "muster_vm_disk_read_latency_seconds", "seconds",
	 "How long a read takes, in the mean; of disks that QEMU serves."),
    SHOW(VM, "vbd_*_write_latency", "vbd", 0, "muster_vm_disk_write_latency_seconds", "seconds",
	 "How long a write takes, in the mean; of disks that QEMU serves."),
    SHOW(VM, "vbd_*_latency", "vbd", 0, "muster_vm_disk_latency_seconds", "seconds",
	 "How long a request takes, in the mean; of disks that QEMU serves."),
    SHOW(VM, "vbd_*_avgqu_sz", "vbd", 0, "muster_vm_disk_queue_requests", "requests",
	 "Requests under way, in the mean; of disks that QEMU serves."),
    /* What rates are made of. */
    COUNT(HOST, "cpu#", "cpu", "muster_host_cpu_idle_seconds", "seconds",
	  "Time that a physical CPU had nothing to do."),
    COUNT(HOST, "pif_*_rx", "pif", "muster_host_network_receive_bytes", "bytes",
	  "Received by a network card."),
    COUNT(HOST, "pif_*_tx", "pif", "muster_host_network_transmit_bytes", "bytes",
	  "Sent by a network card."),
    COUNT(HOST, "pif_*_rx_packets", "pif", "muster_host_network_receive_packets", "packets",
	  "Packets received by a network card."),
    COUNT(HOST, "pif_*_tx_packets", "pif", "muster_host_network_transmit_packets", "packets",
	  "Packets sent by a network card."),
    COUNT(HOST, "pif_*_rx_errors", "pif", "muster_host_network_receive_errors", "errors",
	  "Errors in receiving of a network card."),
    COUNT(HOST, "pif_*_tx_errors", "pif", "muster_host_network_transmit_errors", "errors",
	  "Errors in sending of a network card."),
    COUNT(HOST, "pif_*_rx_drops", "pif", "muster_host_network_receive_drops", "drops",
	  "Packets that a network card dropped in receiving."),
    COUNT(HOST, "pif_*_tx_drops", "pif", "muster_host_network_transmit_drops", "drops",
	  "Packets that a network card dropped in sending."),
    COUNT(HOST, "disk_*_iops_read", "disk", "muster_host_disk_read_requests", "requests",
	  "Reads from a disk of the host."),
    COUNT(HOST, "disk_*_iops_write", "disk", "muster_host_disk_write_requests", "requests",
	  "Writes to a disk of the host."),
    COUNT(HOST, "disk_*_read", "disk", "muster_host_disk_read_bytes", "bytes",
	  "Read from a disk of the host."),
    COUNT(HOST, "disk_*_write", "disk", "muster_host_disk_written_bytes", "bytes",
	  "Written to a disk of the host."),
    COUNT(HOST, "disk_*_read_latency", "disk", "muster_host_disk_read_time_seconds", "seconds",
	  "Time that reads took, all together."),
    COUNT(HOST, "disk_*_write_latency", "disk", "muster_host_disk_write_time_seconds", "seconds",
	  "Time that writes took, all together."),
    COUNT(HOST, "disk_*_avgqu_sz", "disk", "muster_host_disk_queue_time_seconds", "seconds",
	  "Time that requests were under way, all together."),
    COUNT(VM, "cpu_usage", NULL, "muster_vm_cpu_seconds", "seconds", "CPU time of all vCPUs."),
    COUNT(VM, "cpu#", "vcpu", "muster_vm_vcpu_seconds", "seconds", "CPU time of a vCPU."),
    COUNT(VM, "vif_#_rx", "vif", "muster_vm_network_receive_bytes", "bytes",
	  "Received by the guest."),
    COUNT(VM, "vif_#_tx", "vif", "muster_vm_network_transmit_bytes", "bytes", "Sent by the guest."),
    COUNT(VM, "vif_#_rx_packets", "vif", "muster_vm_network_receive_packets", "packets",
	  "Packets received by the guest."),
    COUNT(VM, "vif_#_tx_packets", "vif", "muster_vm_network_transmit_packets", "packets",
	  "Packets sent by the guest."),
    COUNT(VM, "vif_#_rx_errors", "vif", "muster_vm_network_receive_errors", "errors",
	  "Errors in receiving."),
    COUNT(VM, "vif_#_tx_errors", "vif", "muster_vm_network_transmit_errors", "errors",
	  "Errors in sending."),
    COUNT(VM, "vif_#_rx_drops", "vif", "muster_vm_network_receive_drops", "drops",
	  "Packets that the guest did not get."),
    COUNT(VM, "vif_#_tx_drops", "vif", "muster_vm_network_transmit_drops", "drops",
	  "Packets of the guest that dom0 dropped."),
    COUNT(VM, "vbd_*_iops_read", "vbd", "muster_vm_disk_read_requests", "requests",
	  "Reads from a disk."),
    COUNT(VM, "vbd_*_iops_write", "vbd", "muster_vm_disk_write_requests", "requests",
	  "Writes to a disk."),
    COUNT(VM, "vbd_*_read", "vbd", "muster_vm_disk_read_bytes", "bytes", "Read from a disk."),
    COUNT(VM, "vbd_*_write", "vbd", "muster_vm_disk_written_bytes", "bytes", "Written to a disk."),
    COUNT(VM, "vbd_*_read_latency", "vbd", "muster_vm_disk_read_time_seconds", "seconds",
	  "Time that reads took, all together; of disks that QEMU serves."),
    COUNT(VM, "vbd_*_write_latency", "vbd", "muster_vm_disk_write_time_seconds", "seconds",
	  "Time that writes took, all together; of disks that QEMU serves."),
};

static const struct expose_rule xen_exporter[] = {
    SHOW(EXPOSE_PAGE, EXPOSE_DURATION, NULL, 0, "xen_collector_duration_seconds", NULL,
	 "How long gathering took."),
    SHOW(HOST, "@read_*", "sr", TO_MIB, "xen_host_io_throughput_read", NULL,
	 "Read from disks of all VMs, MiB/s."),
    SHOW(HOST, "@write_*", "sr", TO_MIB, "xen_host_io_throughput_write", NULL,
	 "Written to disks of all VMs, MiB/s."),
    SHOW(HOST, "cpu_avg", NULL, 0, "xen_host_cpu_avg", NULL, "Busy share of all physical CPUs."),
    SHOW(HOST, "cpu#", "cpu", 0, "xen_host_cpu", NULL, "Busy share of a physical CPU."),
    SHOW(HOST, "loadavg", NULL, 0, "xen_host_loadavg", NULL, "Load average of dom0."),
    SHOW(HOST, "hostload", NULL, 0, "xen_host_hostload", NULL,
	 "vCPUs that run or wait for a CPU, by physical CPUs."),
    SHOW(HOST, "running_vcpus", NULL, 0, "xen_host_running_vcpus", NULL,
	 "vCPUs on a physical CPU."),
    SHOW(HOST, "running_domains", NULL, 0, "xen_host_running_domains", NULL,
	 "Domains that are not paused."),
    SHOW(HOST, "memory_total_kib", NULL, 0, "xen_host_memory_total_kib", NULL,
	 "Memory of the machine, KiB."),
    SHOW(HOST, "memory_free_kib", NULL, 0, "xen_host_memory_free_kib", NULL, "Free memory, KiB."),
    SHOW(HOST, "memory_reclaimed", NULL, 0, "xen_host_memory_reclaimed", NULL,
	 "Taken from VMs below what they may have, bytes."),
    SHOW(HOST, "memory_reclaimed_max", NULL, 0, "xen_host_memory_reclaimed_max", NULL,
	 "What VMs could still be asked for, bytes."),
    SHOW(HOST, "pif_*_rx", "pif", 0, "xen_host_pif_rx", NULL, "Received, bytes/s."),
    SHOW(HOST, "pif_*_tx", "pif", 0, "xen_host_pif_tx", NULL, "Sent, bytes/s."),
    SHOW(VM, "cpu_usage", NULL, 0, "xen_vm_cpu_usage", NULL, "Busy share of all vCPUs."),
    SHOW(VM, "cpu#", "cpu", 0, "xen_vm_cpu", NULL, "Busy share of a vCPU."),
    SHOW(VM, "memory", NULL, 0, "xen_vm_memory", NULL, "Memory of the domain, bytes."),
    SHOW(VM, "memory_target", NULL, 0, "xen_vm_memory_target", NULL,
	 "Memory that it is to have, bytes."),
    SHOW(VM, "memory_internal_free", NULL, 0, "xen_vm_memory_internal_free", NULL,
	 "Free memory as the guest says, KiB."),
    SHOW(VM, "vif_#_rx", "vif", 0, "xen_vm_vif_rx", NULL, "Received by the guest, bytes/s."),
    SHOW(VM, "vif_#_tx", "vif", 0, "xen_vm_vif_tx", NULL, "Sent by the guest, bytes/s."),
    HIDE(VM, "vbd_aggr_*"),
    SHOW(VM, "vbd_*_iops_read", "vbd", 0, "xen_vm_vbd_iops_read", NULL, "Reads a second."),
    SHOW(VM, "vbd_*_iops_write", "vbd", 0, "xen_vm_vbd_iops_write", NULL, "Writes a second."),
    SHOW(VM, "vbd_*_iops_total", "vbd", 0, "xen_vm_vbd_iops_total", NULL,
	 "Reads and writes a second."),
    ALSO(VM, "vbd_*_read", "vbd", 0, "xen_vm_vbd_read", NULL, "Read from a disk, bytes/s."),
    ALSO(VM, "vbd_*_write", "vbd", 0, "xen_vm_vbd_write", NULL, "Written to a disk, bytes/s."),
    SHOW(VM, "vbd_*_read", "vbd", TO_MIB, "xen_vm_vbd_io_throughput_read", NULL,
	 "Read from a disk, MiB/s."),
    SHOW(VM, "vbd_*_write", "vbd", TO_MIB, "xen_vm_vbd_io_throughput_write", NULL,
	 "Written to a disk, MiB/s."),
};

/* Its "_total" of networks and disks are left out: they are called counters, and are rates. */
static const struct expose_rule xo[] = {
    SHOW(HOST, "loadavg", NULL, 0, "xcp_host_load_average", NULL, "Host load average"),
    SHOW(HOST, "hostload", NULL, 0, "xcp_host_load", NULL, "Normalized host load"),
    SHOW(HOST, "running_vcpus", NULL, 0, "xcp_host_running_vcpus", NULL, "Running vCPUs"),
    SHOW(HOST, "memory_free_kib", NULL, KIB, "xcp_host_memory_free_bytes", "bytes",
	 "Host free memory in bytes"),
    SHOW(HOST, "memory_total_kib", NULL, KIB, "xcp_host_memory_total_bytes", "bytes",
	 "Host total memory in bytes"),
    SHOW(HOST, "cpu_avg", NULL, 0, "xcp_host_cpu_average", NULL, "Host average CPU usage ratio"),
    SHOW(HOST, "cpu#", "core", 0, "xcp_host_cpu_core_usage", NULL, "Host CPU core usage ratio"),
    SHOW(HOST, "pif_aggr_rx", NULL, 0, "xcp_host_network_aggregated_receive_bytes", "bytes",
	 "Aggregated received bytes per second"),
    SHOW(HOST, "pif_aggr_tx", NULL, 0, "xcp_host_network_aggregated_transmit_bytes", "bytes",
	 "Aggregated transmitted bytes per second"),
    SHOW(VM, "memory", NULL, 0, "xcp_vm_memory_bytes", "bytes", "VM memory in bytes"),
    SHOW(VM, "memory_internal_free", NULL, KIB, "xcp_vm_memory_internal_free_bytes", "bytes",
	 "VM internal free memory in bytes"),
    SHOW(VM, "memory_target", NULL, 0, "xcp_vm_memory_target_bytes", "bytes",
	 "VM memory target in bytes"),
    SHOW(VM, "cpu_usage", NULL, 0, "xcp_vm_cpu_usage", NULL, "VM CPU usage ratio"),
    SHOW(VM, "cpu#", "core", 0, "xcp_vm_cpu_core_usage", NULL, "VM CPU core usage ratio"),
    HIDE(VM, "vbd_aggr_*"),
    SHOW(VM, "vbd_*_iops_read", "device", 0, "xcp_vm_disk_iops_read", NULL, "VM disk read IOPS"),
    SHOW(VM, "vbd_*_iops_write", "device", 0, "xcp_vm_disk_iops_write", NULL, "VM disk write IOPS"),
    SHOW(VM, "vbd_*_iops_total", "device", 0, "xcp_vm_disk_iops_total", NULL, "VM disk total IOPS"),
    SHOW(VM, "vbd_*_read", "device", 0, "xcp_vm_disk_throughput_read_bytes", "bytes",
	 "VM disk read throughput in bytes per second"),
    SHOW(VM, "vbd_*_write", "device", 0, "xcp_vm_disk_throughput_write_bytes", "bytes",
	 "VM disk write throughput in bytes per second"),
};

static const struct {
	const char *text;
	const struct expose_rule *rules;
	size_t n_rules;
} sets[_EXPOSE_NAMES_COUNT] = {
    [EXPOSE_NATIVE] = {"native", native, MU_ARRAY_SIZE(native)},
    [EXPOSE_XEN_EXPORTER] = {"xen-exporter", xen_exporter, MU_ARRAY_SIZE(xen_exporter)},
    [EXPOSE_XO] = {"xo", xo, MU_ARRAY_SIZE(xo)},
};

const struct expose_rule *expose_rules(enum expose_names names, size_t *ret_n)
{
	*ret_n = sets[names].n_rules;
	return sets[names].rules;
}

/* *ret_value is what # or * stands for; untouched without. */
static bool rule_matches(const struct expose_rule *rule, enum expose_kind kind, const char *name,
			 const char **ret_value, size_t *ret_len)
{
	size_t before = strcspn(rule->source, "#*"), len = strlen(name), behind, n;
	const char *wild = rule->source + before;

	if (rule->kind != kind || strncmp(rule->source, name, before) != 0)
		return false;
	if (!*wild)
		return name[before] == '\0';
	behind = strlen(wild + 1);
	if (len <= before + behind || strcmp(name + len - behind, wild + 1) != 0)
		return false;
	n = len - before - behind;
	if (*wild == '#' && strspn(name + before, "0123456789") < n)
		return false;
	*ret_value = name + before;
	*ret_len = n;
	return true;
}

/* A label's value is copied as it is. */
static bool is_plain(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (value[i] < ' ' || value[i] > '~' || value[i] == '"' || value[i] == '\\')
			return false;
	return true;
}

size_t expose_match(enum expose_names names, enum expose_kind kind, enum expose_type type,
		    const char *name, struct expose_match ret[EXPOSE_MATCHES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < sets[names].n_rules; i++) {
		const struct expose_rule *rule = &sets[names].rules[i];
		const char *value = "";
		size_t len = 0;

		if ((rule->family.name && rule->family.type != type) ||
		    !rule_matches(rule, kind, name, &value, &len))
			continue;
		if (!rule->family.name || !is_plain(value, len))
			break;
		mu_assert(n < EXPOSE_MATCHES_MAX);
		ret[n++] = (struct expose_match){rule, value, len};
		if (!rule->more)
			break;
	}
	return n;
}

bool expose_names_parse(const char *text, enum expose_names *ret)
{
	for (unsigned i = 0; i < _EXPOSE_NAMES_COUNT; i++)
		if (mu_str_equal(text, sets[i].text)) {
			*ret = (enum expose_names)i;
			return true;
		}
	return false;
}

const char *expose_names_text(enum expose_names names)
{
	return sets[names].text;
}
