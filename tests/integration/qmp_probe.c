/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/hv/xen/xen_qmp.h on the command line: `qmp_probe DIR`, and a line on standard input is a
 * round: how many ms from asking to taking, and the domains that are there then, each NUMBER or
 * NUMBER:LIFE. Answered by a line of JSON, an object of domains, each of disks; null: nobody knows
 * them.
 */
#include "agent/hv/xen/xen_qmp.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "common/loop/loop.h"
#include "common/loop/poll.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, DOMAINS_MAX = 256 };

struct probe {
	struct mu_loop *loop;
	struct xen_qmp *qmp;
	struct mu_poll *input;
	struct mu_timer *timer;
	char line[LINE_MAX_BYTES + 1];
	size_t len;
	size_t n;
	struct hv_domain_stats domains[DOMAINS_MAX];
};

static void set_count(struct mu_arena *a, struct mu_value *v, const char *name, uint64_t n)
{
	mu_value_set(a, v, name,
		     n == HV_COUNTER_UNKNOWN ? mu_value_null(a) : mu_value_int(a, (int64_t)n));
}

static void show_disk(struct mu_arena *a, struct mu_value *disks, const struct hv_vbd_stats *v)
{
	struct mu_value *d = mu_value_set(a, disks, v->vdev, mu_value_object(a));

	mu_value_set_bool(a, d, "timed", v->timed);
	mu_value_set_int(a, d, "at", v->at);
	set_count(a, d, "rd_bytes", v->rd_bytes);
	set_count(a, d, "wr_bytes", v->wr_bytes);
	set_count(a, d, "rd_reqs", v->rd_reqs);
	set_count(a, d, "wr_reqs", v->wr_reqs);
	set_count(a, d, "rd_ns", v->rd_ns);
	set_count(a, d, "wr_ns", v->wr_ns);
}

static void on_time(void *ctx)
{
	struct probe *p = ctx;
	MU_CLEANUP(mu_arena_free) struct mu_arena *a = mu_arena_new();
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct mu_value *all = mu_value_object(a);
	char name[16];

	xen_qmp_take(p->qmp, p->domains, p->n);
	for (size_t i = 0; i < p->n; i++) {
		const struct hv_domain_stats *d = &p->domains[i];
		struct mu_value *disks;

		(void)snprintf(name, sizeof name, "%" PRIu32, d->domid.value);
		disks = mu_value_set(a, all, name,
				     d->more_vbds ? mu_value_null(a) : mu_value_object(a));
		for (uint32_t k = 0; k < d->n_vbds; k++)
			show_disk(a, disks, &d->vbds[k]);
	}
	mu_json_write(&text, all, false);
	(void)printf("%s\n", text.data);
	(void)fflush(stdout);
}

static void round_begins(struct probe *p, char *line)
{
	char *save = NULL;
	const char *word = strtok_r(line, " ", &save);
	mu_msec wait = word ? strtol(word, NULL, 10) : 0;

	p->n = 0;
	while ((word = strtok_r(NULL, " ", &save)) && p->n < DOMAINS_MAX) {
		struct hv_domain_stats *d = &p->domains[p->n++];
		const char *life = strchr(word, ':');

		*d = (struct hv_domain_stats){.domid = {(uint32_t)strtoul(word, NULL, 10)}};
		d->id.uuid.bytes[0] = (uint8_t)(life ? strtoul(life + 1, NULL, 10) : 1);
	}
	xen_qmp_ask(p->qmp);
	mu_timer_set(p->timer, wait);
}

static void on_input(void *ctx, unsigned events)
{
	struct probe *p = ctx;
	ssize_t n = read(STDIN_FILENO, p->line + p->len, LINE_MAX_BYTES - p->len);

	(void)events;
	if (n <= 0) {
		mu_loop_stop(p->loop);
		return;
	}
	p->len += (size_t)n;
	p->line[p->len] = '\0';
	if (!strchr(p->line, '\n'))
		return;
	p->line[strcspn(p->line, "\n")] = '\0';
	p->len = 0;
	round_begins(p, p->line);
}

int main(int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT;
	struct probe *p = mu_xcalloc(1, sizeof *p);

	if (argc != 2)
		return 2;
	p->loop = mu_loop_new();
	p->qmp = xen_qmp_new(p->loop, argv[1]);
	p->timer = mu_timer_new(p->loop, on_time, p);
	if (mu_poll_new(p->loop, STDIN_FILENO, on_input, p, &p->input, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	mu_poll_set(p->input, MU_POLL_IN);
	mu_loop_run(p->loop);
	mu_poll_free(p->input);
	mu_timer_free(p->timer);
	xen_qmp_free(p->qmp);
	mu_loop_run(p->loop); /* what was closed is let go */
	mu_loop_free(p->loop);
	free(p);
	return 0;
}
