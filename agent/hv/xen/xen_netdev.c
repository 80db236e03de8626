/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_netdev.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/os/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 8 << 20, DEVICES_MAX = 65536 };

/* "  eth0: bytes packets errs drop fifo frame compressed multicast", and eight of sending. */
static bool parse(const char *line, struct xen_netdev *d)
{
	struct hv_net_stats *n = &d->net;

	return sscanf(line,
		      " %15[^: \n]: %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		      " %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		      d->name, &n->rx_bytes, &n->rx_packets, &n->rx_errors, &n->rx_drops,
		      &n->tx_bytes, &n->tx_packets, &n->tx_errors, &n->tx_drops) == 9;
}

static int by_name(const void *a, const void *b)
{
	const struct xen_netdev *x = a, *y = b;

	return strcmp(x->name, y->name);
}

size_t xen_netdev_read(const char *procfs, struct xen_netdev **ret)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct xen_netdev *devices = NULL, one;
	size_t n = 0, cap = 0;
	char path[512];

	(void)snprintf(path, sizeof path, "%.480s/net/dev", procfs);
	*ret = NULL;
	if (mu_file_read(path, TEXT_MAX, &text, NULL) < 0)
		return 0;
	for (char *line = text.data, *next; line && n < DEVICES_MAX; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0'; /* sscanf() takes the length of all that is left */
		if (!parse(line, &one))
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 64;
			devices = mu_xrealloc(devices, cap, sizeof *devices);
		}
		devices[n++] = one;
	}
	if (n)
		qsort(devices, n, sizeof *devices, by_name);
	*ret = devices;
	return n;
}

const struct xen_netdev *xen_netdev_find(const struct xen_netdev *devices, size_t n,
					 const char *name)
{
	struct xen_netdev key;

	if (n == 0 || strlen(name) >= sizeof key.name)
		return NULL;
	memcpy(key.name, name, strlen(name) + 1);
	return bsearch(&key, devices, n, sizeof *devices, by_name);
}
