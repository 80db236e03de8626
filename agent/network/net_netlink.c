/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump that changes while it is read says so (NLM_F_DUMP_INTR, EINTR from libmnl) and is begun
 * anew, a few times; then the reading fails, and another one follows soon.
 *
 * The monitor does not look into its messages. What changed is read as a whole: events can be lost
 * (ENOBUFS), a reading cannot.
 */
#include "agent/network/net_netlink.h"

#include "common/base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	BUFFER_BYTES = 32768, /* the kernel's largest dump message */
	DUMP_TRIES = 5,
	DRAIN_MESSAGES = 1000,
	VLAN_MASK = 0xfff,
};

struct reading {
	struct net_facts *facts;
	bool too_many;
};

static struct mnl_socket *socket_close(struct mnl_socket *nl)
{
	(void)mnl_socket_close(nl);
	return NULL;
}
MU_DEFINE_CLEANUP(socket_close, struct mnl_socket *);

static struct mnl_socket *socket_open(unsigned groups, int flags, struct mu_error *err)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);

	if (!nl) {
		(void)mu_error_errno(err, errno, "netlink socket");
		return NULL;
	}
	if (mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) < 0) {
		(void)mu_error_errno(err, errno, "netlink socket: bind");
		return socket_close(nl);
	}
	return nl;
}

/* ---- reading ---- */

/* Collect attributes by number; what is newer than our headers is passed over. */
struct table {
	const struct nlattr **attrs;
	uint16_t max;
};

static int collect(const struct nlattr *attr, void *data)
{
	const struct table *t = data;

	if (mnl_attr_get_type(attr) <= t->max)
		t->attrs[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static int32_t attr_i32(const struct nlattr *attr, int32_t missing)
{
	uint32_t v;

	if (!attr || mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
		return missing;
	v = mnl_attr_get_u32(attr);
	return v > INT32_MAX ? INT32_MAX : (int32_t)v;
}

static const char *attr_text(const struct nlattr *attr)
{
	return attr && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 ? mnl_attr_get_str(attr)
									 : "";
}

static void attr_address(const struct nlattr *attr, int family, char *ret, size_t size)
{
	size_t want = family == AF_INET ? 4 : 16;

	if (attr && mnl_attr_get_payload_len(attr) == want)
		(void)inet_ntop(family, mnl_attr_get_payload(attr), ret, (socklen_t)size);
}

static void read_link_info(const struct nlattr *nested, struct net_link *l)
{
	static const struct {
		const char *name;
		enum net_kind kind;
	} kinds[] = {{"bridge", NET_KIND_BRIDGE},
		     {"vlan", NET_KIND_VLAN},
		     {"bond", NET_KIND_BOND},
		     {"dummy", NET_KIND_DUMMY},
		     {"tun", NET_KIND_GUEST}};
	const struct nlattr *info[IFLA_INFO_MAX + 1] = {NULL};
	const struct nlattr *vlan[IFLA_VLAN_MAX + 1] = {NULL};
	const char *kind;

	(void)mnl_attr_parse_nested(nested, collect, &(struct table){info, IFLA_INFO_MAX});
	kind = attr_text(info[IFLA_INFO_KIND]);
	for (size_t i = 0; i < MU_ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kind, kinds[i].name))
			l->kind = kinds[i].kind;
	}
	if (l->kind != NET_KIND_VLAN || !info[IFLA_INFO_DATA])
		return;
	(void)mnl_attr_parse_nested(info[IFLA_INFO_DATA], collect,
				    &(struct table){vlan, IFLA_VLAN_MAX});
	if (vlan[IFLA_VLAN_ID] && mnl_attr_validate(vlan[IFLA_VLAN_ID], MNL_TYPE_U16) == 0)
		l->vlan = mnl_attr_get_u16(vlan[IFLA_VLAN_ID]) & VLAN_MASK;
}

static int on_link(const struct nlmsghdr *nlh, void *data)
{
	struct reading *reading = data;
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a[IFLA_MAX + 1] = {NULL};
	struct net_link *l;

	if (nlh->nlmsg_type != RTM_NEWLINK || m->ifi_type != ARPHRD_ETHER)
		return MNL_CB_OK;
	(void)mnl_attr_parse(nlh, sizeof *m, collect, &(struct table){a, IFLA_MAX});
	l = net_facts_add_link(reading->facts);
	if (!l) {
		reading->too_many = true;
		return MNL_CB_OK;
	}
	l->index = m->ifi_index;
	(void)snprintf(l->name, sizeof l->name, "%s", attr_text(a[IFLA_IFNAME]));
	l->up = m->ifi_flags & IFF_UP;
	l->carrier = a[IFLA_CARRIER] && mnl_attr_validate(a[IFLA_CARRIER], MNL_TYPE_U8) == 0 &&
		     mnl_attr_get_u8(a[IFLA_CARRIER]);
	l->mtu = attr_i32(a[IFLA_MTU], 0);
	l->master = attr_i32(a[IFLA_MASTER], 0);
	if (a[IFLA_ADDRESS] && mnl_attr_get_payload_len(a[IFLA_ADDRESS]) == 6) {
		const uint8_t *b = mnl_attr_get_payload(a[IFLA_ADDRESS]);

		(void)snprintf(l->mac, sizeof l->mac, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1],
			       b[2], b[3], b[4], b[5]);
	}
	if (a[IFLA_LINKINFO])
		read_link_info(a[IFLA_LINKINFO], l);
	/* A veth's IFLA_LINK is its other end, which may even be in another namespace. */
	if (l->kind == NET_KIND_VLAN)
		l->lower = attr_i32(a[IFLA_LINK], 0);
	return MNL_CB_OK;
}

