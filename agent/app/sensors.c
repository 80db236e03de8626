/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/sensors.h"

#include "agent/host/sensors.h"
#include "common/base/assert.h"
#include "common/base/mem.h"
#include "common/loop/work.h"

#include <math.h>
#include <stdlib.h>

struct sensors {
	struct mu_loop *loop;
	const char *sysfs;
	struct mu_work work;
	bool reading;
	mu_loop_cb stopped; /* no more readings; NULL: go on */
	void *stopped_ctx;
	size_t n;
	struct hv_sensor known[HV_SENSORS_MAX]; /* as read last, NaN where that is taken */
	/* the work thread's */
	size_t n_fresh;
	struct hv_sensor fresh[HV_SENSORS_MAX];
};

static void run_read(struct mu_work *work)
{
	struct sensors *s = MU_CONTAINER_OF(work, struct sensors, work);

	s->n_fresh = host_sensors_read(s->sysfs, s->fresh, HV_SENSORS_MAX);
}

static void on_read(struct mu_work *work)
{
	struct sensors *s = MU_CONTAINER_OF(work, struct sensors, work);

	s->reading = false;
	s->n = s->n_fresh;
	for (size_t i = 0; i < s->n; i++)
		s->known[i] = s->fresh[i];
	if (s->stopped)
		s->stopped(s->stopped_ctx);
}

static void read_next(struct sensors *s)
{
	if (s->reading || s->stopped)
		return;
	s->reading = true;
	s->work = (struct mu_work){.run = run_read, .done = on_read};
	mu_work_start(&s->work, s->loop);
}

struct sensors *sensors_new(struct mu_loop *loop, const char *sysfs)
{
	struct sensors *s = mu_xcalloc(1, sizeof *s);

	s->loop = loop;
	s->sysfs = sysfs;
	read_next(s);
	return s;
}

void sensors_stop(struct sensors *s, mu_loop_cb done, void *ctx)
{
	s->stopped = done;
	s->stopped_ctx = ctx;
	if (!s->reading)
		mu_loop_post(s->loop, done, ctx);
}

struct sensors *sensors_free(struct sensors *s)
{
	mu_assert(!s || !s->reading);
	free(s);
	return NULL;
}

void sensors_take(struct sensors *s, struct hv_host_stats *h)
{
	h->n_sensors = (uint32_t)s->n;
	for (size_t i = 0; i < s->n; i++) {
		h->sensors[i] = s->known[i];
		s->known[i].celsius = NAN;
	}
	read_next(s);
}
