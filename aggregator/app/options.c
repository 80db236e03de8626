/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/app/options.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/url.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_STATE "/var/lib/muster-aggregator"
#define DEFAULT_SOCKET "/run/muster-aggregator/aggregator.sock"

#define OPTION(field) offsetof(struct app_options, field)

const struct mu_option options_table[] = {
    {"config", MU_OPTION_STRING, OPTION(config), NULL, "FILE",
     "read options from FILE; the command line wins", 0, 0, NULL},
    {"state", MU_OPTION_STRING, OPTION(state), DEFAULT_STATE, "DIR",
     "directory of the database and the certificates", 0, 0, NULL},
    {"listen", MU_OPTION_STRING, OPTION(listen), "127.0.0.1:8443", "ADDR:PORT",
     "where to serve REST over HTTPS", 0, 0, NULL},
    {"fleet-listen", MU_OPTION_STRING, OPTION(fleet_listen), "0.0.0.0:8444", "ADDR:PORT",
     "where agents connect (gRPC, mutual TLS)", 0, 0, NULL},
    {"fleet-name", MU_OPTION_STRING, OPTION(fleet_name), NULL, "HOST[:PORT]",
     "what agents are told to connect to; default: this host's name", 0, 0, NULL},
    {"socket", MU_OPTION_STRING, OPTION(socket), NULL, "PATH",
     "Unix socket for local administration; default: aggregator.sock in the state directory, or "
     "in /run/muster-aggregator for the default one",
     0, 0, NULL},
    {"name", MU_OPTION_STRING, OPTION(names), NULL, "NAME[,NAME...]",
     "further DNS names and addresses for the server certificates; with 'token create' and "
     "'join-token create': what the token is for",
     0, 0, NULL},
    {"log-level", MU_OPTION_CHOICE, OPTION(log_level), "info", "LEVEL", "how much to log", 0, 0,
     "error|warning|info|debug"},
    {"remote-write", MU_OPTION_STRING, OPTION(remote_write), NULL, "URL",
     "send all samples on to a store that takes Prometheus' remote_write; see docs/prometheus.md",
     0, 0, NULL},
    {"remote-write-names", MU_OPTION_CHOICE, OPTION(remote_write_names), "native", "NAMES",
     "how series are called there", 0, 0, "native|xen-exporter|xo"},
    {"remote-write-ca", MU_OPTION_STRING, OPTION(remote_write_ca), NULL, "FILE",
     "authority of its certificate; default: the system's", 0, 0, NULL},
    {"remote-write-token-file", MU_OPTION_STRING, OPTION(remote_write_token), NULL, "FILE",
     "send its first line as Bearer token; read again for each request", 0, 0, NULL},
    {"remote-write-user", MU_OPTION_STRING, OPTION(remote_write_user), NULL, "NAME",
     "sign in with Basic authentication", 0, 0, NULL},
    {"remote-write-password-file", MU_OPTION_STRING, OPTION(remote_write_password), NULL, "FILE",
     "its first line is that user's password; read again for each request", 0, 0, NULL},
    {"remote-write-timeout", MU_OPTION_DURATION, OPTION(remote_write_timeout), "30s", "TIME",
     "how long a request may take", 1000, 600000, NULL},
    {"print-token", MU_OPTION_BOOL, OPTION(print_token), "false", NULL,
     "with 'init': make an administrator's API token and print it", 0, 0, NULL},
    {"replace", MU_OPTION_STRING, OPTION(replace), NULL, "HOST-ID",
     "with 'join-token create': the token may enrol this host again", 0, 0, NULL},
    {"to", MU_OPTION_INT, OPTION(to), "-1", "VERSION",
     "with 'migrate': the database version to go to", -1, 1000, NULL},
    {NULL, MU_OPTION_STRING, 0, NULL, NULL, NULL, 0, 0, NULL},
};

/* A password in a URL would be in the list of processes, and in our log. */
static int check_url(const char *url, struct mu_error *err)
{
	if (!mu_str_has_prefix(url, "http://") && !mu_str_has_prefix(url, "https://"))
		return mu_error_set(err, MU_E_INVALID,
				    "remote-write: '%s' is not a URL; hint: "
				    "https://HOST:PORT/api/v1/write for Prometheus and many more",
				    url);
	if (mu_url_has_user(url))
		return mu_error_set(err, MU_E_INVALID,
				    "remote-write: a URL with a user in it; "
				    "hint: use remote-write-user and remote-write-password-file");
	return 0;
}

