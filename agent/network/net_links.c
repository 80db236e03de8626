/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/network/net_links.h"

#include "agent/network/core/net_check.h"
#include "agent/network/net_netlink.h"

#include <fcntl.h>
#include <unistd.h>

/* The kernel would give the bridge an address by which guests reach the host. A kernel without
 * IPv6 does not have the file. */
static int disable_ipv6(const char *name, struct mu_error *err)
{
	MU_CLEANUP(mu_free)
	char *path = mu_xasprintf("/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = write(fd, "1", 1);
	(void)close(fd);
	return n == 1 ? 0 : mu_error_set(err, MU_E_IO, "%s: cannot write", path);
}

int net_links_make(const struct net_record *rec, struct mu_error *err)
{
	const char *port = net_record_port(rec);

	if (net_netlink_add_bridge(rec->bridge, err) < 0 || disable_ipv6(rec->bridge, err) < 0)
		return MU_FAILED;
	/* Not while it is made: only an MTU that is changed is kept when a port joins. */
	if (rec->mtu && net_netlink_set_mtu(rec->bridge, rec->mtu, err) < 0)
		return MU_FAILED;
	if (*rec->vlan_device &&
	    (net_netlink_set_up(rec->pif, err) < 0 ||
	     net_netlink_add_vlan(rec->vlan_device, rec->pif, rec->vlan, err) < 0))
		return MU_FAILED;
	if (port && (net_netlink_set_master(port, rec->bridge, err) < 0 ||
		     net_netlink_set_up(port, err) < 0))
		return MU_FAILED;
	return net_netlink_set_up(rec->bridge, err);
}

int net_links_remove(const struct net_record *rec, struct mu_error *err)
{
	MU_CLEANUP(net_facts_deinit) struct net_facts facts = {.n_links = 0};
	const char *names[NET_LEFTOVERS_MAX];
	size_t n;

	if (net_netlink_read(&facts, err) < 0)
		return MU_FAILED;
	n = net_leftovers(&facts, rec, names);
	for (size_t i = 0; i < n; i++) {
		if (net_netlink_delete(names[i], err) < 0)
			return MU_FAILED;
	}
	return 0;
}
