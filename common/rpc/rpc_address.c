/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rpc/rpc_address.h"

#include "common/base/assert.h"
#include "common/base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int parse_host(const char *host, struct rpc_address *a)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		memcpy(&a->bind, &v4, sizeof v4);
		if (v4.sin_addr.s_addr == htonl(INADDR_ANY))
			v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		memcpy(&a->probe, &v4, sizeof v4);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		return MU_FAILED;
	memcpy(&a->bind, &v6, sizeof v6);
	memcpy(&a->probe, &v6, sizeof v6);
	/* gRPC's "[::]" also takes IPv4, and is IPv4 alone where the kernel has no IPv6. */
	if (IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr)) {
		v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		memcpy(&a->probe, &v4, sizeof v4);
	}
	return 0;
}

static void set_sockaddr_port(struct sockaddr_storage *ss, uint16_t port)
{
	if (ss->ss_family == AF_INET)
		((struct sockaddr_in *)ss)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)ss)->sin6_port = htons(port);
}

void rpc_address_set_port(struct rpc_address *a, uint16_t port)
{
	char host[INET6_ADDRSTRLEN];
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->bind;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->bind;

	a->port = port;
	set_sockaddr_port(&a->bind, port);
	set_sockaddr_port(&a->probe, port);
	if (a->bind.ss_family == AF_INET) {
		mu_assert(inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host));
		(void)snprintf(a->text, sizeof a->text, "%s:%u", host, (unsigned int)port);
	} else {
		mu_assert(inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host));
		(void)snprintf(a->text, sizeof a->text, "[%s]:%u", host, (unsigned int)port);
	}
}

int rpc_address_parse(const char *listen, struct rpc_address *ret, struct mu_error *err)
{
	const char *colon = listen ? strrchr(listen, ':') : NULL;
	struct rpc_address a = {.port = 0};
	char host[INET6_ADDRSTRLEN];
	uint64_t port;
	size_t len;

	if (!colon || !mu_parse_u64(colon + 1, &port) || port > UINT16_MAX)
		goto bad;
	len = (size_t)(colon - listen);
	if (len >= 2 && listen[0] == '[' && listen[len - 1] == ']') {
		listen++;
		len -= 2;
	}
	if (len >= sizeof host)
		goto bad;
	memcpy(host, listen, len);
	host[len] = '\0';
	if (parse_host(host, &a) < 0)
		goto bad;
	rpc_address_set_port(&a, (uint16_t)port);
	*ret = a;
	return 0;
bad:
	return mu_error_set(err, MU_E_INVALID,
			    "cannot listen on \"%s\"; hint: write it as 192.0.2.1:8443, "
			    "0.0.0.0:8443 or [::]:8443",
			    listen ? listen : "");
}

int rpc_address_try(const struct rpc_address *a, struct mu_error *err)
{
	socklen_t len =
	    a->bind.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int fd = socket(a->bind.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, r = 0;

	if (fd < 0)
		return errno == EAFNOSUPPORT ? 0 : mu_error_errno(err, errno, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)&a->bind, len) < 0 && errno != EAFNOSUPPORT)
		r = mu_error_errno(err, errno, "cannot listen on %s", a->text);
	(void)close(fd);
	return r;
}
