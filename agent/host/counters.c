/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VLANs, bonds and bridges have no device behind them: what they count, the cards have counted. A
 * file that is not there, or goes while it is read, is an unknown counter and never a zero.
 */
#include "agent/host/counters.h"

#include "agent/host/sysfs.h"
#include "common/base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SECTOR_BYTES = 512, ENTRIES_MAX = 65536 };

struct reading {
	const char *sysfs;
	struct hv_host_stats *host;
};

/* ---- cards ---- */

static uint64_t counter(const char *dir, const char *name)
{
	return sysfs_number(dir, name, HV_COUNTER_UNKNOWN);
}

static void add_nic(const char *name, void *arg)
{
	struct reading *r = arg;
	char dir[SYSFS_PATH_MAX + 1], bus[32];
	struct hv_pif_stats *p;

	if (r->host->n_pifs == HV_PIFS_MAX || strlen(name) >= sizeof p->name)
		return;
	(void)snprintf(dir, sizeof dir, "%.700s/class/net/%s", r->sysfs, name);
	if (!sysfs_link(dir, "device/subsystem", bus, sizeof bus) ||
	    mu_str_equal(bus, "xen-backend"))
		return;
	(void)snprintf(dir, sizeof dir, "%.700s/class/net/%s/statistics", r->sysfs, name);
	p = &r->host->pifs[r->host->n_pifs++];
	memcpy(p->name, name, strlen(name) + 1);
	p->net = (struct hv_net_stats){
	    .rx_bytes = counter(dir, "rx_bytes"),
	    .tx_bytes = counter(dir, "tx_bytes"),
	    .rx_packets = counter(dir, "rx_packets"),
	    .tx_packets = counter(dir, "tx_packets"),
	    .rx_errors = counter(dir, "rx_errors"),
	    .tx_errors = counter(dir, "tx_errors"),
	    .rx_drops = counter(dir, "rx_dropped"),
	    .tx_drops = counter(dir, "tx_dropped"),
	};
}

void host_counters_nics(const char *sysfs, struct hv_host_stats *h)
{
	struct reading r = {sysfs, h};
	char dir[SYSFS_PATH_MAX + 1];

	h->n_pifs = 0;
	(void)snprintf(dir, sizeof dir, "%.900s/class/net", sysfs);
	(void)sysfs_each(dir, ENTRIES_MAX, add_nic, &r, NULL);
}

/* ---- disks ---- */

static uint64_t bytes(uint64_t sectors)
{
	return sectors < UINT64_MAX / SECTOR_BYTES ? sectors * SECTOR_BYTES : HV_COUNTER_UNKNOWN;
}

static const struct hv_disk_stats unknown = {
    .rd_bytes = HV_COUNTER_UNKNOWN,
    .wr_bytes = HV_COUNTER_UNKNOWN,
    .rd_reqs = HV_COUNTER_UNKNOWN,
    .wr_reqs = HV_COUNTER_UNKNOWN,
    .rd_ms = HV_COUNTER_UNKNOWN,
    .wr_ms = HV_COUNTER_UNKNOWN,
    .queue_ms = HV_COUNTER_UNKNOWN,
    .inflight = HV_COUNTER_UNKNOWN,
};

/* All of it or nothing. */
static bool read_stat(const char *dir, struct hv_disk_stats *d)
{
	char text[512];

	/* requests, merged, sectors, ms; the same of writes; in flight, busy ms, ms by requests */
	if (!sysfs_text(dir, "stat", text, sizeof text) ||
	    sscanf(text,
		   "%" SCNu64 " %*u %" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %*u %" SCNu64,
		   &d->rd_reqs, &d->rd_bytes, &d->rd_ms, &d->wr_reqs, &d->wr_bytes, &d->wr_ms,
		   &d->inflight, &d->queue_ms) != 8)
		return false;
	d->rd_bytes = bytes(d->rd_bytes);
	d->wr_bytes = bytes(d->wr_bytes);
	return true;
}

static void add_disk(const char *name, void *arg)
{
	struct reading *r = arg;
	char dir[SYSFS_PATH_MAX + 1], device[256];
	struct hv_disk_stats *d;

	if (r->host->n_disks == HV_HOST_DISKS_MAX || strlen(name) >= sizeof d->name)
		return;
	(void)snprintf(dir, sizeof dir, "%.700s/block/%s", r->sysfs, name);
	if (!sysfs_link(dir, "device", device, sizeof device))
		return;
	d = &r->host->disks[r->host->n_disks++];
	if (!read_stat(dir, d))
		*d = unknown;
	memcpy(d->name, name, strlen(name) + 1);
}

void host_counters_disks(const char *sysfs, struct hv_host_stats *h)
{
	struct reading r = {sysfs, h};
	char dir[SYSFS_PATH_MAX + 1];

	h->n_disks = 0;
	(void)snprintf(dir, sizeof dir, "%.900s/block", sysfs);
	(void)sysfs_each(dir, ENTRIES_MAX, add_disk, &r, NULL);
}
