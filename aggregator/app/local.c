/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/1.0 exchange: HTTP/1.0 so that the answer ends with the connection and is not chunked.
 */
#include "aggregator/app/local.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { REPLY_MAX = 1 << 20, TIMEOUT_S = 30 };

static void fd_close_cleanup(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int connect_to(const char *path, struct mu_error *err)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = TIMEOUT_S};
	int fd;

	if (strlen(path) >= sizeof sa.sun_path)
		return mu_error_set(err, MU_E_INVALID, "%s: too long for a socket's path", path);
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return mu_error_errno(err, errno, "socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		mu_error_set(err, MU_E_UNAVAILABLE, "%s: no aggregator listens there", path);
	else
		mu_error_errno(err, errno, "%s", path);
	close(fd);
	return MU_FAILED;
}

static int write_all(int fd, const char *data, size_t len, struct mu_error *err)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return mu_error_errno(err, errno, "sending");
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_all(int fd, struct mu_str *out, struct mu_error *err)
{
	char buf[4096];

	while (out->len < REPLY_MAX) {
		ssize_t n = recv(fd, buf, sizeof buf, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mu_error_errno(err, errno, "waiting for the aggregator's answer");
		if (n == 0)
			return 0;
		mu_str_add_bytes(out, buf, (size_t)n);
	}
	return mu_error_set(err, MU_E_TOO_LARGE, "the aggregator's answer is too long");
}

static int parse_reply(const struct mu_str *reply, struct mu_arena *a, struct mu_value **ret,
		       struct mu_error *err)
{
	const char *body = reply->data ? strstr(reply->data, "\r\n\r\n") : NULL;
	int status = 0;
	const char *text;

	if (!body || sscanf(reply->data, "HTTP/1.%*1d %d", &status) != 1)
		return mu_error_set(err, MU_E_PROTOCOL, "the aggregator's answer is not HTTP");
	body += 4;
	if (mu_json_read(a, body, reply->len - (size_t)(body - reply->data), ret, err) < 0)
		return mu_error_prefix(err, "the aggregator's answer (status %d)", status);
	if (status >= 200 && status < 300)
		return 0;
	text = mu_value_as_string(mu_value_get(*ret, "error"));
	return mu_error_set(err, status == 401 || status == 403 ? MU_E_DENIED : MU_E_STATE, "%s",
			    text ? text : "the aggregator refused");
}

int local_post(const char *socket_path, const char *path, const struct mu_value *body,
	       struct mu_arena *a, struct mu_value **ret_reply, struct mu_error *err)
{
	MU_CLEANUP(fd_close) int fd = connect_to(socket_path, err);
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str request = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str reply = MU_STR_INIT;

	if (fd < 0)
		return MU_FAILED;
	mu_json_write(&text, body, false);
	mu_str_printf(&request,
		      "POST %s HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
		      "Content-Length: %zu\r\n\r\n%s",
		      path, text.len, text.data);
	if (write_all(fd, request.data, request.len, err) < 0 || read_all(fd, &reply, err) < 0)
		return MU_FAILED;
	return parse_reply(&reply, a, ret_reply, err);
}
