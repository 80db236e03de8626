/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain whose disks QEMU serves, or whose devices it emulates, has a socket
 * qmp-libxenstat-<domid>; one that is not there is the answer that there is no QEMU. A QEMU serves
 * one client of a socket at a time, and xentop asks there too: so it is a connection a question,
 * and none between two.
 *
 * At most ASKED_MAX are asked at a time, those that did not answer the last time after all others:
 * so QEMUs that hang are in the way of each other only.
 */
#include "agent/hv/xen/xen_qmp.h"

#include "agent/hv/qmp/qmp.h"
#include "common/base/assert.h"
#include "common/log/log.h"
#include "common/loop/poll.h"
#include "common/os/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ASKED_MAX = 64, HEAR_BYTES = 16384, SOCKET_PATH_MAX = 107 };

enum state {
	IDLE,
	IN_LINE, /* to be asked */
	ASKED,
	ANSWERED,
};

struct asked {
	struct xen_qmp *qmp;
	struct hv_domid domid;
	struct vm_id id;
	enum state state;
	bool silent; /* did not answer when it was asked last */
	bool told;   /* the log knows that it is */
	bool none;   /* there was no QEMU when it was asked last */
	mu_msec at;
	struct qmp_disks *disks; /* as it told last; NULL: it never has, or there is none */
	/* ASKED */
	int fd;
	struct mu_poll *poll;
	struct qmp talk;
	struct mu_str out;
	size_t n_sent;
};

struct xen_qmp {
	struct mu_loop *loop;
	char dir[SOCKET_PATH_MAX];
	size_t n_asked;
	size_t n;
	struct asked **all; /* in order of domains' ids */
};

static void ask_next(struct xen_qmp *q);

/* ---- one domain ---- */

static void hang_up(struct asked *a)
{
	a->poll = mu_poll_free(a->poll);
	if (a->fd >= 0)
		(void)close(a->fd);
	a->fd = -1;
	qmp_deinit(&a->talk);
	mu_str_deinit(&a->out);
	a->talk = (struct qmp){.asked = QMP_NOTHING};
	a->n_sent = 0;
	if (a->state == ASKED)
		a->qmp->n_asked--;
	a->state = IDLE;
}

static struct asked *asked_new(struct xen_qmp *q, const struct hv_domain_stats *d)
{
	struct asked *a = mu_xcalloc(1, sizeof *a);

	a->qmp = q;
	a->domid = d->domid;
	a->id = d->id;
	a->fd = -1;
	return a;
}

static void asked_free(struct asked *a)
{
	hang_up(a);
	free(a->disks);
	free(a);
}

/* What keeps it from answering is said once. */
static void fail(struct asked *a, const struct mu_error *err)
{
	if (!a->told)
		mu_log_warning("disks of a QEMU are not counted domid=%" PRIu32 " err=\"%s\"",
			       a->domid.value, err->text);
	a->told = true;
	a->silent = true;
	a->none = false;
	hang_up(a);
}

static void answered(struct asked *a, const struct qmp_disks *disks)
{
	hang_up(a);
	a->state = ANSWERED;
	a->silent = a->told = a->none = false;
	a->at = mu_clock_monotonic();
	if (!a->disks)
		a->disks = mu_xmalloc(sizeof *a->disks);
	*a->disks = *disks;
}

static bool would_block(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void watch(struct asked *a)
{
	mu_poll_set(a->poll, MU_POLL_IN | (a->n_sent < a->out.len ? MU_POLL_OUT : 0));
}

/* 1: it has answered. */
static int say_and_hear(struct asked *a, unsigned events, struct qmp_disks *ret,
			struct mu_error *err)
{
	char data[HEAR_BYTES];
	ssize_t n;
	int r;

	if ((events & MU_POLL_OUT) && a->n_sent < a->out.len) {
		n = send(a->fd, a->out.data + a->n_sent, a->out.len - a->n_sent, MSG_NOSIGNAL);
		if (n < 0 && !would_block(n))
			return mu_error_errno(err, errno, "its QMP socket");
		a->n_sent += n > 0 ? (size_t)n : 0;
	}
	n = recv(a->fd, data, sizeof data, 0);
	if (would_block(n))
		return 0;
	if (n < 0)
		return mu_error_errno(err, errno, "its QMP socket");
	if (n == 0)
		return mu_error_set(err, MU_E_UNAVAILABLE, "QEMU closes its QMP socket");
	r = qmp_hear(&a->talk, data, (size_t)n, &a->out, ret, err);
	return r;
}

static void on_poll(void *ctx, unsigned events)
{
	struct asked *a = ctx;
	struct xen_qmp *q = a->qmp;
	struct mu_error err = MU_ERROR_INIT;
	struct qmp_disks disks;
	int r = say_and_hear(a, events, &disks, &err);

	if (r == 0) {
		watch(a);
		return;
	}
	if (r < 0)
		fail(a, &err);
	else
		answered(a, &disks);
	ask_next(q);
}

static int dial(struct asked *a, struct mu_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int len = snprintf(address.sun_path, sizeof address.sun_path, "%s/qmp-libxenstat-%" PRIu32,
			   a->qmp->dir, a->domid.value);

	mu_assert(len > 0 && (size_t)len < sizeof address.sun_path);
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return mu_error_errno(err, errno, "socket");
	if (connect(a->fd, (struct sockaddr *)&address, sizeof address) < 0)
		return mu_error_errno(err, errno, "%s", address.sun_path);
	return mu_poll_new(a->qmp->loop, a->fd, on_poll, a, &a->poll, err);
}

static void begin(struct asked *a)
{
	struct mu_error err = MU_ERROR_INIT;

	a->state = ASKED;
	a->qmp->n_asked++;
	if (dial(a, &err) == 0) {
		watch(a);
		return;
	}
	if (err.code != MU_E_NOT_FOUND) {
		fail(a, &err);
		return;
	}
	hang_up(a);
	a->silent = a->told = false;
	a->none = true;
	free(a->disks);
	a->disks = NULL;
}

/* ---- all of them ---- */

static void ask_those(struct xen_qmp *q, bool silent)
{
	for (size_t i = 0; i < q->n && q->n_asked < ASKED_MAX; i++)
		if (q->all[i]->state == IN_LINE && q->all[i]->silent == silent)
			begin(q->all[i]);
}

static void ask_next(struct xen_qmp *q)
{
	ask_those(q, false);
	ask_those(q, true);
}

void xen_qmp_ask(struct xen_qmp *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->all[i]->state == IDLE)
			q->all[i]->state = IN_LINE;
	ask_next(q);
}

