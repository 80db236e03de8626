/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http/listen.h"

#include "common/base/assert.h"
#include "common/base/str.h"
#include "common/log/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

enum {
	BACKLOG = 1024,
	ACCEPTS_PER_TURN = 32,   /* so that a storm does not starve the connections there are */
	RETRY_AFTER_MS = 200,    /* no descriptors left: wait for some to be closed */
	SEND_TIMEOUT_MS = 60000, /* unacknowledged for so long: the peer's machine is gone */
};

struct http_listener {
	uv_poll_t poll;
	struct mu_loop *loop;
	struct mu_timer *retry;
	int fd;
	bool is_unix;
	bool paused; /* by the owner */
	char *path;
	http_accept_cb on_accept;
	void *ctx;
};

static void fill_tcp_peer(const struct sockaddr_storage *ss, struct http_peer *peer)
{
	const char *text = NULL;

	if (ss->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, ss, sizeof in6);
		text = inet_ntop(AF_INET6, &in6.sin6_addr, peer->address, sizeof peer->address);
	} else if (ss->ss_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, ss, sizeof in);
		text = inet_ntop(AF_INET, &in.sin_addr, peer->address, sizeof peer->address);
	}
	if (!text)
		(void)snprintf(peer->address, sizeof peer->address, "unknown");
}

static int fill_unix_peer(int fd, struct http_peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return MU_FAILED;
	peer->local = true;
	peer->uid = cred.uid;
	peer->gid = cred.gid;
	peer->pid = cred.pid;
	(void)snprintf(peer->address, sizeof peer->address, "unix:pid=%ld", (long)cred.pid);
	return 0;
}

static void tune_tcp(int fd)
{
	int on = 1;
	int timeout = SEND_TIMEOUT_MS;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}

/* false: nothing more to accept now. */
static bool accept_one(struct http_listener *l)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof ss;
	struct http_peer peer = {0};
	int fd = accept4(l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			mu_log_warning("accept failed, trying again err=\"%s\"", strerror(errno));
			(void)uv_poll_stop(&l->poll);
			mu_timer_set(l->retry, RETRY_AFTER_MS);
			return false;
		}
		/* A connection that died in the queue: look at the next one. */
		return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
	}
	if (l->is_unix) {
		if (fill_unix_peer(fd, &peer) < 0) {
			(void)close(fd);
			return true;
		}
	} else {
		fill_tcp_peer(&ss, &peer);
		tune_tcp(fd);
	}
	l->on_accept(fd, &peer, l->ctx);
	return true;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct http_listener *l = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN && !l->paused; i++)
		if (!accept_one(l))
			break;
}

