/* SPDX-License-Identifier: Apache-2.0 */
#include "common/loop/work.h"

#include "common/base/assert.h"

#include <stdlib.h>
#include <uv.h>

struct job {
	uv_work_t uv;
	struct mu_work *work;
};

static void run(uv_work_t *uv)
{
	struct job *j = uv->data;

	j->work->run(j->work);
}

static void after(uv_work_t *uv, int status)
{
	struct job *j = uv->data;
	struct mu_work *w = j->work;

	mu_assert(status == 0); /* never cancelled */
	free(j);
	w->priv = NULL;
	w->done(w);
}

void mu_work_start(struct mu_work *w, struct mu_loop *loop)
{
	struct job *j = mu_xcalloc(1, sizeof *j);

	mu_assert(!w->priv && w->run && w->done);
	w->priv = j;
	j->work = w;
	j->uv.data = j;
	mu_assert(uv_queue_work(mu_loop_uv(loop), &j->uv, run, after) == 0);
}
