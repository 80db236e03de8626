/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/join.h"

#include "agent/app/state_dir.h"
#include "agent/link/enrol.h"
#include "common/os/file.h"

#include <stdio.h>
#include <unistd.h>

int join_fleet(const struct agent_config *config, struct mu_error *err)
{
	struct enrol_options options = {.server = config->server,
					.token = config->token,
					.name = config->name,
					.server_ca = config->server_ca};
	char host[MODEL_NAME_MAX + 1] = "host";
	char tls_dir[STATE_PATH_MAX + 1];
	char uuid[MU_UUID_TEXT];
	struct state_dir dir;

	if (!config->server)
		return mu_error_set(err, MU_E_INVALID, "--server: the aggregator's URL is needed");
	if (!config->token)
		return mu_error_set(err, MU_E_INVALID,
				    "--token: a join token is needed; hint: the aggregator makes "
				    "one");
	if (!options.name) {
		(void)gethostname(host, sizeof host - 1);
		options.name = host;
	}
	/* Without the lock: the agent may be running, and will find the certificate by itself. */
	(void)snprintf(dir.path, sizeof dir.path, "%s", config->state);
	options.tls_dir = state_dir_file(&dir, "tls", tls_dir);
	if (mu_file_mkdirs(config->state, 0700, err) < 0 ||
	    mu_file_mkdirs(tls_dir, 0700, err) < 0 ||
	    state_dir_host_id(&dir, &options.host, err) < 0 || enrol(&options, err) < 0)
		return MU_FAILED;
	printf("enrolled as %s (%s); a running agent connects within seconds\n",
	       mu_uuid_format(&options.host.uuid, uuid), options.name);
	return 0;
}
