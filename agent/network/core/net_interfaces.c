/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only as much of each format as we need: which interfaces a system configures, how, and where the
 * rest of its configuration is. What is not understood is passed over: the file is a person's, and
 * its own reader will complain.
 */
#include "agent/network/core/net_interfaces.h"

#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64 };

static const char blanks[] = " \t\r";

/* Cut the next line out of *rest, NULL at the end. */
static char *next_line(char **rest)
{
	char *line = *rest;
	char *end;

	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	*rest = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return line + strspn(line, blanks);
}

/* "key=value" of the files that systemd writes: the value, or NULL. */
static const char *value_of(const char *line, const char *key)
{
	size_t len = strlen(key);

	return !strncmp(line, key, len) && line[len] == '=' ? line + len + 1 : NULL;
}

/* ---- ifupdown ---- */

/* A backslash at a line's end joins the next one to it. */
static void join_lines(char *text)
{
	for (char *p = text; (p = strstr(p, "\\\n"));)
		p[0] = p[1] = ' ';
}

static size_t split(char *line, char *words[WORDS_MAX])
{
	size_t n = 0;

	for (char *p = line; n < WORDS_MAX; n++) {
		p += strspn(p, blanks);
		if (!*p)
			break;
		words[n] = p;
		p += strcspn(p, blanks);
		if (*p)
			*p++ = '\0';
	}
	return n;
}

static void read_iface(struct net_facts *f, char *const *words, size_t n)
{
	struct net_config *c;

	if (n < 2 || !strcmp(words[1], "lo"))
		return;
	c = net_facts_add_config(f, words[1], NET_SYSTEM_IFUPDOWN);
	if (!c || n < 4 || strcmp(words[2], "inet") != 0)
		return;
	if (!strcmp(words[3], "dhcp"))
		c->mode = NET_MODE_DHCP;
	else if (!strcmp(words[3], "static"))
		c->mode = NET_MODE_STATIC;
	else if (!strcmp(words[3], "manual"))
		c->mode = NET_MODE_NONE;
}

/* Ports are configured by their bridge's or bond's stanza, without one of their own. */
static void read_ports(struct net_facts *f, char *const *words, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (!strcmp(words[i], "regex")) /* what follows is an expression */
			i++;
		else if (strcmp(words[i], "none") != 0 && strcmp(words[i], "all") != 0)
			(void)net_facts_add_config(f, words[i], NET_SYSTEM_IFUPDOWN);
	}
}

static bool is_ports(const char *word)
{
	static const char *const names[] = {"bridge_ports", "bridge-ports", "bond-slaves",
					    "bond_slaves", "slaves"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		if (!strcmp(word, names[i]))
			return true;
	}
	return false;
}

void net_interfaces_read(struct net_facts *f, const char *text,
			 const struct net_interfaces_listener *listener)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(text);
	char *rest = copy;
	char *line;

	join_lines(copy);
	while ((line = next_line(&rest))) {
		char *words[WORDS_MAX];
		size_t n = *line == '#' ? 0 : split(line, words);

		if (n == 0)
			continue;
		if (!strcmp(words[0], "iface"))
			read_iface(f, words, n);
		else if (is_ports(words[0]))
			read_ports(f, words, n);
		else if (n > 1 && !strcmp(words[0], "source"))
			listener->source(listener->ctx, words[1], false);
		else if (n > 1 && !strcmp(words[0], "source-directory"))
			listener->source(listener->ctx, words[1], true);
	}
}

/* ---- networkd ---- */

void net_networkd_read(struct net_facts *f, const char *device, const char *text)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(text);
	const char *file = NULL;
	bool unmanaged = true;
	struct net_config *c;
	char *rest = copy;
	char *line;

	while ((line = next_line(&rest))) {
		const char *state = value_of(line, "ADMIN_STATE");

		if (state)
			unmanaged = !strcmp(state, "unmanaged");
		if (value_of(line, "NETWORK_FILE"))
			file = value_of(line, "NETWORK_FILE");
	}
	if (unmanaged)
		return;
	c = net_facts_add_config(f, device, NET_SYSTEM_NETWORKD);
	if (c && file && *file == '/' && strlen(file) < sizeof c->file)
		memcpy(c->file, file, strlen(file) + 1);
}

void net_network_file_read(struct net_facts *f, const char *device, const char *text)
{
	static const char *const yes[] = {"yes", "true", "1", "on", "ipv4", "both"};
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(text);
	struct net_config *c = net_facts_add_config(f, device, NET_SYSTEM_NETWORKD);
	char *rest = copy;
	char *line;

	while (c && (line = next_line(&rest))) {
		const char *dhcp = value_of(line, "DHCP");

		for (size_t i = 0; dhcp && i < MU_ARRAY_SIZE(yes); i++) {
			if (!strcmp(dhcp, yes[i]))
				c->mode = NET_MODE_DHCP;
		}
		if (c->mode == NET_MODE_UNKNOWN && value_of(line, "Address"))
			c->mode = NET_MODE_STATIC;
	}
}

/* ---- NetworkManager ---- */

void net_nm_read(struct net_facts *f, const char *device, const char *text)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(text);
	char *rest = copy;
	char *line;

	while ((line = next_line(&rest))) {
		if (!strcmp(line, "managed=true"))
			(void)net_facts_add_config(f, device, NET_SYSTEM_NM);
	}
}

/* ---- resolv.conf ---- */

void net_resolv_read(struct net_facts *f, const char *text)
{
	MU_CLEANUP(mu_free) char *copy = mu_xstrdup(text);
	char *rest = copy;
	char *line;

	f->dns[0] = '\0';
	while ((line = next_line(&rest))) {
		char *words[WORDS_MAX];
		size_t used = strlen(f->dns);
		size_t len;

		if (split(line, words) < 2 || strcmp(words[0], "nameserver") != 0)
			continue;
		len = strlen(words[1]);
		if (len > MODEL_ADDR_MAX || used + 1 + len >= sizeof f->dns)
			continue;
		if (used)
			f->dns[used++] = ',';
		memcpy(f->dns + used, words[1], len + 1);
	}
}
