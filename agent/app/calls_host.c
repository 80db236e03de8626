/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on the host itself. */
#include "agent/app/app_priv.h"
#include "agent/app/calls.h"
#include "common/base/mem.h"
#include "common/log/log.h"

/* The process ends and whoever keeps it running starts the next one; guests go on. The call stays
 * open over that: that there is a next one is its success. */
static void start_restart(struct app_call *c)
{
	struct app *app = c->app;
	struct mu_error err;

	if (!app->restart) {
		(void)mu_error_set(&err, MU_E_STATE, "the agent is stopping already");
		app_call_finish(c, &err, NULL);
		return;
	}
	mu_log_info("asked to restart");
	mu_loop_post(app->loop, app->restart, app->restart_arg);
	app->restart = NULL;
}

static void verdict_restart(struct app *app, const struct journal_entry *e,
			    const struct mu_value *arguments, struct journal_verdict *v)
{
	(void)app;
	(void)e;
	(void)arguments;
	v->status = TASK_SUCCESS;
	mu_error_clear(&v->err);
}

const struct app_call_handler calls_host[] = {
    {.method = "host.restart_agent",
     .start = start_restart,
     .verdict = verdict_restart,
     .outlives = true},
};
const size_t n_calls_host = MU_ARRAY_SIZE(calls_host);
