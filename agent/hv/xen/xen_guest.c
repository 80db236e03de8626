/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_guest.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PATH_MAX_BYTES = 256,
	DEVICES_MAX = 16,        /* vifs looked at */
	ADDRS_PER_DEVICE = 10,   /* what agents write at most */
	VALUE_MAX = 4096,        /* xenstore's own limit */
	MEMORY_KIB_MAX = 1 << 30 /* 1 TiB: more is nonsense */
};

static char *read_text(const struct xen_guest_source *s, const char *path)
{
	char *text = s->read(s->ctx, path);

	if (text && (text[0] == '\0' || strnlen(text, VALUE_MAX + 1) > VALUE_MAX)) {
		free(text);
		return NULL;
	}
	return text;
}

static void take(const struct xen_guest_source *s, const char *path, char *dst, size_t size)
{
	MU_CLEANUP(mu_free) char *text = read_text(s, path);

	if (text)
		mu_utf8_sanitize(dst, size - 1, text, strlen(text));
}

/* KiB as text -> bytes; -1 for nothing or nonsense. */
static int64_t take_kib(const struct xen_guest_source *s, const char *path)
{
	MU_CLEANUP(mu_free) char *text = read_text(s, path);
	uint64_t kib;

	if (!text || !mu_parse_u64(text, &kib) || kib > MEMORY_KIB_MAX)
		return -1;
	return (int64_t)kib * 1024;
}

/* Distributions ship agents whose build never filled in the version. */
static bool is_placeholder(const char *text)
{
	return text[0] == '@';
}

static void collect_agent(const struct xen_guest_source *s, struct vm_guest *g)
{
	static const char *const keys[] = {
	    "attr/PVAddons/MajorVersion", "attr/PVAddons/MinorVersion",
	    "attr/PVAddons/MicroVersion", "attr/PVAddons/BuildVersion"};
	static const char *const separators[] = {"", ".", ".", "-"};
	char parts[MU_ARRAY_SIZE(keys)][32] = {{0}};
	size_t len = 0;

	for (size_t i = 0; i < MU_ARRAY_SIZE(keys); i++)
		take(s, keys[i], parts[i], sizeof parts[i]);
	g->agent_detected = parts[0][0] != '\0';
	if (!g->agent_detected || is_placeholder(parts[0]))
		return;
	for (size_t i = 0; i < MU_ARRAY_SIZE(keys); i++) {
		if (parts[i][0] == '\0' || is_placeholder(parts[i]))
			continue;
		len += (size_t)snprintf(g->agent_version + len, sizeof g->agent_version - len,
					"%s%s", separators[i], parts[i]);
	}
}

static bool has_children(const struct xen_guest_source *s, const char *path)
{
	unsigned n = 0;
	MU_CLEANUP(mu_free) char **names = s->list(s->ctx, path, &n);

	return names && n > 0;
}

static bool any_connected(const struct xen_guest_source *s, const char *kind)
{
	static const char connected[] = "4"; /* XenbusStateConnected */
	unsigned n = 0;
	char path[PATH_MAX_BYTES];
	MU_CLEANUP(mu_free) char **names = NULL;

	(void)snprintf(path, sizeof path, "device/%s", kind);
	names = s->list(s->ctx, path, &n);
	for (unsigned i = 0; names && i < n && i < DEVICES_MAX; i++) {
		MU_CLEANUP(mu_free) char *state = NULL;

		(void)snprintf(path, sizeof path, "device/%s/%.16s/state", kind, names[i]);
		state = read_text(s, path);
		if (mu_str_equal(state, connected))
			return true;
	}
	return false;
}

static bool drivers_detected(const struct xen_guest_source *s)
{
	MU_CLEANUP(mu_free) char *suspend = read_text(s, "control/feature-suspend");

	return mu_str_equal(suspend, "1") || has_children(s, "drivers") ||
	       any_connected(s, "vbd") || any_connected(s, "vif");
}

static enum vm_said balloon_said(const struct xen_guest_source *s)
{
	MU_CLEANUP(mu_free) char *word = read_text(s, "control/feature-balloon");

	if (mu_str_equal(word, "1"))
		return VM_SAID_YES;
	return mu_str_equal(word, "0") ? VM_SAID_NO : VM_SAID_NOTHING;
}

static void collect_os(const struct xen_guest_source *s, struct vm_guest *g)
{
	take(s, "data/os_name", g->os_name, sizeof g->os_name);
	take(s, "data/os_distro", g->os_distro, sizeof g->os_distro);
	take(s, "data/os_uname", g->os_uname, sizeof g->os_uname);
	take(s, "data/os_majorver", g->os_major, sizeof g->os_major);
	take(s, "data/os_minorver", g->os_minor, sizeof g->os_minor);
	if (g->os_name[0] == '\0' && g->os_distro[0] != '\0')
		(void)snprintf(g->os_name, sizeof g->os_name, "%s%s%s%s%s", g->os_distro,
			       g->os_major[0] ? " " : "", g->os_major, g->os_minor[0] ? "." : "",
			       g->os_minor);
	if (g->os_name[0] == '\0')
		take(s, "attr/os/class", g->os_name, sizeof g->os_name);
}