static int on_addr(const struct nlmsghdr *nlh, void *data)
{
	struct reading *reading = data;
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a[IFA_MAX + 1] = {NULL};
	struct net_addr *addr;

	if (nlh->nlmsg_type != RTM_NEWADDR ||
	    (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return MNL_CB_OK;
	(void)mnl_attr_parse(nlh, sizeof *m, collect, &(struct table){a, IFA_MAX});
	addr = net_facts_add_addr(reading->facts);
	if (!addr) {
		reading->too_many = true;
		return MNL_CB_OK;
	}
	addr->link = (int32_t)m->ifa_index;
	addr->v6 = m->ifa_family == AF_INET6;
	addr->global = m->ifa_scope < RT_SCOPE_LINK;
	addr->expires = !(m->ifa_flags & IFA_F_PERMANENT);
	addr->prefix = m->ifa_prefixlen;
	/* IPv4: IFA_ADDRESS of a point-to-point link is the other end. */
	attr_address(a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS], m->ifa_family, addr->text,
		     sizeof addr->text);
	return MNL_CB_OK;
}

/* Several ways out of one route: the first. */
static void read_first_hop(const struct nlattr *multipath, int family, struct net_route *route)
{
	const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
	size_t len = mnl_attr_get_payload_len(multipath);
	const struct nlattr *a[RTA_MAX + 1] = {NULL};

	if (len < sizeof *hop || hop->rtnh_len < sizeof *hop || hop->rtnh_len > len)
		return;
	route->link = hop->rtnh_ifindex;
	(void)mnl_attr_parse_payload(hop + 1, hop->rtnh_len - sizeof *hop, collect,
				     &(struct table){a, RTA_MAX});
	attr_address(a[RTA_GATEWAY], family, route->gateway, sizeof route->gateway);
}

static int on_route(const struct nlmsghdr *nlh, void *data)
{
	struct reading *reading = data;
	const struct rtmsg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a[RTA_MAX + 1] = {NULL};
	struct net_route *route;

	if (nlh->nlmsg_type != RTM_NEWROUTE || m->rtm_dst_len != 0 || m->rtm_type != RTN_UNICAST ||
	    m->rtm_table != RT_TABLE_MAIN ||
	    (m->rtm_family != AF_INET && m->rtm_family != AF_INET6))
		return MNL_CB_OK;
	(void)mnl_attr_parse(nlh, sizeof *m, collect, &(struct table){a, RTA_MAX});
	route = net_facts_add_route(reading->facts);
	if (!route) {
		reading->too_many = true;
		return MNL_CB_OK;
	}
	route->v6 = m->rtm_family == AF_INET6;
	route->dhcp = m->rtm_protocol == RTPROT_DHCP;
	route->metric = (uint32_t)attr_i32(a[RTA_PRIORITY], 0);
	route->link = attr_i32(a[RTA_OIF], 0);
	attr_address(a[RTA_GATEWAY], m->rtm_family, route->gateway, sizeof route->gateway);
	if (a[RTA_MULTIPATH])
		read_first_hop(a[RTA_MULTIPATH], m->rtm_family, route);
	return MNL_CB_OK;
}

static const struct dump {
	const char *what;
	uint16_t type;
	size_t header_bytes;
	mnl_cb_t each;
} dumps[] = {
    {"links", RTM_GETLINK, sizeof(struct ifinfomsg), on_link},
    {"addresses", RTM_GETADDR, sizeof(struct ifaddrmsg), on_addr},
    {"routes", RTM_GETROUTE, sizeof(struct rtmsg), on_route},
};

/* 0 done; MU_FAILED with errno EINTR: it changed meanwhile. */
static int dump_once(struct mnl_socket *nl, const struct dump *d, char *buf,
		     struct reading *reading)
{
	static _Atomic unsigned last_seq;
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	unsigned port = mnl_socket_get_portid(nl);
	bool interrupted = false;
	unsigned seq = ++last_seq;

	nlh->nlmsg_type = d->type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	(void)mnl_nlmsg_put_extra_header(nlh, d->header_bytes); /* zero: AF_UNSPEC */
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return MU_FAILED;
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, BUFFER_BYTES);
		int rc;

		if (n < 0)
			return MU_FAILED;
		rc = mnl_cb_run(buf, (size_t)n, seq, port, d->each, reading);
		if (rc < 0 && errno != EINTR)
			return MU_FAILED;
		if (rc < 0) {
			/* What is left of this dump would be taken for the next one's. */
			interrupted = true;
			break;
		}
		if (rc == MNL_CB_STOP)
			break;
	}
	errno = EINTR;
	return interrupted ? MU_FAILED : 0;
}