int options_check(const struct app_options *o, struct mu_error *err)
{
	if (!o->remote_write)
		return 0;
	if (check_url(o->remote_write, err) < 0)
		return MU_FAILED;
	if (!o->remote_write_user != !o->remote_write_password)
		return mu_error_set(err, MU_E_INVALID,
				    "remote-write-user and "
				    "remote-write-password-file belong together");
	if (o->remote_write_user && o->remote_write_token)
		return mu_error_set(err, MU_E_INVALID,
				    "remote-write-user and "
				    "remote-write-token-file exclude each other");
	return 0;
}

char *options_socket(const struct app_options *o)
{
	if (o->socket)
		return mu_xstrdup(o->socket);
	if (strcmp(o->state, DEFAULT_STATE) == 0)
		return mu_xstrdup(DEFAULT_SOCKET);
	return mu_xasprintf("%s/aggregator.sock", o->state);
}

/* Split "ADDR:PORT" / "[ADDR]:PORT"; the address without brackets, to be freed. */
static int split_address(const char *text, char **ret_host, char **ret_port, struct mu_error *err)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;

	if (!colon || !mu_parse_u64(colon + 1, &port) || port > 65535)
		return mu_error_set(err, MU_E_INVALID,
				    "'%s' is not ADDR:PORT; hint: for IPv6 write [ADDR]:PORT",
				    text);
	if (text[0] == '[' && colon > text && colon[-1] == ']')
		*ret_host = mu_xstrndup(text + 1, (size_t)(colon - text) - 2);
	else
		*ret_host = mu_xstrndup(text, (size_t)(colon - text));
	*ret_port = mu_xstrdup(colon + 1);
	return 0;
}

static bool is_address(const char *name)
{
	unsigned char buf[16];

	return inet_pton(AF_INET, name, buf) == 1 || inet_pton(AF_INET6, name, buf) == 1;
}

static void add_name(struct mu_str *s, const char *name)
{
	const char *kind = is_address(name) ? "IP" : "DNS";

	if (name[0] == '\0' || strcmp(name, "0.0.0.0") == 0 || strcmp(name, "::") == 0)
		return;
	mu_str_printf(s, "%s%s:%s", s->len ? "," : "", kind, name);
}

/* The host part of "host", "host:port", "[addr]:port" or a bare address. */
static char *host_part(const char *text)
{
	char *host;
	char *port;

	if (is_address(text) || !strchr(text, ':') || split_address(text, &host, &port, NULL) < 0)
		return mu_xstrdup(text);
	free(port);
	return host;
}

static void add_host_of(struct mu_str *s, const char *address)
{
	MU_CLEANUP(mu_free) char *host = address ? host_part(address) : NULL;

	if (host)
		add_name(s, host);
}

char *options_alt_names(const struct app_options *o)
{
	struct mu_str s = MU_STR_INIT;
	MU_CLEANUP(mu_free) char *more = mu_xstrdup(o->names ? o->names : "");
	char *rest = more;
	char *item;
	char hostname[256] = "";

	add_name(&s, "localhost");
	add_name(&s, "127.0.0.1");
	add_name(&s, "::1");
	if (gethostname(hostname, sizeof hostname - 1) == 0)
		add_name(&s, hostname);
	add_host_of(&s, o->listen);
	add_host_of(&s, o->fleet_listen);
	add_host_of(&s, o->fleet_name);
	while ((item = strsep(&rest, ",")))
		add_name(&s, item);
	return mu_str_take(&s);
}

char *options_fleet_address(const struct app_options *o, int port)
{
	MU_CLEANUP(mu_free) char *host = host_part(o->fleet_name ? o->fleet_name : o->fleet_listen);
	char hostname[256] = "localhost";

	if (o->fleet_name && !is_address(o->fleet_name) && strchr(o->fleet_name, ':'))
		return mu_xstrdup(o->fleet_name);
	if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 || host[0] == '\0') {
		if (gethostname(hostname, sizeof hostname - 1) < 0)
			hostname[0] = '\0';
		return mu_xasprintf("%s:%d", hostname, port);
	}
	return mu_xasprintf(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}
