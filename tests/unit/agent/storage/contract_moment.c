/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer writes 1, 2, 3, ... to two disks, each number to the first, then to the last, each on
 * the disk before the next. So at any one moment the first holds what the last holds, or the
 * number behind it. Two idle disks between them make the take longer. Where the SR does not hold
 * writers itself, ours is stopped for the take, as a VM is paused.
 */
#include "tests/unit/agent/storage/contract_moment.h"

#include "common/os/clock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FIRST, LAST = 3, N_DISKS, BLOCK = 4096, PATIENCE_MS = 60000 };

struct writer {
	int fds[N_DISKS]; /* of the first and the last */
	pthread_t thread;
	pthread_mutex_t pause;
	atomic_ullong n; /* on both disks */
	atomic_bool stop;
	atomic_bool failed;
};

static void *write_numbers(void *arg)
{
	struct writer *w = arg;
	char block[BLOCK] = "";

	for (uint64_t n = 1; !w->stop && !w->failed; n++) {
		memcpy(block, &n, sizeof n);
		for (size_t i = FIRST; i <= LAST; i += LAST) {
			(void)pthread_mutex_lock(&w->pause);
			if (pwrite(w->fds[i], block, sizeof block, 0) != sizeof block)
				w->failed = true;
			(void)pthread_mutex_unlock(&w->pause);
		}
		w->n = n;
	}
	return NULL;
}

static int goes_on(struct writer *w, struct mu_error *err)
{
	mu_msec until = mu_clock_monotonic() + PATIENCE_MS;
	unsigned long long from = w->n;

	while (w->n < from + 3 && !w->failed && mu_clock_monotonic() < until)
		(void)sched_yield();
	EXPECT(w->n >= from + 3, "the writer stands still");
	return 0;
}

static int begin(struct env *e, struct writer *w, const struct sr_vdi *vdis, struct mu_error *err)
{
	struct sr_path path;

	for (size_t i = FIRST; i <= LAST; i += LAST) {
		if (sr_activate(e->sr, &vdis[i], false, &path, err) < 0)
			return MU_FAILED;
		w->fds[i] = open(path.path, O_RDWR | O_DSYNC | O_CLOEXEC);
		EXPECT(w->fds[i] >= 0, "%s", path.path);
	}
	EXPECT(pthread_create(&w->thread, NULL, write_numbers, w) == 0, "thread");
	return 0;
}

static int take_both(struct env *e, struct writer *w, struct sr_clone *clones, struct mu_error *err)
{
	bool held = sr_caps_of(e->sr).holds_writers;
	struct sr_clone *list[N_DISKS];
	int r;

	for (size_t i = 0; i < N_DISKS; i++) {
		list[i] = &clones[i];
		if (sr_clone_prepare(&clones[i], err) < 0)
			return MU_FAILED;
	}
	if (goes_on(w, err) < 0)
		return MU_FAILED;
	if (!held)
		(void)pthread_mutex_lock(&w->pause);
	r = sr_clones_take(list, N_DISKS, err);
	if (!held)
		(void)pthread_mutex_unlock(&w->pause);
	return r < 0 ? r : goes_on(w, err);
}

static int number_in(struct env *e, const struct sr_vdi *vdi, uint64_t *ret, struct mu_error *err)
{
	struct sr_path path;
	ssize_t n;
	int fd;

	if (sr_activate(e->sr, vdi, true, &path, err) < 0)
		return MU_FAILED;
	fd = open(path.path, O_RDONLY | O_CLOEXEC);
	EXPECT(fd >= 0, "%s", path.path);
	n = pread(fd, ret, sizeof *ret, 0);
	(void)close(fd);
	EXPECT(n == sizeof *ret, "%s", path.path);
	return sr_deactivate(e->sr, &vdi->id, err);
}

static int take_and_look(struct env *e, struct writer *w, const struct sr_vdi *vdis,
			 struct mu_error *err)
{
	struct sr_clone clones[N_DISKS];
	uint64_t before = w->n, first, last;

	for (size_t i = 0; i < N_DISKS; i++) {
		clones[i] =
		    (struct sr_clone){.sr = e->sr, .source = vdis[i], .vdi = env_vdi("snapshot")};
		clones[i].vdi.readonly = true;
	}
	if (take_both(e, w, clones, err) < 0 || number_in(e, &clones[FIRST].vdi, &first, err) < 0 ||
	    number_in(e, &clones[LAST].vdi, &last, err) < 0)
		return MU_FAILED;
	EXPECT(last >= before && first <= w->n, "%" PRIu64 ", not from %" PRIu64, last, before);
	EXPECT(first == last || first == last + 1,
	       "%" PRIu64 " on the first, %" PRIu64 " on the last", first, last);
	return 0;
}

int contract_snapshots_are_one_moment(struct env *e, struct mu_error *err)
{
	struct writer w = {.n = 0};
	struct sr_vdi vdis[N_DISKS];
	int r;

	if (!sr_caps_of(e->sr).instant_clone)
		return 0;
	(void)pthread_mutex_init(&w.pause, NULL);
	for (size_t i = 0; i < N_DISKS; i++) {
		if (env_disk(e, "disk", &vdis[i], err) < 0)
			return MU_FAILED;
	}
	if (begin(e, &w, vdis, err) < 0)
		return MU_FAILED;
	r = take_and_look(e, &w, vdis, err);
	w.stop = true;
	(void)pthread_join(w.thread, NULL);
	for (size_t i = FIRST; i <= LAST; i += LAST) {
		(void)close(w.fds[i]);
		if (r == 0)
			r = sr_deactivate(e->sr, &vdis[i].id, err);
	}
	EXPECT(r < 0 || !w.failed, "a write failed");
	return r;
}
