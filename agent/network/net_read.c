/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netlink has all that the kernel knows but two things, which are in sysfs: what is behind a link
 * (a device of the machine, or a guest's netback) and a card's speed.
 *
 * A service runs if its control group is there: no process to start, no bus to ask, and unlike
 * directories in /run it is gone when the service is.
 *
 * Files that cannot be read are taken for files that say nothing: a network is shown in any case.
 */
#include "agent/network/net_read.h"

#include "agent/network/core/net_interfaces.h"
#include "agent/network/net_netlink.h"
#include "common/os/file.h"

#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	FILE_MAX_BYTES = 256 * 1024,
	FILES_MAX = 256, /* that ifupdown's configuration consists of */
	DEPTH_MAX = 8,
};

#define INTERFACES "/etc/network/interfaces"
/* A name of the kind that we make. */
#define OUR_DIR "/etc/network/interfaces.d"
#define OUR_FILE OUR_DIR "/muster-x"

/* false: not there, or too large for what it is. */
static bool read_file(const char *path, struct mu_str *out)
{
	mu_str_reset(out);
	if (mu_file_read(path, FILE_MAX_BYTES, out, NULL) < 0)
		return false;
	mu_str_add(out, ""); /* data is not NULL, even of an empty file */
	return true;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* ---- sysfs ---- */

/* Is there a device behind it, and is it a guest's? */
static enum net_kind kind_of_device(const struct net_link *l)
{
	MU_CLEANUP(mu_free)
	char *path = mu_xasprintf("/sys/class/net/%s/device/subsystem", l->name);
	char target[256];
	ssize_t n = readlink(path, target, sizeof target - 1);
	const char *bus;

	if (n < 0)
		return l->kind;
	target[n] = '\0';
	bus = strrchr(target, '/');
	return bus && !strcmp(bus, "/xen-backend") ? NET_KIND_GUEST : NET_KIND_CARD;
}

static int32_t speed_of(const struct net_link *l, struct mu_str *text)
{
	MU_CLEANUP(mu_free) char *path = mu_xasprintf("/sys/class/net/%s/speed", l->name);
	uint64_t speed;

	/* Without a carrier the file cannot be read, or holds -1. */
	if (!read_file(path, text))
		return -1;
	text->data[strcspn(text->data, "\n")] = '\0';
	return mu_parse_u64(text->data, &speed) && speed > 0 && speed < INT32_MAX ? (int32_t)speed
										  : -1;
}

static void read_sysfs(struct net_facts *f)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	for (size_t i = 0; i < f->n_links; i++) {
		struct net_link *l = &f->links[i];

		if (l->kind == NET_KIND_OTHER)
			l->kind = kind_of_device(l);
		if (net_link_is_pif(l) && l->up && l->carrier)
			l->speed_mbps = speed_of(l, &text);
	}
}

/* ---- ifupdown ---- */

struct interfaces {
	struct net_facts *facts;
	unsigned depth;
	unsigned n_files;
};

static void read_interfaces(struct interfaces *in, const char *path);

static bool plain_name(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789_-")];
}

static int each_of_directory(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	(void)err;
	if (plain_name(name))
		read_interfaces(ctx, path);
	return 0;
}

static void on_source(void *ctx, const char *pattern, bool directory)
{
	struct interfaces *in = ctx;
	MU_CLEANUP(mu_free)
	char *absolute = mu_xasprintf("%s%s", *pattern == '/' ? "" : "/etc/network/", pattern);
	size_t len = strlen(absolute);
	glob_t found;

	if (directory && len > 1 && absolute[len - 1] == '/')
		absolute[len - 1] = '\0';
	if (fnmatch(absolute, directory ? OUR_DIR : OUR_FILE, FNM_PATHNAME) == 0)
		in->facts->ifupdown_includes = true;
	if (in->depth >= DEPTH_MAX || glob(absolute, GLOB_NOSORT, NULL, &found) != 0)
		return;
	in->depth++;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (directory)
			(void)mu_file_list(found.gl_pathv[i], "", each_of_directory, in, NULL);
		else
			read_interfaces(in, found.gl_pathv[i]);
	}
	in->depth--;
	globfree(&found);
}

static void read_interfaces(struct interfaces *in, const char *path)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	const struct net_interfaces_listener listener = {on_source, in};

	if (in->n_files++ < FILES_MAX && read_file(path, &text))
		net_interfaces_read(in->facts, text.data, &listener);
}

static void read_ifupdown(struct net_facts *f)
{
	struct interfaces in = {.facts = f};
	size_t before = f->n_configs;

	if (!exists("/sbin/ifup") && !exists("/usr/sbin/ifup"))
		return;
	read_interfaces(&in, INTERFACES);
	f->active[NET_SYSTEM_IFUPDOWN] = f->n_configs > before;
	f->ifupdown_bridges =
	    exists("/etc/network/if-pre-up.d/bridge") || exists("/usr/share/ifupdown2");
}

/* ---- networkd, NetworkManager ---- */

static bool service_runs(const char *unit)
{
	MU_CLEANUP(mu_free)
	char *unified = mu_xasprintf("/sys/fs/cgroup/system.slice/%s.service", unit);
	MU_CLEANUP(mu_free)
	char *legacy = mu_xasprintf("/sys/fs/cgroup/systemd/system.slice/%s.service", unit);

	return exists(unified) || exists(legacy);
}

static void read_networkd(struct net_facts *f)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	for (size_t i = 0; i < f->n_links; i++) {
		const struct net_link *l = &f->links[i];
		MU_CLEANUP(mu_free)
		char *path = mu_xasprintf("/run/systemd/netif/links/%d", l->index);
		const struct net_config *c;

		if (!read_file(path, &text))
			continue;
		net_networkd_read(f, l->name, text.data);
		c = net_config_find(f, l->name, NET_SYSTEM_NETWORKD);
		if (c && *c->file && read_file(c->file, &text))
			net_network_file_read(f, l->name, text.data);
	}
}

static void read_nm(struct net_facts *f)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	for (size_t i = 0; i < f->n_links; i++) {
		const struct net_link *l = &f->links[i];
		MU_CLEANUP(mu_free)
		char *path = mu_xasprintf("/run/NetworkManager/devices/%d", l->index);

		if (read_file(path, &text))
			net_nm_read(f, l->name, text.data);
	}
}

static void read_resolv(struct net_facts *f)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	if (!read_file("/etc/resolv.conf", &text))
		return;
	net_resolv_read(f, text.data);
	/* systemd-resolved's own address says nothing; it keeps the real ones beside. */
	if (!strcmp(f->dns, "127.0.0.53") && read_file("/run/systemd/resolve/resolv.conf", &text))
		net_resolv_read(f, text.data);
}

int net_read(struct net_facts *ret, struct mu_error *err)
{
	if (net_netlink_read(ret, err) < 0)
		return MU_FAILED;
	read_sysfs(ret);
	read_resolv(ret);
	read_ifupdown(ret);
	ret->active[NET_SYSTEM_NETWORKD] = service_runs("systemd-networkd");
	ret->active[NET_SYSTEM_NM] = service_runs("NetworkManager");
	if (ret->active[NET_SYSTEM_NETWORKD])
		read_networkd(ret);
	if (ret->active[NET_SYSTEM_NM])
		read_nm(ret);
	return 0;
}