/* Some agents add the prefix length; a text that is no address is dropped. */
static void add_addr(struct vm_guest *g, uint16_t device, bool v6, uint16_t number,
		     const char *text)
{
	char addr[MODEL_ADDR_MAX + 1];
	uint8_t binary[16];
	size_t len = strcspn(text, "/");

	if (g->n_addrs == MODEL_VM_ADDRS_MAX || len > MODEL_ADDR_MAX)
		return;
	memcpy(addr, text, len);
	addr[len] = '\0';
	if (inet_pton(v6 ? AF_INET6 : AF_INET, addr, binary) != 1)
		return;
	g->addrs[g->n_addrs].device = device;
	g->addrs[g->n_addrs].v6 = v6;
	g->addrs[g->n_addrs].index = number;
	memcpy(g->addrs[g->n_addrs++].addr, addr, len + 1);
}

static void collect_family(const struct xen_guest_source *s, struct vm_guest *g, uint16_t device,
			   bool v6)
{
	for (uint16_t i = 0; i < ADDRS_PER_DEVICE; i++) {
		char path[PATH_MAX_BYTES];
		MU_CLEANUP(mu_free) char *text = NULL;

		(void)snprintf(path, sizeof path, "attr/vif/%u/%s/%u", device, v6 ? "ipv6" : "ipv4",
			       i);
		text = read_text(s, path);
		if (text)
			add_addr(g, device, v6, i, text);
	}
}

static void collect_vifs(const struct xen_guest_source *s, struct vm_guest *g)
{
	unsigned n = 0;
	uint32_t devices = 0; /* a set: xenstore lists them in no useful order */
	MU_CLEANUP(mu_free) char **names = s->list(s->ctx, "attr/vif", &n);

	for (unsigned i = 0; names && i < n; i++) {
		uint64_t device;

		if (mu_parse_u64(names[i], &device) && device < DEVICES_MAX)
			devices |= 1u << device;
	}
	for (uint16_t device = 0; device < DEVICES_MAX; device++) {
		if (!(devices & (1u << device)))
			continue;
		collect_family(s, g, device, false);
		collect_family(s, g, device, true);
	}
}

/* "eth0" of "eth": 0. */
static bool interface_number(const char *name, const char *prefix, uint16_t *ret)
{
	uint64_t number;

	if (!mu_str_has_prefix(name, prefix) || !mu_parse_u64(name + strlen(prefix), &number) ||
	    number >= DEVICES_MAX)
		return false;
	*ret = (uint16_t)number;
	return true;
}

static void collect_interface(const struct xen_guest_source *s, struct vm_guest *g,
			      const char *prefix, uint16_t device)
{
	char path[PATH_MAX_BYTES];
	MU_CLEANUP(mu_free) char *v4 = NULL;

	(void)snprintf(path, sizeof path, "attr/%s%u/ip", prefix, device);
	v4 = read_text(s, path);
	if (v4)
		add_addr(g, device, false, 0, v4);
	for (uint16_t i = 0; i < ADDRS_PER_DEVICE; i++) {
		MU_CLEANUP(mu_free) char *v6 = NULL;

		(void)snprintf(path, sizeof path, "attr/%s%u/ipv6/%u/addr", prefix, device, i);
		v6 = read_text(s, path);
		if (v6)
			add_addr(g, device, true, i, v6);
	}
}

/* What agents wrote before attr/vif: the interface's name stands for the vif. The first kind of
 * name that has an address counts. */
static void collect_interfaces(const struct xen_guest_source *s, struct vm_guest *g)
{
	static const char *const prefixes[] = {"eth", "enX", "xenbr", "eno", "ens", "emp", "enx"};
	unsigned n = 0;
	MU_CLEANUP(mu_free) char **names = s->list(s->ctx, "attr", &n);

	for (size_t p = 0; names && p < MU_ARRAY_SIZE(prefixes) && g->n_addrs == 0; p++) {
		uint32_t devices = 0; /* a set, as in collect_vifs() */
		uint16_t device;

		for (unsigned i = 0; i < n; i++) {
			if (interface_number(names[i], prefixes[p], &device))
				devices |= 1u << device;
		}
		for (device = 0; device < DEVICES_MAX; device++) {
			if (devices & (1u << device))
				collect_interface(s, g, prefixes[p], device);
		}
	}
}

void xen_guest_collect(const struct xen_guest_source *source, struct vm_guest *ret)
{
	memset(ret, 0, sizeof *ret);
	collect_agent(source, ret);
	ret->pv_drivers_detected = drivers_detected(source);
	ret->balloon = balloon_said(source);
	collect_os(source, ret);
	ret->memory_free_bytes = take_kib(source, "data/meminfo_free");
	ret->memory_total_bytes = take_kib(source, "data/meminfo_total");
	collect_vifs(source, ret);
	if (ret->n_addrs == 0)
		collect_interfaces(source, ret);
}
