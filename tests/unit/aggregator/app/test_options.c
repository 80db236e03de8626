/* SPDX-License-Identifier: Apache-2.0 */
/* What is derived from options: addresses, names of certificates, paths. */
#include "aggregator/app/options.h"
#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct app_options defaults(void)
{
	struct app_options o = {0};

	mu_config_defaults(options_table, &o);
	return o;
}

Test(options, agents_are_told_what_they_can_dial)
{
	static const struct {
		const char *listen;
		const char *name;
		const char *want; /* NULL: begins with this host's name */
	} cases[] = {
	    {"127.0.0.1:8444", NULL, "127.0.0.1:9"},
	    {"[::1]:8444", NULL, "[::1]:9"},
	    {"0.0.0.0:8444", "muster.example", "muster.example:9"},
	    {"0.0.0.0:8444", "muster.example:77", "muster.example:77"},
	    {"0.0.0.0:8444", "10.0.2.2", "10.0.2.2:9"},
	    {"0.0.0.0:8444", "2001:db8::1", "[2001:db8::1]:9"},
	    {"0.0.0.0:8444", "[2001:db8::1]:5", "[2001:db8::1]:5"},
	    {"[::]:8444", NULL, NULL},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct app_options o = defaults();
		MU_CLEANUP(mu_free) char *got = NULL;

		o.fleet_listen = cases[i].listen;
		o.fleet_name = cases[i].name;
		got = options_fleet_address(&o, 9);
		if (cases[i].want)
			cr_expect_str_eq(got, cases[i].want);
		else
			cr_expect(strstr(got, ":9") && got[0] != ':' && got[0] != '[', "%s", got);
	}
}

Test(options, certificates_get_every_name)
{
	struct app_options o = defaults();
	MU_CLEANUP(mu_free) char *names = NULL;

	o.listen = "192.0.2.7:8443";
	o.fleet_listen = "0.0.0.0:8444";
	o.fleet_name = "agents.example:8444";
	o.names = "muster.example,2001:db8::7";
	names = options_alt_names(&o);
	cr_expect(strstr(names, "DNS:localhost,IP:127.0.0.1,IP:::1"), "%s", names);
	cr_expect(strstr(names, "IP:192.0.2.7"), "%s", names);
	cr_expect(strstr(names, "DNS:agents.example"), "%s", names);
	cr_expect(strstr(names, "DNS:muster.example,IP:2001:db8::7"), "%s", names);
	cr_expect_not(strstr(names, "0.0.0.0"), "%s", names);
}

Test(options, the_socket_is_beside_the_state)
{
	struct app_options o = defaults();
	MU_CLEANUP(mu_free) char *def = options_socket(&o);
	MU_CLEANUP(mu_free) char *own = NULL;
	MU_CLEANUP(mu_free) char *given = NULL;

	cr_expect_str_eq(def, "/run/muster-aggregator/aggregator.sock");
	o.state = "/srv/m";
	own = options_socket(&o);
	cr_expect_str_eq(own, "/srv/m/aggregator.sock");
	o.socket = "/x.sock";
	given = options_socket(&o);
	cr_expect_str_eq(given, "/x.sock");
}

Test(options, remote_write)
{
	static const struct {
		const char *url, *user, *password, *token;
		const char *wrong; /* NULL: right */
	} cases[] = {
	    {NULL, NULL, NULL, NULL, NULL},
	    {NULL, "u", NULL, NULL, NULL}, /* nothing is sent anywhere */
	    {"https://db:9090/api/v1/write", NULL, NULL, NULL, NULL},
	    {"http://[::1]:9090/api/v1/write?x=a@b", NULL, NULL, "/t", NULL},
	    {"https://db/write", "u", "/p", NULL, NULL},
	    {"db:9090", NULL, NULL, NULL, "is not a URL"},
	    {"ftp://db", NULL, NULL, NULL, "is not a URL"},
	    {"https://u:p@db/write", NULL, NULL, NULL, "with a user in it"},
	    {"https://db/write", "u", NULL, NULL, "belong together"},
	    {"https://db/write", NULL, "/p", NULL, "belong together"},
	    {"https://db/write", "u", "/p", "/t", "exclude each other"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(cases); i++) {
		struct app_options o = defaults();
		struct mu_error err = MU_ERROR_INIT;
		int r;

		o.remote_write = cases[i].url;
		o.remote_write_user = cases[i].user;
		o.remote_write_password = cases[i].password;
		o.remote_write_token = cases[i].token;
		r = options_check(&o, &err);
		cr_expect_eq(r < 0, cases[i].wrong != NULL, "case %zu", i);
		cr_expect(!cases[i].wrong || strstr(err.text, cases[i].wrong), "%s", err.text);
		cr_expect(!strstr(err.text, "u:p"), "%s", err.text);
	}
}
