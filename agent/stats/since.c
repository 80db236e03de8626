/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/stats/since.h"

#include <string.h>

static uint32_t at_most(uint32_t n, uint32_t max)
{
	return n < max ? n : max;
}

static bool fell(uint64_t now, uint64_t before)
{
	return now != HV_COUNTER_UNKNOWN && before != HV_COUNTER_UNKNOWN && now < before;
}

static bool net_fell(const struct hv_net_stats *a, const struct hv_net_stats *b)
{
	return fell(a->rx_bytes, b->rx_bytes) || fell(a->tx_bytes, b->tx_bytes) ||
	       fell(a->rx_packets, b->rx_packets) || fell(a->tx_packets, b->tx_packets) ||
	       fell(a->rx_errors, b->rx_errors) || fell(a->tx_errors, b->tx_errors) ||
	       fell(a->rx_drops, b->rx_drops) || fell(a->tx_drops, b->tx_drops);
}

static bool vbd_fell(const struct hv_vbd_stats *a, const struct hv_vbd_stats *b)
{
	return fell(a->rd_bytes, b->rd_bytes) || fell(a->wr_bytes, b->wr_bytes) ||
	       fell(a->rd_reqs, b->rd_reqs) || fell(a->wr_reqs, b->wr_reqs) ||
	       fell(a->rd_ns, b->rd_ns) || fell(a->wr_ns, b->wr_ns);
}

static bool disk_fell(const struct hv_disk_stats *a, const struct hv_disk_stats *b)
{
	return fell(a->rd_bytes, b->rd_bytes) || fell(a->wr_bytes, b->wr_bytes) ||
	       fell(a->rd_reqs, b->rd_reqs) || fell(a->wr_reqs, b->wr_reqs) ||
	       fell(a->rd_ms, b->rd_ms) || fell(a->wr_ms, b->wr_ms) ||
	       fell(a->queue_ms, b->queue_ms);
}

/* ---- a domain ---- */

static mu_msec vif_since(const struct hv_vif_stats *vif, const struct hv_domain_stats *before,
			 const struct since_domain *were, mu_msec wall)
{
	for (uint32_t i = 0; i < at_most(before->n_vifs, HV_NICS_MAX); i++)
		if (before->vifs[i].device == vif->device)
			return net_fell(&vif->net, &before->vifs[i].net) ? wall : were->vifs[i];
	return wall;
}

static mu_msec vbd_since(const struct hv_vbd_stats *vbd, const struct hv_domain_stats *before,
			 const struct since_domain *were, mu_msec wall)
{
	for (uint32_t i = 0; i < at_most(before->n_vbds, HV_DISKS_MAX); i++)
		if (strcmp(before->vbds[i].vdev, vbd->vdev) == 0)
			return vbd_fell(vbd, &before->vbds[i]) ? wall : were->vbds[i];
	return wall;
}

void since_domain(const struct hv_domain_stats *now, const struct hv_domain_stats *before,
		  const struct since_domain *were, mu_msec wall, mu_msec began,
		  struct since_domain *ret)
{
	ret->cpu = before ? were->cpu : began;
	for (uint32_t i = 0; i < at_most(now->n_vifs, HV_NICS_MAX); i++)
		ret->vifs[i] = before ? vif_since(&now->vifs[i], before, were, wall) : began;
	for (uint32_t i = 0; i < at_most(now->n_vbds, HV_DISKS_MAX); i++)
		ret->vbds[i] = before ? vbd_since(&now->vbds[i], before, were, wall) : began;
}

/* ---- the host ---- */

static mu_msec pif_since(const struct hv_pif_stats *pif, const struct hv_host_stats *before,
			 const struct since_host *were, mu_msec wall)
{
	for (uint32_t i = 0; i < at_most(before->n_pifs, HV_PIFS_MAX); i++)
		if (strcmp(before->pifs[i].name, pif->name) == 0)
			return net_fell(&pif->net, &before->pifs[i].net) ? wall : were->pifs[i];
	return wall;
}

static mu_msec disk_since(const struct hv_disk_stats *disk, const struct hv_host_stats *before,
			  const struct since_host *were, mu_msec wall)
{
	for (uint32_t i = 0; i < at_most(before->n_disks, HV_HOST_DISKS_MAX); i++)
		if (strcmp(before->disks[i].name, disk->name) == 0)
			return disk_fell(disk, &before->disks[i]) ? wall : were->disks[i];
	return wall;
}

void since_host(const struct hv_host_stats *now, const struct hv_host_stats *before,
		const struct since_host *were, mu_msec wall, mu_msec began, struct since_host *ret)
{
	ret->cpu = before ? were->cpu : began;
	for (uint32_t i = 0; i < at_most(now->n_pifs, HV_PIFS_MAX); i++)
		ret->pifs[i] = before ? pif_since(&now->pifs[i], before, were, wall) : began;
	for (uint32_t i = 0; i < at_most(now->n_disks, HV_HOST_DISKS_MAX); i++)
		ret->disks[i] = before ? disk_since(&now->disks[i], before, were, wall) : began;
}