static void end_asking(struct xen_qmp *q)
{
	struct mu_error err = MU_ERROR_INIT;

	(void)mu_error_set(&err, MU_E_TIMEOUT, "QEMU does not answer");
	for (size_t i = 0; i < q->n; i++) {
		if (q->all[i]->state == IN_LINE)
			q->all[i]->state = IDLE;
		else if (q->all[i]->state == ASKED)
			fail(q->all[i], &err);
	}
}

/* ---- what was told ---- */

static bool has_vbd(const struct hv_domain_stats *d, const char *vdev)
{
	for (uint32_t i = 0; i < d->n_vbds; i++)
		if (strcmp(d->vbds[i].vdev, vdev) == 0)
			return true;
	return false;
}

static struct hv_vbd_stats not_known(const struct hv_vbd_stats *v)
{
	struct hv_vbd_stats r = {
	    .timed = true,
	    .rd_bytes = HV_COUNTER_UNKNOWN,
	    .wr_bytes = HV_COUNTER_UNKNOWN,
	    .rd_reqs = HV_COUNTER_UNKNOWN,
	    .wr_reqs = HV_COUNTER_UNKNOWN,
	    .rd_ns = HV_COUNTER_UNKNOWN,
	    .wr_ns = HV_COUNTER_UNKNOWN,
	};

	memcpy(r.vdev, v->vdev, sizeof r.vdev);
	return r;
}

static void take(struct asked *a, struct hv_domain_stats *d)
{
	for (uint32_t i = 0; a->disks && i < a->disks->n && d->n_vbds < HV_DISKS_MAX; i++) {
		struct hv_vbd_stats v = a->disks->vbds[i];

		if (has_vbd(d, v.vdev))
			continue;
		v.at = a->at;
		d->vbds[d->n_vbds++] = a->state == ANSWERED ? v : not_known(&v);
	}
	qsort(d->vbds, d->n_vbds, sizeof d->vbds[0], hv_vbd_compare);
	d->more_vbds = !a->disks && !a->none;
	a->state = IDLE;
}

/* Both are in order of ids. A domain that is gone goes, its number may be another's. */
static void follow(struct xen_qmp *q, const struct hv_domain_stats *domains, size_t n)
{
	struct asked **all = mu_xcalloc(n ? n : 1, sizeof *all);
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct hv_domain_stats *d = &domains[i];

		while (k < q->n && q->all[k]->domid.value < d->domid.value)
			asked_free(q->all[k++]);
		if (k < q->n && q->all[k]->domid.value == d->domid.value &&
		    mu_uuid_equal(&q->all[k]->id.uuid, &d->id.uuid))
			all[i] = q->all[k++];
		else
			all[i] = asked_new(q, d);
	}
	while (k < q->n)
		asked_free(q->all[k++]);
	free(q->all);
	q->all = all;
	q->n = n;
}

void xen_qmp_take(struct xen_qmp *q, struct hv_domain_stats *domains, size_t n)
{
	end_asking(q);
	follow(q, domains, n);
	for (size_t i = 0; i < n; i++)
		take(q->all[i], &domains[i]);
}

struct xen_qmp *xen_qmp_new(struct mu_loop *loop, const char *dir)
{
	struct xen_qmp *q = mu_xcalloc(1, sizeof *q);
	int len = snprintf(q->dir, sizeof q->dir, "%s", dir);

	/* With a domain's number behind it, it has to be a socket's address. */
	mu_assert(len > 0 &&
		  (size_t)len + sizeof "/qmp-libxenstat-4294967295" <= SOCKET_PATH_MAX + 1);
	q->loop = loop;
	return q;
}

struct xen_qmp *xen_qmp_free(struct xen_qmp *q)
{
	for (size_t i = 0; q && i < q->n; i++)
		asked_free(q->all[i]);
	if (q)
		free(q->all);
	free(q);
	return NULL;
}