static void forget(struct net_facts *f, const struct dump *d)
{
	if (d->type == RTM_GETLINK)
		f->n_links = 0;
	else if (d->type == RTM_GETADDR)
		f->n_addrs = 0;
	else
		f->n_routes = 0;
}

static int dump(const struct dump *d, char *buf, struct reading *reading, struct mu_error *err)
{
	for (unsigned i = 0; i < DUMP_TRIES; i++) {
		/* A fresh socket each time: nothing of an interrupted dump is left in it. */
		MU_CLEANUP(socket_close) struct mnl_socket *nl = socket_open(0, 0, err);

		if (!nl)
			return MU_FAILED;
		forget(reading->facts, d);
		if (dump_once(nl, d, buf, reading) == 0)
			return 0;
		if (errno != EINTR)
			return mu_error_errno(err, errno, "netlink: reading %s", d->what);
	}
	return mu_error_set(err, MU_E_UNAVAILABLE, "netlink: %s change faster than they are read",
			    d->what);
}

int net_netlink_read(struct net_facts *f, struct mu_error *err)
{
	MU_CLEANUP(mu_free) char *buf = mu_xmalloc(BUFFER_BYTES);
	struct reading reading = {.facts = f};

	for (size_t i = 0; i < MU_ARRAY_SIZE(dumps); i++) {
		if (dump(&dumps[i], buf, &reading, err) < 0)
			return MU_FAILED;
	}
	if (reading.too_many)
		return mu_error_set(err, MU_E_TOO_LARGE,
				    "more than %d links, %d addresses or %d default routes",
				    NET_LINKS_MAX, NET_ADDRS_MAX, NET_ROUTES_MAX);
	return 0;
}

/* ---- making links ---- */

enum { REQUEST_BYTES = 1024 };

struct request {
	union {
		char buf[REQUEST_BYTES];
		struct nlmsghdr nlh;
	};
	struct ifinfomsg *info;
};

