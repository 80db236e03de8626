/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* /proc/net/route: "Iface Destination Gateway ...", destination 0 is the default route. */
static void default_interface(char ret[static IF_NAMESIZE])
{
	char line[256], name[IF_NAMESIZE];
	unsigned destination;
	FILE *f = fopen("/proc/net/route", "re");

	ret[0] = '\0';
	if (!f)
		return;
	while (!*ret && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%15s %8x", name, &destination) == 2 && !destination)
			memcpy(ret, name, sizeof name);
	}
	(void)fclose(f);
}

static const void *global_address(const struct ifaddrs *i)
{
	const struct sockaddr_in *v4;
	const struct sockaddr_in6 *v6;

	if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK))
		return NULL;
	if (i->ifa_addr->sa_family == AF_INET) {
		v4 = (const struct sockaddr_in *)(const void *)i->ifa_addr;
		return &v4->sin_addr;
	}
	if (i->ifa_addr->sa_family == AF_INET6) {
		v6 = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;
		return IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) ? NULL : &v6->sin6_addr;
	}
	return NULL;
}

void address_find(char ret[static MODEL_ADDR_MAX + 1])
{
	char wanted[IF_NAMESIZE];
	struct ifaddrs *all;
	const void *address;

	ret[0] = '\0';
	if (getifaddrs(&all) < 0)
		return;
	default_interface(wanted);
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		address = global_address(i);
		if (!address || (*ret && strcmp(i->ifa_name, wanted)))
			continue;
		(void)inet_ntop(i->ifa_addr->sa_family, address, ret, MODEL_ADDR_MAX + 1);
		if (!strcmp(i->ifa_name, wanted))
			break;
	}
	freeifaddrs(all);
}
