/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in for the commands that follow, and out again. */
#include "aggregator/cli/secret.h"
#include "aggregator/cli/stored.h"
#include "aggregator/cli/verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Commands are run from anywhere. */
static int ca_path(struct cli *cli, const char **ret, struct mu_error *err)
{
	char *absolute;

	*ret = NULL;
	if (!cli->options.ca)
		return 0;
	absolute = realpath(cli->options.ca, NULL);
	if (!absolute)
		return mu_error_errno(err, errno, "%s", cli->options.ca);
	*ret = mu_arena_strdup(cli->arena, absolute);
	free(absolute);
	return 0;
}

static int sign_in(struct cli *cli, const char *name, const char **ret_token, struct mu_error *err)
{
	struct mu_value *body = mu_value_object(cli->arena);
	const struct mu_value *answer;
	char secret[CLI_SECRET_MAX + 1];

	if (cli_secret_read("Password: ", secret, err) < 0)
		return MU_FAILED;
	mu_value_set_string(cli->arena, body, "username", name);
	mu_value_set_string(cli->arena, body, "password", secret);
	explicit_bzero(secret, sizeof secret);
	if (cli->options.otp)
		mu_value_set_string(cli->arena, body, "otp", cli->options.otp);
	if (cli_api_call(cli->api, cli->arena, "POST", "/rest/v0/auth/login", body, &answer, err) <
	    0)
		return MU_FAILED;
	*ret_token = mu_value_as_string(mu_value_get(mu_value_get(answer, "token"), "id"));
	return *ret_token ? 0
			  : mu_error_set(err, MU_E_PROTOCOL, "the server's answer has no token");
}

int cli_login(struct cli *cli, int argc, char **argv)
{
	struct cli_stored login = {.url = cli->options.url};
	struct mu_error err = MU_ERROR_INIT;

	(void)argc;
	if (!login.url) {
		(void)mu_error_set(&err, MU_E_INVALID,
				   "where to? hint: --url https://HOST:PORT, or MUSTER_URL");
		(void)cli_fail(&err);
		return CLI_USAGE;
	}
	if (ca_path(cli, &login.ca, &err) < 0 || sign_in(cli, argv[0], &login.token, &err) < 0 ||
	    cli_stored_save(cli->arena, &login, &err) < 0)
		return cli_fail(&err);
	return CLI_OK;
}

/* The file goes in any case; the token by itself after ten hours. */
int cli_logout(struct cli *cli, int argc, char **argv)
{
	struct mu_error err = MU_ERROR_INIT, also = MU_ERROR_INIT;
	struct cli_stored login;
	struct cli_api *api;
	int r;

	(void)argc;
	(void)argv;
	r = cli_stored_load(cli->arena, &login, &err);
	if (r == 0 && login.url) {
		struct cli_api_options options = {.url = login.url,
						  .token = login.token,
						  .ca = login.ca,
						  .insecure = cli->options.insecure,
						  .verbose = cli->options.verbose};

		r = cli_api_new(&options, &api, &err);
		if (r == 0) {
			r = cli_api_call(api, cli->arena, "POST", "/rest/v0/auth/logout", NULL,
					 NULL, &err);
			cli_api_free(api);
		}
	}
	if (cli_stored_remove(cli->arena, &also) < 0)
		return cli_fail(&also);
	return r < 0 && err.code != MU_E_UNAUTHENTICATED ? cli_fail(&err) : CLI_OK;
}
