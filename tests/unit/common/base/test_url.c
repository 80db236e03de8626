/* SPDX-License-Identifier: Apache-2.0 */
#include "common/base/url.h"

#include <criterion/criterion.h>
#include <string.h>

Test(url, what_of_it_may_be_told)
{
	static const struct {
		const char *url;
		const char *origin;
		bool path;
		bool user;
	} cases[] = {
	    {"https://hooks.example.org/T/B/KEY", "https://hooks.example.org", true, false},
	    {"http://[::1]:8080?key=a@b", "http://[::1]:8080", true, false},
	    {"http://h#x@y", "http://h", true, false},
	    {"https://h:1/", "https://h:1", false, false},
	    {"smtp://h", "smtp://h", false, false},
	    {"smtps://u:p/w@host", "smtps://u:p", true, false}, /* that is how it is read */
	    {"smtps://u:pw@host:25/x", "smtps://host:25", true, true},
	    {"smtps://u@p@host", "smtps://host", false, true},
	    {"host:1/?u=http://a@b", "host:1", true, false},
	    {"u:pw@host", "host", false, true},
	    {"", "", false, false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char origin[MU_URL_ORIGIN_TEXT];

		cr_expect_str_eq(mu_url_origin(cases[i].url, origin), cases[i].origin);
		cr_expect_eq(mu_url_has_path(cases[i].url), cases[i].path, "%s", cases[i].url);
		cr_expect_eq(mu_url_has_user(cases[i].url), cases[i].user, "%s", cases[i].url);
	}
}

Test(url, one_that_is_too_long_is_cut)
{
	char url[2 * MU_URL_ORIGIN_TEXT];
	char origin[MU_URL_ORIGIN_TEXT];

	memset(url, 'a', sizeof url - 1);
	url[sizeof url - 1] = '\0';
	cr_expect_eq(strlen(mu_url_origin(url, origin)), sizeof origin - 1);
}
