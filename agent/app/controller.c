/* SPDX-License-Identifier: Apache-2.0 */
/* Domain 0 as an object: its id follows from the host's, since the one that Xen gives it is the
 * same everywhere. */
#include "agent/app/app_priv.h"

#include "common/log/log.h"

#include <stdio.h>
#include <string.h>

void controller_look(struct app *app)
{
	char name[sizeof "Control domain on host: " + MODEL_NAME_MAX];
	struct mu_error err = MU_ERROR_INIT;
	struct model_object o;

	model_object_init(&o, OBJECT_CONTROLLER);
	if (hv_dom0(app->hv, &o.controller, &err) < 0) {
		mu_log_debug("what domain 0 has is not available err=\"%s\"", err.text);
		return;
	}
	o.id = object_controller_id(&app->id);
	o.host = app->id;
	(void)snprintf(name, sizeof name, "Control domain on host: %s", app->host.name);
	mu_utf8_sanitize(o.name, MODEL_NAME_MAX, name, strlen(name));
	(void)snprintf(o.description, sizeof o.description, "%s",
		       "drives the host's devices and has its other domains made");
	app_object_set(app, &o);
}