static void request_init(struct request *r, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(r->buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r->info = mnl_nlmsg_put_extra_header(nlh, sizeof *r->info);
}

/* 0, or MU_FAILED with errno. */
static int request_send(struct request *r, struct mu_error *err)
{
	MU_CLEANUP(socket_close) struct mnl_socket *nl = socket_open(0, 0, err);
	char answer[REQUEST_BYTES];
	ssize_t n;
	int saved;

	if (!nl)
		return MU_FAILED;
	n = mnl_socket_sendto(nl, &r->nlh, r->nlh.nlmsg_len);
	if (n >= 0)
		n = mnl_socket_recvfrom(nl, answer, sizeof answer);
	if (n >= 0)
		n = mnl_cb_run(answer, (size_t)n, 0, mnl_socket_get_portid(nl), NULL, NULL);
	if (n >= 0)
		return 0;
	saved = errno;
	(void)mu_error_errno(err, saved, "netlink");
	errno = saved;
	return MU_FAILED;
}

static int index_of(const char *name, int *ret, struct mu_error *err)
{
	unsigned index = if_nametoindex(name);

	if (!index)
		return mu_error_errno(err, errno, "interface %s", name);
	*ret = (int)index;
	return 0;
}

int net_netlink_add_bridge(const char *name, struct mu_error *err)
{
	struct request r;
	struct nlattr *info;

	request_init(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	mnl_attr_put_strz(&r.nlh, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(&r.nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(&r.nlh, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(&r.nlh, info);
	return request_send(&r, err) < 0 ? mu_error_prefix(err, "making bridge %s", name) : 0;
}

int net_netlink_add_vlan(const char *name, const char *lower, int32_t vlan, struct mu_error *err)
{
	struct request r;
	struct nlattr *info, *data;
	int index;

	if (index_of(lower, &index, err) < 0)
		return MU_FAILED;
	request_init(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	mnl_attr_put_strz(&r.nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(&r.nlh, IFLA_LINK, (uint32_t)index);
	info = mnl_attr_nest_start(&r.nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(&r.nlh, IFLA_INFO_KIND, "vlan");
	data = mnl_attr_nest_start(&r.nlh, IFLA_INFO_DATA);
	mnl_attr_put_u16(&r.nlh, IFLA_VLAN_ID, (uint16_t)vlan);
	mnl_attr_nest_end(&r.nlh, data);
	mnl_attr_nest_end(&r.nlh, info);
	return request_send(&r, err) < 0 ? mu_error_prefix(err, "making VLAN %s", name) : 0;
}

int net_netlink_set_master(const char *port, const char *bridge, struct mu_error *err)
{
	struct request r;
	int index, master;

	if (index_of(port, &index, err) < 0 || index_of(bridge, &master, err) < 0)
		return MU_FAILED;
	request_init(&r, RTM_SETLINK, 0);
	r.info->ifi_index = index;
	mnl_attr_put_u32(&r.nlh, IFLA_MASTER, (uint32_t)master);
	return request_send(&r, err) < 0 ? mu_error_prefix(err, "%s into %s", port, bridge) : 0;
}

int net_netlink_set_up(const char *name, struct mu_error *err)
{
	struct request r;
	int index;

	if (index_of(name, &index, err) < 0)
		return MU_FAILED;
	request_init(&r, RTM_SETLINK, 0);
	r.info->ifi_index = index;
	r.info->ifi_change = r.info->ifi_flags = IFF_UP;
	return request_send(&r, err) < 0 ? mu_error_prefix(err, "setting %s up", name) : 0;
}

int net_netlink_set_mtu(const char *name, int32_t mtu, struct mu_error *err)
{
	struct request r;
	int index;

	if (index_of(name, &index, err) < 0)
		return MU_FAILED;
	request_init(&r, RTM_SETLINK, 0);
	r.info->ifi_index = index;
	mnl_attr_put_u32(&r.nlh, IFLA_MTU, (uint32_t)mtu);
	return request_send(&r, err) < 0 ? mu_error_prefix(err, "mtu %d of %s", mtu, name) : 0;
}

int net_netlink_delete(const char *name, struct mu_error *err)
{
	struct request r;

	request_init(&r, RTM_DELLINK, 0);
	mnl_attr_put_strz(&r.nlh, IFLA_IFNAME, name);
	if (request_send(&r, err) < 0 && errno != ENODEV)
		return mu_error_prefix(err, "removing %s", name);
	return 0;
}

/* ---- being told ---- */

struct net_monitor {
	struct mnl_socket *nl;
	char buf[BUFFER_BYTES];
};

struct net_monitor *net_monitor_new(struct mu_error *err)
{
	struct mnl_socket *nl = socket_open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
						RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
					    SOCK_NONBLOCK, err);
	struct net_monitor *m;

	if (!nl)
		return NULL;
	m = mu_xcalloc(1, sizeof *m);
	m->nl = nl;
	return m;
}

struct net_monitor *net_monitor_free(struct net_monitor *m)
{
	if (!m)
		return NULL;
	(void)socket_close(m->nl);
	free(m);
	return NULL;
}

int net_monitor_fd(const struct net_monitor *m)
{
	return mnl_socket_get_fd(m->nl);
}

bool net_monitor_drain(struct net_monitor *m)
{
	bool any = false;

	/* What is left over calls us again at once. */
	for (unsigned i = 0; i < DRAIN_MESSAGES; i++) {
		ssize_t n = mnl_socket_recvfrom(m->nl, m->buf, sizeof m->buf);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOBUFS && errno != ENOSPC)
			break;
		any = true;
	}
	return any;
}
