/* SPDX-License-Identifier: Apache-2.0 */
/* The agent as a whole, for main.c: made from its options, started, stopped. Loop thread. */
#ifndef MUSTER_AGENT_APP_AGENT_H
#define MUSTER_AGENT_APP_AGENT_H

#include "agent/app/app.h"
#include "agent/app/config.h"
#include "agent/hv/hv.h"
#include "common/loop/loop.h"

/* Takes the state directory's lock, opens the driver, loads what is there. */
int app_new(struct mu_loop *loop, const struct agent_config *config, struct app **ret_app,
	    struct mu_error *err);
/* Cancels what runs, waits for it and for the journal; guests go on. done(arg) from the loop; the
 * app is freed by then. */
void app_stop(struct app *app, mu_loop_cb done, void *arg);

/* Somebody asked for a restart: restart(arg) once, from the loop, which is to stop the app and end
 * the process. Without it such a call is refused. */
void app_on_restart(struct app *app, mu_loop_cb restart, void *arg);

/* For those who share its state directory and driver. */
struct hv *app_hv(struct app *app);
const struct host_id *app_host_id(const struct app *app);
const char *app_boot_id(const struct app *app);
const struct state_dir *app_state_dir(const struct app *app);

#endif