static void watch(struct http_listener *l)
{
	if (!l->paused && !mu_timer_is_set(l->retry))
		(void)uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

static void on_retry(void *ctx)
{
	watch(ctx);
}

void http_listener_pause(struct http_listener *l)
{
	l->paused = true;
	(void)uv_poll_stop(&l->poll);
}

void http_listener_resume(struct http_listener *l)
{
	l->paused = false;
	watch(l);
}

static void on_closed(uv_handle_t *h)
{
	struct http_listener *l = h->data;

	(void)close(l->fd);
	free(l->path);
	free(l);
}

struct http_listener *http_listener_free(struct http_listener *l)
{
	if (!l)
		return NULL;
	if (l->path)
		(void)unlink(l->path);
	l->retry = mu_timer_free(l->retry);
	uv_close((uv_handle_t *)&l->poll, on_closed);
	return NULL;
}

static struct http_listener *listener_new(struct mu_loop *loop, int fd, http_accept_cb on_accept,
					  void *ctx)
{
	struct http_listener *l = mu_xcalloc(1, sizeof *l);

	l->loop = loop;
	l->fd = fd;
	l->on_accept = on_accept;
	l->ctx = ctx;
	l->retry = mu_timer_new(loop, on_retry, l);
	mu_assert(uv_poll_init(mu_loop_uv(loop), &l->poll, fd) == 0);
	l->poll.data = l;
	watch(l);
	return l;
}

/* TCP */

/* Split "ADDR:PORT" or "[ADDR]:PORT". */
static int split_address(const char *address, char *host, size_t host_size, const char **ret_port,
			 struct mu_error *err)
{
	const char *colon = strrchr(address, ':');
	const char *begin = address;
	size_t len = colon ? (size_t)(colon - address) : 0;
	uint64_t port;

	if (len >= 2 && begin[0] == '[' && begin[len - 1] == ']') {
		begin++;
		len -= 2;
	}
	if (!colon || len >= host_size || !mu_parse_u64(colon + 1, &port) || port > 65535)
		return mu_error_set(err, MU_E_INVALID,
				    "\"%s\" is not an address to listen on; hint: ADDR:PORT, as in "
				    "0.0.0.0:8443 or [::1]:8443",
				    address);
	memcpy(host, begin, len);
	host[len] = '\0';
	*ret_port = colon + 1;
	return 0;
}

static int bind_tcp(const struct addrinfo *ai)
{
	int on = 1;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		int saved = errno;

		(void)close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static int bound_port(int fd)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof ss;
	struct sockaddr_in in;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return 0;
	/* The port is at the same place in sockaddr_in and sockaddr_in6. */
	memcpy(&in, &ss, sizeof in);
	return ntohs(in.sin_port);
}

int http_listener_tcp(struct mu_loop *loop, const char *address, http_accept_cb on_accept,
		      void *ctx, struct http_listener **ret_listener, int *ret_port,
		      struct mu_error *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *list = NULL;
	const char *port = NULL;
	char host[256];
	int fd = -1;
	int rc;

	if (split_address(address, host, sizeof host, &port, err) < 0)
		return MU_FAILED;
	rc = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
	if (rc != 0)
		return mu_error_set(err, MU_E_INVALID, "cannot listen on \"%s\": %s", address,
				    gai_strerror(rc));
	for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = bind_tcp(ai);
	rc = errno;
	freeaddrinfo(list);
	if (fd < 0)
		return mu_error_errno(err, rc, "cannot listen on \"%s\"", address);
	*ret_port = bound_port(fd);
	*ret_listener = listener_new(loop, fd, on_accept, ctx);
	return 0;
}

/* Unix sockets */

/* Make way for bind(): a socket file that nobody listens on is left over from a crash. */
static int remove_stale(const char *path, const struct sockaddr_un *addr, struct mu_error *err)
{
	struct stat st;
	int fd;
	int rc;

	if (lstat(path, &st) < 0)
		return errno == ENOENT
			   ? 0
			   : mu_error_errno(err, errno, "cannot look at the socket %s", path);
	if (!S_ISSOCK(st.st_mode))
		return mu_error_set(err, MU_E_EXISTS,
				    "%s exists and is not a socket; hint: remove it", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return mu_error_errno(err, errno, "cannot make a socket for %s", path);
	rc = connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0 ? errno : 0;
	(void)close(fd);
	if (rc == 0 || rc == EAGAIN)
		return mu_error_set(err, MU_E_EXISTS,
				    "another process serves the socket %s; hint: end it first",
				    path);
	if (unlink(path) < 0 && errno != ENOENT)
		return mu_error_errno(err, errno, "cannot remove the stale socket %s", path);
	return 0;
}

int http_listener_unix(struct mu_loop *loop, const char *path, mode_t mode,
		       http_accept_cb on_accept, void *ctx, struct http_listener **ret_listener,
		       struct mu_error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof addr.sun_path)
		return mu_error_set(err, MU_E_INVALID,
				    "the socket path %s is longer than %zu bytes; hint: a shorter "
				    "directory",
				    path, sizeof addr.sun_path - 1);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (remove_stale(path, &addr, err) < 0)
		return MU_FAILED;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return mu_error_errno(err, errno, "cannot make a socket for %s", path);
	/* Nobody can connect between bind() and listen(), so the mode is right from the first. */
	if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || chmod(path, mode) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		int saved = errno;

		(void)close(fd);
		return mu_error_errno(err, saved, "cannot listen on the socket %s", path);
	}
	*ret_listener = listener_new(loop, fd, on_accept, ctx);
	(*ret_listener)->is_unix = true;
	(*ret_listener)->path = mu_xstrdup(path);
	return 0;
}
